// Matching conditions, and doing what matched rules ask for.
#include "core/http/request_rules.h"

#include <algorithm>
#include <array>
#include <functional>
#include <new>
#include <utility>

#include "core/http/body_text.h"
#include "core/http/replayed_body.h"
#include "core/http/request.h"
#include "core/log.h"
#include "core/log_pace.h"

namespace edge {

namespace {

constexpr std::size_t kSmallBody = 4096;  // bytes that are matched on the loop

bool holds(const Pattern& pattern, std::string_view text) {
  return pattern.try_match(text).value_or(true);
}

/// What rules look at besides what Request tells; made once for all of them.
struct Subject {
  const Request& request;
  std::string_view sent_path;      // before the "?", without scheme and host
  std::string_view decoded_query;  // the query itself where nothing is encoded
};

std::string_view sent_path(std::string_view target) {
  target = target.substr(0, target.find('?'));
  if (target.starts_with('/')) return target;
  const std::size_t authority = target.find("://");
  const std::size_t slash = authority == target.npos ? target.npos : target.find('/', authority + 3);
  return slash == target.npos ? std::string_view("/") : target.substr(slash);
}

bool matches_path(const RoutePath& path, const Subject& subject) {
  const std::optional<bool> decoded = path.try_match(subject.request.path);
  return decoded.value_or(true) || path.try_match(subject.sent_path).value_or(true);
}

bool matches_query(const Pattern& pattern, const Subject& subject) {
  const std::string_view sent = subject.request.query;
  if (holds(pattern, sent)) return true;
  return subject.decoded_query.data() != sent.data() && holds(pattern, subject.decoded_query);
}

bool matches_header(const RequestRule::Header& header, const HeaderList& fields) {
  bool is_there = false;
  for (const HeaderField& field : fields) {
    if (!same_name(field.name, header.name)) continue;
    is_there = true;
    if (holds(header.pattern, field.value)) return true;
  }
  return !is_there && holds(header.pattern, {});
}

/// But for the body.
bool matches_head(const RequestRule& rule, const Subject& subject) {
  const Request& request = subject.request;
  if (!rule.methods.empty() && std::ranges::find(rule.methods, request.method_name) == rule.methods.end()) return false;
  if (rule.path && !matches_path(*rule.path, subject)) return false;
  if (rule.query && !matches_query(*rule.query, subject)) return false;
  return std::ranges::all_of(rule.headers, [&](const auto& header) { return matches_header(header, request.headers); });
}

Subject subject_of(const Request& request) {
  return {request, sent_path(request.target), form_decoded(request.query, request.arena)};
}

/// A line a second for each rule, as far as their names differ.
void log_match(const RequestRule& rule, const Request& request) {
  thread_local std::array<LogPace, 64> paces;
  LogPace& pace = paces[std::hash<std::string_view>()(rule.name) % paces.size()];
  if (!pace.lets_pass(request.loop.now())) return;
  constexpr std::array<std::string_view, 3> kDone = {"denied", "matched", "tagged"};
  std::array<char, 46> ip;
  log::warn("request {}: rule {} {}{} {} {} from {}", request.id(), rule.name, rule.dry_run ? "would have " : "",
            kDone[static_cast<std::size_t>(rule.action)], request.method_name, request.target,
            request.client().ip_text(ip.data()));
}

void add_tag(const RequestRule& rule, Request& request) {
  std::string tags(request.rule_tag);
  if (!tags.empty()) tags.push_back(',');
  request.rule_tag = request.arena.copy(tags.append(rule.tag));
  request.headers.remove(kRuleHeader);
  request.headers.add(kRuleHeader, request.rule_tag);
}

/// Of the rules those whose body it is.
std::vector<const RequestRule*> matching(const std::vector<const RequestRule*>& rules, std::string_view sent,
                                         std::string_view decoded) {
  std::vector<const RequestRule*> matched;
  for (const RequestRule* rule : rules) {
    const bool is_other = decoded.data() != sent.data();
    if (holds(*rule->body, sent) || (is_other && holds(*rule->body, decoded))) matched.push_back(rule);
  }
  return matched;
}

/// Does what a rule asks for that has matched. Nothing: the next one is asked.
std::optional<Response> act(const RequestRule& rule, Request& request) {
  if (rule.action != RequestRule::Action::tag || rule.dry_run) log_match(rule, request);
  if (rule.dry_run || rule.action == RequestRule::Action::log) return std::nullopt;
  if (rule.action == RequestRule::Action::deny) return Response::of_status(request.arena, rule.status);
  add_tag(rule, request);
  return std::nullopt;
}

}  // namespace

RequestRules::RequestRules(std::vector<std::shared_ptr<const RequestRule>> rules, std::uint32_t most_body)
    : most_body_(most_body) {
  for (auto& rule : rules) (rule->body ? of_body_ : of_head_).push_back(std::move(rule));
}

bool RequestRules::tags() const {
  const auto tags = [](const auto& rule) { return rule->action == RequestRule::Action::tag; };
  return std::ranges::any_of(of_head_, tags) || std::ranges::any_of(of_body_, tags);
}

std::optional<Response> RequestRules::judge_head(Request& request) const {
  if (of_head_.empty()) return std::nullopt;
  const Subject subject = subject_of(request);
  for (const auto& rule : of_head_) {
    if (!matches_head(*rule, subject)) continue;
    if (std::optional<Response> refusal = act(*rule, request)) return refusal;
  }
  return std::nullopt;
}

Task<std::optional<Response>> RequestRules::judge_body(Request& request) const {
  if (request.body.empty() || !holds_text(request.headers)) co_return std::nullopt;
  std::vector<const RequestRule*> asked;
  const Subject subject = subject_of(request);
  for (const auto& rule : of_body_) {
    if (matches_head(*rule, subject)) asked.push_back(rule.get());
  }
  if (asked.empty()) co_return std::nullopt;
  auto* const body = new (request.arena.allocate(sizeof(ReplayedBody))) ReplayedBody(request.body);
  request.body.replace(*body);
  const Result<std::string_view> text = co_await body->read_ahead(most_body_, request.arena);
  if (!text) {
    log::write(answer_for(text.error()).level, "request {}: {} {}: {}", request.id(), request.method_name,
               request.target, text.error().context);
    co_return Response::of_error(request.arena, text.error());
  }
  const std::string_view decoded = holds_form(request.headers) ? form_decoded(*text, request.arena) : *text;
  const auto match = [&asked, sent = *text, decoded] { return matching(asked, sent, decoded); };
  std::vector<const RequestRule*> matched;
  if (text->size() <= kSmallBody) {
    matched = match();
  } else {
    matched = co_await request.loop.offload(match);
  }
  for (const RequestRule* rule : matched) {
    if (std::optional<Response> refusal = act(*rule, request)) co_return refusal;
  }
  co_return std::nullopt;
}

}  // namespace edge
