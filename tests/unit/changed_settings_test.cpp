// What differs between two configurations.
#include "cmd/changed_settings.h"

#include <doctest/doctest.h>

using namespace edge;
using Names = std::vector<std::string>;

TEST_CASE("changed settings: what holds for the life of the process is compared by value") {
  const config::Process before;
  CHECK(changed_for_restart(before, before).empty());
  config::Process now;
  now.threads = 7;
  now.user = "www";
  now.group = "www";
  now.pid_file = "/run/edge.pid";
  now.control = "/run/edge.sock";
  now.runtime_dir = "/run/edge";
  now.limits_memory = 1 << 20;
  CHECK(changed_for_restart(before, now) == Names{"edge.threads", "edge.user", "edge.group", "edge.pid_file",
                                                  "edge.control", "edge.runtime_dir", "edge.limits_memory"});
  config::Process applied;
  applied.max_connections = 1;
  applied.hot_files = 1;
  applied.shutdown_timeout = Milliseconds(1);
  CHECK(changed_for_restart(before, applied).empty());
}

TEST_CASE("changed settings: sections are named, of the process only when something of it takes effect") {
  config::Snapshot before;
  before.sections = {{"edge", "threads 1"}, {"http", "a"}, {"sites", "b"}};
  config::Snapshot now = before;
  CHECK(changed_sections(before, now).empty());
  now.sections["edge"] = "threads 2";
  CHECK(changed_sections(before, now).empty());
  now.process.hot_files = 1;
  now.sections["sites"] = "c";
  now.sections["log"] = "d";
  now.sections.erase("http");
  CHECK(changed_sections(before, now) == Names{"edge", "log", "sites", "http"});
}
