// Where the control socket is: the default place, and `edge.control` of files that are right or wrong.
#include "config/control_path.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <map>

#include "unit/config_memory_machine.h"

using namespace edge::config;

namespace {

Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

std::string named_in(const std::string& text) {
  MemoryMachine machine;
  machine.add_file("site.yaml", text);
  machine.add_file("more/edge.yaml", "edge:\n  control: inner.sock\n");
  machine.set_variable("WHERE", "/srv");
  return named_control_path("site.yaml", machine).value_or("none");
}

}  // namespace

TEST_CASE("the default control socket follows from the site file's name and the session's folder") {
  const Environment session = environment_of({{"XDG_RUNTIME_DIR", "/run/user/7/"}});
  CHECK(default_control_path("/srv/site.yaml", session) == "/run/user/7/edge-ce75288154c4489c.sock");
  CHECK(default_control_path("/srv/other.yaml", session) != default_control_path("/srv/site.yaml", session));

  const std::string user = std::to_string(::geteuid());
  const std::string without = ::geteuid() == 0 ? "/run/edge-" : "/tmp/edge-" + user + "-";
  for (const Environment& none : {environment_of({}), environment_of({{"XDG_RUNTIME_DIR", "relative"}})}) {
    CHECK(default_control_path("/srv/site.yaml", none).starts_with(without));
    CHECK(default_control_paths("/srv/site.yaml", none).back().starts_with("/run/user/" + user + "/edge-"));
  }
  CHECK(default_control_paths("/srv/site.yaml", session).size() == 3);
}

TEST_CASE("edge.control is found in files that are right, included, and wrong") {
  CHECK(named_in("app: hello\nedge: {control: run/edge.sock}\n") == "/site/run/edge.sock");
  CHECK(named_in("include: more/*.yaml\napp: hello\n") == "/site/more/inner.sock");
  CHECK(named_in("edge:\n  control: ${WHERE}/edge.sock\n  no_such_key: 1\n") == "/srv/edge.sock");
  CHECK(named_in("sites: [{{\nedge:\n  threads: 2\n\n  control: \"/run/a b.sock\"  # here\napps:\n  - }\n") ==
        "/run/a b.sock");
  CHECK(named_in("app: hello\n") == "none");
  CHECK(named_in("edge: {control: [1]}\n") == "none");
  CHECK(named_in("edge: [\n") == "none");
  CHECK(named_in("sites: [\n") == "none");
  CHECK(named_in("") == "none");
  CHECK(!named_control_path("missing.yaml", MemoryMachine()));
}
