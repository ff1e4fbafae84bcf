// Loading from a real file system, and the site file that is taken when none is named.
#include "config/machine.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "cmd/check.h"
#include "cmd/exit_code.h"
#include "config/document.h"

namespace edge::config {
namespace {

/// A folder that is the working directory as long as it lives.
class WorkFolder {
 public:
  WorkFolder() : before_(std::filesystem::current_path()) {
    std::string name = (std::filesystem::temp_directory_path() / "edge-config-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    path_ = std::filesystem::canonical(name);
    std::filesystem::current_path(path_);
  }
  ~WorkFolder() {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(path_);
  }
  std::string path(const std::string& name) const { return (path_ / name).string(); }
  void write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << content;
  }

 private:
  std::filesystem::path before_;
  std::filesystem::path path_;
};

std::optional<std::string> no_variables(const std::string&) {
  return std::nullopt;
}

}  // namespace

TEST_CASE("this machine answers from its file system") {
  const WorkFolder folder;
  folder.write("file", "content");
  folder.write("inner/a", "");
  folder.write("inner/.b", "");
  const ThisMachine machine(no_variables);
  CHECK(machine.working_directory() == folder.path("").substr(0, folder.path("").size() - 1));
  CHECK(machine.kind(folder.path("file")) == Machine::Kind::file);
  CHECK(machine.kind(folder.path("inner")) == Machine::Kind::directory);
  CHECK(machine.kind(folder.path("gone")) == Machine::Kind::missing);
  CHECK(machine.read(folder.path("file")) == "content");
  CHECK(machine.read(folder.path("gone")) == std::unexpected<std::string>("No such file or directory"));
  CHECK(machine.read(folder.path("inner")) == std::unexpected<std::string>("Is a directory"));
  std::vector<std::string> names = machine.names(folder.path("inner"));
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{".b", "a"});
  CHECK(machine.names(folder.path("gone")).empty());
  CHECK(machine.readable(folder.path("file")));
  CHECK_FALSE(machine.readable(folder.path("gone")));
  CHECK(machine.usable_cpus() >= 1);
}

TEST_CASE("reading stops a little above the largest document") {
  const WorkFolder folder;
  folder.write("large", std::string(3 * kMostDocumentBytes, 'x'));
  const auto content = ThisMachine(no_variables).read(folder.path("large"));
  REQUIRE(content);
  CHECK(content->size() > kMostDocumentBytes);
  CHECK(content->size() < 2 * kMostDocumentBytes);
}

TEST_CASE("a directory without the right to enter it is not readable") {
  if (::geteuid() == 0) return;  // root may enter any
  const WorkFolder folder;
  folder.write("closed/a", "");
  REQUIRE(::chmod(folder.path("closed").c_str(), 0400) == 0);
  CHECK_FALSE(ThisMachine(no_variables).readable(folder.path("closed")));
  REQUIRE(::chmod(folder.path("closed").c_str(), 0700) == 0);
}

TEST_CASE("files and includes are loaded, named as they were given") {
  const WorkFolder folder;
  folder.write("conf/site.yaml", "include: sites/*.yaml\nedge: {threads: auto}\napps: {a: {module: a}}\n");
  folder.write("conf/sites/b.yaml", "sites: [{routes: [{path: /, app: \"${APP}\"}]}]\n");
  const auto good =
      load("conf/site.yaml", [](const std::string& name) { return std::optional(name == "APP" ? "a" : ""); });
  REQUIRE(good);
  CHECK((*good)->file == folder.path("conf/site.yaml"));
  CHECK((*good)->apps.front().chdir == folder.path("conf"));
  CHECK((*good)->sites.front().place.text() == "conf/sites/b.yaml:1:9");
  CHECK((*good)->process.threads == ThisMachine(no_variables).usable_cpus());
  const auto bad = load(folder.path("conf/site.yaml"), no_variables);
  REQUIRE_FALSE(bad);
  CHECK(bad.error().front().text() == folder.path("conf/sites/b.yaml") +
                                          ":1:35: sites[0].routes[0].app: the environment has no APP; set it, or give "
                                          "a default: ${APP:-default}");
  const auto missing = load("gone.yaml", no_variables);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().front().text() == "gone.yaml: cannot be read: No such file or directory");
}

TEST_CASE("without a name site.yaml is taken, then edge.yaml") {
  const WorkFolder folder;
  const Result<std::string> none = find_site_file();
  REQUIRE_FALSE(none);
  CHECK(none.error().context.find("neither site.yaml nor edge.yaml in ") != std::string::npos);
  folder.write("edge.yaml", "");
  CHECK(find_site_file().value_or("") == "edge.yaml");
  folder.write("site.yaml", "");
  CHECK(find_site_file().value_or("") == "site.yaml");
}

TEST_CASE("check tells by its status") {
  const WorkFolder folder;
  folder.write("site.yaml", "app: hello\n");
  CHECK(check("site.yaml") == kExitOk);
  folder.write("site.yaml", "ap: hello\n");
  CHECK(check("site.yaml") == kExitConfiguration);
  CHECK(check("gone.yaml") == kExitConfiguration);
}

}  // namespace edge::config
