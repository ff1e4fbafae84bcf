// Handlers of routes: static, redirect, return, app.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "config/answers.h"
#include "config/routes.h"
#include "config/static_files.h"
#include "config/upstreams.h"
#include "core/http/field_syntax.h"
#include "core/nearest.h"

namespace edge::config {
namespace {

constexpr std::array<std::string_view, 5> kHandlers = {"static", "redirect", "return", "app", "proxy"};

/// Whether a template may become the value of a header.
bool check_one_line(const Section& section, std::string_view key) {
  const Node* node = section.given(key);
  if (!node || node->kind != Node::Kind::scalar || is_field_text(node->text)) return true;
  section.problem(key, "cannot hold a line break or a control character");
  return false;
}

Redirect read_redirect(const Section& section) {
  Redirect redirect;
  if (check_one_line(section, "to")) section.read("to", redirect.to);
  const Node* to = section.given("to");
  if (!to)
    section.missing("to", "where to redirect is missing; give a path or a URL");
  else if (to->kind == Node::Kind::scalar && to->text.empty())
    section.refuse("to", *to, "is empty");
  std::uint32_t status = static_cast<std::uint32_t>(redirect.status);
  section.read("status", status);
  redirect.status = static_cast<int>(status);
  constexpr std::array<int, 5> kStatuses = {301, 302, 303, 307, 308};
  if (std::find(kStatuses.begin(), kStatuses.end(), redirect.status) == kStatuses.end()) {
    section.problem("status", fmt::format("{} is no redirect; expected 301, 302, 303, 307 or 308", redirect.status));
  }
  return redirect;
}

Return read_return(const Section& section) {
  Return result;
  std::uint32_t status = static_cast<std::uint32_t>(result.status);
  section.read("status", status);
  result.status = static_cast<int>(status);
  section.read("body", result.body);
  if (check_one_line(section, "type")) section.read("type", result.type);
  const bool has_no_body = result.status == 204 || result.status == 205 || result.status == 304;
  if (has_no_body && !result.body.source().empty()) {
    section.problem("body", fmt::format("an answer of status {} has no body; remove it", result.status));
  }
  return result;
}

AppRef read_app(const Section& section, const std::vector<App>& apps) {
  AppRef ref;
  section.read("app", ref.app);
  section.read("cancel_on_disconnect", ref.cancel_on_disconnect);
  const Node* files = section.given("static");
  ref.static_auto = files && files->kind == Node::Kind::scalar;
  const bool exists = std::any_of(apps.begin(), apps.end(), [&ref](const App& app) { return app.name == ref.app; });
  if (exists || ref.app.empty() || section.loading().incomplete) return ref;
  std::vector<std::string_view> names;
  for (const App& app : apps) names.push_back(app.name);
  if (ref.app.find(':') != std::string::npos && nearest(ref.app, names).empty()) {
    section.problem("app", fmt::format("there is no app {}; a route takes the name of an app; name it under `apps`",
                                       quoted(ref.app)));
  } else {
    report_no_such(section, "app", "app", "apps", ref.app, names);
  }
  return ref;
}

/// `static: auto` is a word beside an app, and no handler.
void check_static_word(const Section& section, const Node& word) {
  if (word.text != "auto") return section.refuse("static", word);
  if (!section.given("app")) section.problem("static", std::string(kAutoNeedsApp));
}

}  // namespace

void report_no_such(const Section& section, std::string_view key, std::string_view what, std::string_view where,
                    const std::string& name, const std::vector<std::string_view>& names) {
  const std::string near = nearest(name, names);
  std::string advice;
  if (!near.empty())
    advice = fmt::format("did you mean `{}`?", near);
  else if (names.empty())
    advice = fmt::format("there is none; name it under `{}`", where);
  else
    advice = fmt::format("there are: {}", fmt::join(names, ", "));
  section.problem(key, fmt::format("there is no {} {}; {}", what, quoted(name), advice));
}

void read_handler(const Section& section, const RouteContext& context, Route& route) {
  const Node* files = section.given("static");
  const bool word = files && files->kind == Node::Kind::scalar;
  std::vector<std::string_view> given;
  for (const std::string_view handler : kHandlers) {
    if (section.given(handler) && !(word && handler == "static")) given.push_back(handler);
  }
  if (word) check_static_word(section, *files);
  if (given.empty() && !word) {
    section.missing({}, "what answers is missing; give one of static, redirect, return, app, proxy");
  }
  if (section.given("cancel_on_disconnect") && !section.given("app") && !given.empty()) {
    section.problem("cancel_on_disconnect", "holds for an `app` only; remove it");
  }
  for (std::size_t i = 1; i < given.size(); ++i) {
    section.problem(given[i], fmt::format("a route has one handler, and this one has `{}` at {}; remove one", given[0],
                                          section.place_of(given[0]).text()));
  }
  if (files && !word) route.handler = read_static(section.inner("static", "sites[].routes[].static"));
  if (section.given("redirect")) route.handler = read_redirect(section.inner("redirect", "sites[].routes[].redirect"));
  if (section.given("return")) route.handler = read_return(section.inner("return", "sites[].routes[].return"));
  if (section.given("app")) route.handler = read_app(section, context.apps);
  if (section.given("proxy")) route.handler = read_proxy(section, route.path, context.upstreams);
}

}  // namespace edge::config
