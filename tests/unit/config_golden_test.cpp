// Golden files of the configuration: tests/golden/*.golden hold files above a line "----", and below it the snapshot
// or every problem, exactly. UPDATE_GOLDEN=1 in the environment writes what is below anew.
//
//   the first lines           site.yaml
//   --- sites/a.yaml          begins another file
//   --- static/               a folder
//   --- secret/ unreadable    a folder that cannot be read; files likewise
//   --- $NAME=value           a variable of the environment
//   --- as www-data           not as root
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "config/document.h"
#include "config/load.h"
#include "config/reference.h"
#include "config/schema.h"
#include "unit/config_memory_machine.h"
#include "unit/config_snapshot_text.h"

namespace edge::config {
namespace {

const std::filesystem::path kRoot = EDGE_SOURCE_DIR;

bool update_wanted() {
  return std::getenv("UPDATE_GOLDEN") != nullptr;
}

std::string read_file(const std::filesystem::path& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

void write_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// Builds the machine that the part above "----" describes.
class GoldenInput {
 public:
  explicit GoldenInput(const std::string& above) {
    std::istringstream lines(above);
    std::string line;
    while (std::getline(lines, line)) {
      if (line.starts_with("--- "))
        begin(line.substr(4));
      else
        content_ += line + "\n";
    }
    end_file();
  }
  const Machine& machine() const { return machine_; }

 private:
  void begin(std::string name) {
    end_file();
    if (name == "as www-data") return machine_.run_as_www_data();
    if (name.starts_with('$')) {
      const std::size_t equals = name.find('=');
      machine_.set_variable(name.substr(1, equals - 1), name.substr(equals + 1));
      return;
    }
    if (const std::size_t mark = name.rfind(" unreadable"); mark != std::string::npos) {
      name.resize(mark);
      machine_.make_unreadable(name);
    }
    if (name.ends_with('/'))
      machine_.add_directory(name);
    else
      name_ = name;
  }
  void end_file() {
    if (!name_.empty()) machine_.add_file(name_, content_);
    name_.clear();
    content_.clear();
  }

  MemoryMachine machine_;
  std::string name_ = "site.yaml";
  std::string content_;
};

std::string outcome(const Machine& machine) {
  const auto snapshot = load("site.yaml", machine);
  if (snapshot) return SnapshotText().of(**snapshot);
  std::string text;
  for (const Problem& problem : snapshot.error()) text += problem.text() + "\n";
  return text;
}

void check_golden(const std::filesystem::path& path) {
  const std::string golden = read_file(path);
  const std::size_t separator = golden.find("\n----\n");
  REQUIRE_MESSAGE(separator != std::string::npos, path.string() << " has no line ----");
  const std::string above = golden.substr(0, separator + 1);
  const std::string actual = outcome(GoldenInput(above).machine());
  const bool same = golden.substr(separator + 6) == actual;
  if (update_wanted())
    write_file(path, above + "----\n" + actual);
  else
    CHECK_MESSAGE(same, path.filename().string() << " became:\n" << actual);
}

/// The maps in which the keys of the section of that name stand: NAME is any key, and of a list it is every item.
std::vector<const Node*> maps_at(const Node& root, const std::string& section) {
  std::vector<const Node*> found{&root};
  std::istringstream steps(section);
  for (std::string step; std::getline(steps, step, '.');) {
    if (step.ends_with("[]")) step.resize(step.size() - 2);
    std::vector<const Node*> next;
    for (const Node* const map : found) {
      for (const Entry& entry : map->entries) {
        if (step != "NAME" && entry.key != step) continue;
        if (entry.value->kind != Node::Kind::list) next.push_back(entry.value.get());
        for (const NodePtr& item : entry.value->items) next.push_back(item.get());
      }
    }
    found = std::move(next);
  }
  return found;
}

/// Sections share keys, such as those of `http` that a route may give: one place is enough for each.
std::map<const Key*, std::string> keys_without_place(const Node& root) {
  std::map<const Key*, std::string> missing;
  std::vector<const Key*> placed;
  for (const SectionSchema* const section : all_sections()) {
    const std::vector<const Node*> maps = maps_at(root, std::string(section->name));
    for (const auto part : section->keys) {
      for (const Key& key : part) {
        const bool stands = std::ranges::any_of(maps, [&](const Node* map) { return map->find_entry(key.name); });
        if (stands) placed.push_back(&key);
        if (key.built) missing.emplace(&key, std::string(section->name) + "." + std::string(key.name));
      }
    }
  }
  for (const Key* const key : placed) missing.erase(key);
  return missing;
}

}  // namespace

TEST_CASE("every_key.golden holds every key of the schema") {
  const std::string golden = read_file(kRoot / "tests" / "golden" / "every_key.golden");
  Problems problems;
  const auto no_variables = [](const std::string&) -> std::optional<std::string> { return {}; };
  const NodePtr root = parse_document(golden.substr(0, golden.find("\n--- ")), "site.yaml", no_variables, problems);
  REQUIRE(root);
  std::map<const Key*, std::string> missing = keys_without_place(*root);
  // Short for apps and sites, beside which they may not stand.
  std::erase_if(missing, [](const auto& one) { return one.second == ".app" || one.second == ".static"; });
  std::string named;
  for (const auto& [key, name] : missing) named += name + "\n";
  CHECK(named == "");
}

TEST_CASE("golden files of the configuration") {
  std::vector<std::filesystem::path> goldens;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "tests" / "golden")) {
    CHECK_MESSAGE(entry.path().extension() == ".golden", entry.path().string() << " would never be looked at");
    if (entry.path().extension() == ".golden") goldens.push_back(entry.path());
  }
  std::sort(goldens.begin(), goldens.end());
  CHECK_FALSE(goldens.empty());
  for (const std::filesystem::path& golden : goldens) {
    CAPTURE(golden.filename().string());
    check_golden(golden);
  }
}

TEST_CASE("deploy/reference.md is made from the schema") {
  const std::filesystem::path path = kRoot / "deploy" / "reference.md";
  const bool same = read_file(path) == reference_markdown();
  if (update_wanted())
    write_file(path, reference_markdown());
  else
    CHECK_MESSAGE(same, "run the unit tests with UPDATE_GOLDEN=1 to write it anew");
}

}  // namespace edge::config
