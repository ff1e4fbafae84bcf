// From a file to a snapshot: gather, read by the schema, refuse when anything is wrong.
#include "config/load.h"

#include <algorithm>
#include <utility>

#include "config/access.h"
#include "config/app_socket.h"
#include "config/apps.h"
#include "config/gather.h"
#include "config/limits.h"
#include "config/process.h"
#include "config/short_form.h"
#include "config/sites.h"
#include "config/upstreams.h"

namespace edge::config {
namespace {

/// A misspelled section may be the one that holds what is missing.
bool has_unknown_section(const Node& tree) {
  return std::any_of(tree.entries.begin(), tree.entries.end(),
                     [](const Entry& entry) { return !section_schema("").find(entry.key); });
}

/// Whoever may write its header may claim any address.
void check_proxy_protocol(const Section& top, const Snapshot& snapshot) {
  if (snapshot.process.trusted_proxies) return;
  for (std::size_t i = 0; i < snapshot.sites.size(); ++i) {
    for (const Listen& listen : snapshot.sites[i].listen) {
      if (!listen.proxy_protocol) continue;
      top.loading().problems.add(listen.place, item_path("sites", i) + ".listen",
                                 "`proxy_protocol` needs `edge.trusted_proxies`: nobody else may connect here");
    }
  }
}

void load_apps_and_sites(const Section& top, const std::string& file, Snapshot& snapshot) {
  HttpSettings http;
  const Section settings = top.inner("http", "http");
  read_connection_settings(settings, http);
  read_exchange_settings(settings, http);
  snapshot.http = http;
  snapshot.lists = load_lists(top);
  Guarding guarding;
  read_guarding(settings, snapshot.lists, guarding);
  RouteContext context{snapshot.apps, snapshot.upstreams, snapshot.log.access, snapshot.lists, guarding};
  read_limits(settings, "http", context.limits);
  if (uses_short_form(top)) {
    const std::optional<App> app = load_short_app(top);
    if (app) snapshot.apps.push_back(*app);
    snapshot.sites.push_back(load_short_site(top, http, context, app));
    return;
  }
  snapshot.apps = load_apps(top);
  snapshot.upstreams = load_upstreams(top);
  snapshot.sites = load_sites(top, http, context);
  check_sockets(top, snapshot);
  check_proxy_protocol(top, snapshot);
  const Node* sites = top.given("sites");
  const bool has_none = !sites || (sites->kind == Node::Kind::list && sites->items.empty());
  if (has_none && !top.loading().incomplete) {
    top.loading().problems.add(sites ? sites->place : Place{file, 0, 0}, {},
                               "there are no `sites`, so nothing would be served; the smallest file that serves is: "
                               "app: hello:application");
  }
}

void write_node(const Node& node, std::string& to) {
  switch (node.kind) {
    case Node::Kind::null:
      to += '~';
      break;
    case Node::Kind::scalar:
      to += std::to_string(node.text.size()) + ':' + node.text;
      break;
    case Node::Kind::list:
      to += '[';
      for (const NodePtr& item : node.items) write_node(*item, to);
      to += ']';
      break;
    case Node::Kind::map:
      to += '{';
      for (const Entry& entry : node.entries) {
        to += std::to_string(entry.key.size()) + ':' + entry.key;
        write_node(*entry.value, to);
      }
      to += '}';
      break;
  }
}

std::map<std::string, std::string> sections_of(const Node& tree) {
  std::map<std::string, std::string> sections;
  for (const Entry& entry : tree.entries) {
    if (entry.key != "apps" && entry.key != "app") write_node(*entry.value, sections[entry.key]);
  }
  return sections;
}

}  // namespace

std::expected<std::shared_ptr<const Snapshot>, std::vector<Problem>> load(const std::string& file,
                                                                          const Machine& machine) {
  Problems problems;
  Loading loading{machine, problems};
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->file = absolute_path(machine.working_directory(), file);
  if (const NodePtr tree = gather_files(file, loading)) {
    loading.incomplete = loading.incomplete || has_unknown_section(*tree);
    const Section top(loading, "", {}, tree->place, tree.get());
    snapshot->process = load_process(top.inner("edge", "edge"));
    snapshot->log = load_log(top.inner("log", "log"));
    load_apps_and_sites(top, file, *snapshot);
    snapshot->sections = sections_of(*tree);
    for (App& app : snapshot->apps) app.site_files = loading.files;
  }
  if (!problems.empty()) return std::unexpected(problems.sorted());
  return snapshot;
}

std::expected<std::shared_ptr<const Snapshot>, std::vector<Problem>> load(const std::string& file,
                                                                          const Environment& environment) {
  return load(file, ThisMachine(environment));
}

}  // namespace edge::config
