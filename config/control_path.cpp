// The control socket's path.
#include "config/control_path.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "config/gather.h"
#include "config/machine.h"
#include "config/problems.h"

namespace edge::config {
namespace {

/// FNV-1a: the same in every version of edge, so that an older one can still be asked to stop.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

const Node* value_of(const Node* map, std::string_view key) {
  const Entry* entry = map && map->kind == Node::Kind::map ? map->find_entry(key) : nullptr;
  return entry ? entry->value.get() : nullptr;
}

std::optional<std::string> control_in(const Node* top, const Loading& loading) {
  const Node* control = value_of(value_of(top, "edge"), "control");
  if (!control || control->kind != Node::Kind::scalar || control->text.empty()) return std::nullopt;
  return loading.absolute(control->place, control->text);
}

/// The lines of the section `edge` alone, for a file that is no YAML elsewhere.
std::string edge_section(std::string_view text) {
  std::string section;
  bool inside = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end);
    if (line.find_first_of(" \t\r\n#") != 0) inside = line.starts_with("edge:");
    if (inside) section += line;
  }
  return section;
}

}  // namespace

std::vector<std::string> default_control_paths(const std::string& file, const Environment& environment) {
  const std::string name = fmt::format("{:016x}.sock", hash_of(file));
  const unsigned user = ::geteuid();
  std::vector<std::string> paths;
  const std::string session = environment("XDG_RUNTIME_DIR").value_or("");
  if (session.starts_with('/')) paths.push_back(absolute_path("/", session + "/edge-" + name));
  paths.push_back(user == 0 ? "/run/edge-" + name : fmt::format("/tmp/edge-{}-{}", user, name));
  const std::string usual = fmt::format("/run/user/{}/edge-{}", user, name);
  if (paths.front() != usual) paths.push_back(usual);
  return paths;
}

std::string default_control_path(const std::string& file, const Environment& environment) {
  return default_control_paths(file, environment).front();
}

std::optional<std::string> named_control_path(const std::string& file, const Machine& machine) {
  Problems ignored;
  Loading loading{machine, ignored};
  const NodePtr whole = gather_files(file, loading);
  if (std::optional<std::string> found = control_in(whole.get(), loading)) return found;
  const std::expected<std::string, std::string> text = machine.read(absolute_path(machine.working_directory(), file));
  if (whole || !text) return std::nullopt;
  const auto environment = [&machine](const std::string& name) { return machine.variable(name); };
  const NodePtr section = parse_document(edge_section(*text), file, environment, ignored);
  return control_in(section.get(), loading);
}

}  // namespace edge::config
