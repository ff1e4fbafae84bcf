// Section: one map of the configuration, read by its schema. Reading leaves a variable as it is when the key was not
// given or is wrong, so variables come with what holds then; everything wrong becomes a problem, once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"
#include "config/loading.h"
#include "config/schema.h"
#include "core/duration.h"
#include "core/http/template.h"

namespace edge::config {

/// One text of a list.
struct ListedText {
  std::string text;
  Place place;
  std::string path;
};

class Section {
 public:
  /// Reports keys that are unknown or not built. `node` may be null or a null (nothing is given); one that is no map
  /// is reported. `place` is where the section's key stands.
  Section(Loading& loading, std::string_view schema, std::string path, Place place, const Node* node);

  Loading& loading() const { return loading_; }
  const std::string& path() const { return path_; }
  const Place& place() const { return place_; }
  std::string path_of(std::string_view key) const { return key_path(path_, std::string(key)); }
  /// Of the value; of the section when the key is not given.
  Place place_of(std::string_view key) const;
  void problem(std::string_view key, std::string message) const;

  /// Says that something must be given which is not: `key`, or with an empty one any of several.
  void missing(std::string_view key, std::string message) const;

  /// The value as it was written, a null too; null when the key does not stand here.
  const Node* written(std::string_view key) const;
  /// The value, when the key was given one.
  const Node* given(std::string_view key) const;
  /// As above, when it is of that kind; another is reported.
  const Node* given_map(std::string_view key) const;
  const Node* given_list(std::string_view key) const;
  /// The map under `key`, read by `schema`.
  Section inner(std::string_view key, std::string_view schema) const;

  void read(std::string_view key, bool& to) const;
  void read(std::string_view key, std::uint32_t& to) const;
  void read(std::string_view key, std::uint64_t& to) const;
  void read(std::string_view key, Milliseconds& to) const;
  /// Text, a choice, or a path made absolute.
  void read(std::string_view key, std::string& to) const;
  void read(std::string_view key, Template& to) const;
  /// Texts, or paths made absolute.
  void read(std::string_view key, std::vector<std::string>& to) const;
  /// The texts of a list, or the one text in place of it.
  std::vector<ListedText> texts(std::string_view key) const;

  /// Says that the value of `key` is not what the schema expects.
  void refuse(std::string_view key, const Node& value, std::string_view why = "is not accepted") const;

 private:
  void report_no_map(const Node& node) const;
  void check_keys() const;
  void check_unbuilt(const Key& key, const Entry& entry) const;
  void report_unknown(const Entry& entry) const;
  const Key& schema_of(std::string_view key) const;
  const Node* given_kind(std::string_view key, Node::Kind kind) const;
  const Node* given_scalar(std::string_view key) const;
  bool read_units(std::string_view key, std::uint64_t& to) const;
  void read_choice(const Key& key, const Node& value, std::string& to) const;

  Loading& loading_;
  const SectionSchema& schema_;
  std::string path_;
  Place place_;
  const Node* map_ = nullptr;
  bool is_map_ = true;  // false: something else stands there, and was reported
};

/// A null, or `off` in any of its spellings: what holds around does not hold here.
bool is_off(const Node& node);

/// Compiles a template or an access log format; a fault is reported with its column.
template <class Compiled>
bool compile_text(Loading& loading, const Node& node, const std::string& path, Compiled& to) {
  auto compiled = Compiled::compile(node.text);
  if (compiled) {
    to = std::move(*compiled);
    return true;
  }
  loading.problems.add(node.place_in_text(compiled.error().offset), path, compiled.error().message);
  return false;
}

}  // namespace edge::config
