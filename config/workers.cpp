// Reading what an app's processes are.
#include "config/workers.h"

#include <fmt/format.h>

namespace edge::config {
namespace {

void read_elastic(const Section& processes, App& app) {
  app.processes = 1;
  processes.read("min", app.processes);
  if (!processes.given("max")) {
    processes.missing("max", "the most processes are missing; give a number, or write `processes` as one number");
  }
  app.most_processes = app.processes;
  processes.read("max", app.most_processes);
  processes.read("idle", app.idle);
  if (app.most_processes >= app.processes) return;
  processes.problem("max", fmt::format("is less than `min`, which is {}", app.processes));
}

void read_processes(const Section& section, App& app) {
  const Node* given = section.given("processes");
  if (given && given->kind == Node::Kind::map)
    return read_elastic(section.inner("processes", "apps.NAME.processes"), app);
  section.read("processes", app.processes);
  app.most_processes = app.processes;
}

void read_max_memory(const Section& section, App& app) {
  constexpr std::uint64_t kLeast = 1 << 20;
  section.read("max_memory", app.max_memory);
  if (app.max_memory == 0 || app.max_memory >= kLeast) return;
  section.problem("max_memory", "is less than any Python needs; give at least 1M, or 0 for no limit");
}

std::string who(const App& app) {
  if (app.user.empty()) return fmt::format("the group {}", quoted(app.group));
  return app.group.empty() ? fmt::format("the user {}", quoted(app.user))
                           : fmt::format("the user {} and the group {}", quoted(app.user), quoted(app.group));
}

void read_account(const Section& section, App& app) {
  section.read("user", app.user);
  section.read("group", app.group);
  if (app.user.empty() && app.group.empty()) return;
  const Machine& machine = section.loading().machine;
  const Result<Account> user = app.user.empty() ? Account() : machine.account(app.user, {});
  if (!user) section.problem("user", user.error().context + " on this machine");
  const Result<Account> group = app.group.empty() ? Account() : machine.account({}, app.group);
  if (!group) section.problem("group", group.error().context + " on this machine");
  if (!user || !group) return;
  const Result<Account> account = machine.account(app.user, app.group);
  if (!account || machine.may_run_as(*account)) return;
  section.problem(app.user.empty() ? "group" : "user",
                  fmt::format("only an edge that is started as root can run an app under {}; start it so (with "
                              "`edge.user` it does not stay root; one that runs must be restarted, not reloaded), or "
                              "leave the key out",
                              who(app)));
}

}  // namespace

void read_workers(const Section& section, App& app) {
  read_processes(section, app);
  section.read("max_requests", app.max_requests);
  read_max_memory(section, app);
  read_account(section, app);
}

}  // namespace edge::config
