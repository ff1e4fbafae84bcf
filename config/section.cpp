// Reading a map by its schema.
#include "config/section.h"

#include <fmt/format.h>

#include <cassert>
#include <utility>

#include "config/values.h"
#include "core/nearest.h"

namespace edge::config {
namespace {

constexpr std::size_t kMostListed = 12;  // names in a message

/// What stands there, for a message.
std::string shown(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::scalar:
      return quoted(node.text);
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "a map";
  }
  return {};
}

bool is_map_type(Type type) {
  return type == Type::map || type == Type::maps || type == Type::map_or_maps || type == Type::named_maps ||
         type == Type::text_map;
}

/// Whether a key that is not built is given a value that asks for nothing.
bool asks_for_nothing(const Key& key, const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return true;
    case Node::Kind::list:
      return node.items.empty();
    case Node::Kind::map:
      return node.entries.empty();
    case Node::Kind::scalar:
      break;
  }
  const std::optional<bool> boolean = parse_boolean(node.text);
  if (key.type == Type::boolean) return boolean && boolean == parse_boolean(key.preset);
  return node.text == key.preset || (is_map_type(key.type) && boolean == false);
}

}  // namespace

Section::Section(Loading& loading, std::string_view schema, std::string path, Place place, const Node* node)
    : loading_(loading), schema_(section_schema(schema)), path_(std::move(path)), place_(std::move(place)) {
  if (!node || node->kind == Node::Kind::null) return;
  is_map_ = node->kind == Node::Kind::map;
  if (is_map_) {
    map_ = node;
    check_keys();
  } else {
    report_no_map(*node);
  }
}

void Section::report_no_map(const Node& node) const {
  const std::vector<std::string_view> built = schema_.names(true);
  const std::string keys = built.size() <= kMostListed ? fmt::format(" of {}", fmt::join(built, ", ")) : std::string();
  loading_.problems.add(node.place, path_, fmt::format("{} cannot stand here; expected a map{}", shown(node), keys));
}

void Section::check_keys() const {
  for (const Entry& entry : map_->entries) {
    const Key* key = schema_.find(entry.key);
    if (!key)
      report_unknown(entry);
    else if (!key->built)
      check_unbuilt(*key, entry);
    else if (entry.value->kind == Node::Kind::null && !key->nullable()) {
      refuse(entry.key, *entry.value, "has no value");
    }
  }
}

void Section::check_unbuilt(const Key& key, const Entry& entry) const {
  if (asks_for_nothing(key, *entry.value)) return;
  const bool has_neutral = !key.preset.empty() && key.preset != "~";
  loading_.problems.add(entry.place, path_of(entry.key),
                        has_neutral ? fmt::format("is not built yet; leave it out, or give {}", key.preset)
                                    : std::string("is not built yet; leave it out"));
}

void Section::report_unknown(const Entry& entry) const {
  const std::vector<std::string_view> built = schema_.names(true);
  std::string advice;
  if (const std::string elsewhere = sections_with(entry.key); !elsewhere.empty()) {
    advice = fmt::format("it belongs to {}", elsewhere);
    if (path_.empty() && section_schema("apps.NAME").find(entry.key)) {
      advice += fmt::format(
          "; in place of the short `app: MODULE` write `apps: {{NAME: {{module: MODULE, {}: …}}}}` and "
          "`sites: [{{routes: [{{path: /, app: NAME}}]}}]`",
          entry.key);
    }
  } else if (const std::string near = nearest(entry.key, schema_.names(false)); !near.empty()) {
    advice = fmt::format("did you mean `{}`?", near);
  } else if (built.size() <= kMostListed) {
    advice = fmt::format("known here: {}", fmt::join(built, ", "));
  } else {
    advice = "see the reference for the keys that are known here";
  }
  loading_.problems.add(entry.place, path_of(entry.key), "unknown key; " + advice);
}

const Key& Section::schema_of(std::string_view key) const {
  const Key* found = schema_.find(key);
  assert(found && found->built && "what is read must be in the schema, and built");
  return *found;
}

const Node* Section::written(std::string_view key) const {
  assert(schema_.find(key) && "what is read must be in the schema");
  const Entry* entry = map_ ? map_->find_entry(key) : nullptr;
  return entry ? entry->value.get() : nullptr;
}

const Node* Section::given(std::string_view key) const {
  const Node* node = written(key);
  return node && node->kind != Node::Kind::null ? node : nullptr;
}

Place Section::place_of(std::string_view key) const {
  const Node* node = given(key);
  return node ? node->place : place_;
}

void Section::problem(std::string_view key, std::string message) const {
  loading_.problems.add(place_of(key), path_of(key), std::move(message));
}

void Section::missing(std::string_view key, std::string message) const {
  if (is_map_) loading_.problems.add(place_, key.empty() ? path_ : path_of(key), std::move(message));
}

void Section::refuse(std::string_view key, const Node& value, std::string_view why) const {
  const std::string what = value.kind == Node::Kind::null ? std::string() : shown(value) + " ";
  loading_.problems.add(value.place, path_of(key),
                        fmt::format("{}{}; expected {}", what, why, schema_.find(key)->expected()));
}

const Node* Section::given_kind(std::string_view key, Node::Kind kind) const {
  const Node* node = given(key);
  if (!node || node->kind == kind) return node;
  refuse(key, *node);
  return nullptr;
}

const Node* Section::given_map(std::string_view key) const {
  return given_kind(key, Node::Kind::map);
}
const Node* Section::given_list(std::string_view key) const {
  return given_kind(key, Node::Kind::list);
}
const Node* Section::given_scalar(std::string_view key) const {
  schema_of(key);
  return given_kind(key, Node::Kind::scalar);
}

Section Section::inner(std::string_view key, std::string_view schema) const {
  const Entry* entry = map_ ? map_->find_entry(key) : nullptr;
  return Section(loading_, schema, path_of(key), entry ? entry->place : place_, entry ? entry->value.get() : nullptr);
}

void Section::read(std::string_view key, bool& to) const {
  const Node* node = given_scalar(key);
  if (!node) return;
  const std::optional<bool> value = parse_boolean(node->text);
  if (value)
    to = *value;
  else
    refuse(key, *node);
}

bool Section::read_units(std::string_view key, std::uint64_t& to) const {
  const Key& schema = schema_of(key);
  const Node* node = given_scalar(key);
  if (!node || schema.has_word(node->text)) return false;
  const std::optional<std::uint64_t> value = schema.type == Type::duration ? parse_duration(node->text)
                                             : schema.type == Type::size   ? parse_size(node->text)
                                                                           : parse_number(node->text);
  if (!value) {
    refuse(key, *node);
    return false;
  }
  if (*value < schema.least || *value > schema.most) {
    refuse(key, *node, "is out of range");
    return false;
  }
  to = *value;
  return true;
}

void Section::read(std::string_view key, std::uint64_t& to) const {
  read_units(key, to);
}

void Section::read(std::string_view key, std::uint32_t& to) const {
  std::uint64_t value = 0;
  if (read_units(key, value)) to = static_cast<std::uint32_t>(value);
}

void Section::read(std::string_view key, Milliseconds& to) const {
  std::uint64_t value = 0;
  if (read_units(key, value)) to = Milliseconds(value);
}

void Section::read_choice(const Key& key, const Node& value, std::string& to) const {
  if (key.has_word(value.text)) {
    to = value.text;
    return;
  }
  Key later = key;
  later.words = key.later_words;
  if (later.has_word(value.text)) return refuse(key.name, value, "is not built yet");
  const std::string near = nearest(value.text, word_list(key.words));
  if (near.empty()) return refuse(key.name, value);
  loading_.problems.add(
      value.place, path_of(key.name),
      fmt::format("{} is not accepted; did you mean `{}`? Expected {}", shown(value), near, key.expected()));
}

void Section::read(std::string_view key, std::string& to) const {
  const Key& schema = schema_of(key);
  const Node* node = given_scalar(key);
  if (!node) return;
  if (schema.type == Type::choice) return read_choice(schema, *node, to);
  const bool is_path = schema.type == Type::path && !schema.has_word(node->text);
  if (node->text.empty() && (is_path || schema.preset == "~")) return refuse(key, *node, "is empty");
  to = is_path ? loading_.absolute(node->place, node->text) : node->text;
}

void Section::read(std::string_view key, Template& to) const {
  const Node* node = given_scalar(key);
  if (node) compile_text(loading_, *node, path_of(key), to);
}

void Section::read(std::string_view key, std::vector<std::string>& to) const {
  if (!given(key)) return;
  const bool paths = schema_of(key).type == Type::paths;
  to.clear();
  for (ListedText& item : texts(key)) {
    to.push_back(paths ? loading_.absolute(item.place, item.text) : std::move(item.text));
  }
}

std::vector<ListedText> Section::texts(std::string_view key) const {
  std::vector<ListedText> result;
  const Node* node = given(key);
  if (!node) return result;
  if (node->kind == Node::Kind::scalar) {
    result.push_back({node->text, node->place, path_of(key)});
    return result;
  }
  if (node->kind != Node::Kind::list) {
    refuse(key, *node);
    return result;
  }
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    const Node& item = *node->items[i];
    const std::string path = item_path(path_of(key), i);
    if (item.kind == Node::Kind::scalar)
      result.push_back({item.text, item.place, path});
    else
      loading_.problems.add(item.place, path, fmt::format("{} cannot stand here; expected text", shown(item)));
  }
  return result;
}

bool is_off(const Node& node) {
  return node.kind == Node::Kind::null || (node.kind == Node::Kind::scalar && parse_boolean(node.text) == false);
}

}  // namespace edge::config
