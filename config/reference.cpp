// The reference as Markdown: one heading a section, one row a key.
#include "config/reference.h"

#include <fmt/format.h>

#include <string_view>

#include "config/schema.h"

namespace edge::config {
namespace {

constexpr std::string_view kIntroduction = R"(# The configuration

Made from the table that the program itself checks files against: `UPDATE_GOLDEN=1` and the unit tests write it.

`edge check site.yaml` says what is wrong in a file, all of it at once, with file, line and column; or `ok`.

The smallest file that serves is one line, and with static files it is two:

```yaml
app: hello:application
static: {/static/: ./static}
```

They are short for one site on `:8080` that answers every host; to set more, write `apps` and `sites`.

## Rules that hold everywhere

- A file is UTF-8 and one YAML document. A key that is unknown, given twice, or not built yet is an error, never ignored.
  A key that is not built yet may be given with its default, since this asks for nothing.
- Sizes: `512`, `16k`, `35M`, `2G`, in bytes, with 1024 to the k. Durations: `250ms`, `30s`, `5m`, `1h`, `30d`.
  Booleans: `true`, `false`, `on`, `off`. Where a list of texts is expected, one text may stand for a list of one.
- `~` (nothing) stands for the default where that is `~`, a list or a map; elsewhere leave the key out.
- `${NAME}` and `${NAME:-default}` in any key or value are taken from the environment before anything else looks at it; a
  variable that is not set is an error unless there is a default, which also takes the place of an empty one. NAME is of
  upper-case letters, digits and `_`, so that `$host` and `${host}` remain variables of the request.
- Where $variables are allowed they have nginx's names and meaning; an unknown one is an error.
- Relative paths are relative to the folder of the file that names them.
- A site inherits from `http`, a route from its site. A list or map that is given replaces the inherited one; `headers`
  are added to it.
)";

std::string_view type_name(Type type) {
  switch (type) {
    case Type::text:
      return "text";
    case Type::path:
      return "path";
    case Type::boolean:
      return "boolean";
    case Type::number:
    case Type::number_or_map:
      return "number";
    case Type::size:
      return "size";
    case Type::duration:
      return "duration";
    case Type::choice:
      return "choice";
    case Type::templated:
      return "text with $variables";
    case Type::texts:
      return "list of texts";
    case Type::paths:
      return "list of paths";
    case Type::map:
      return "map";
    case Type::maps:
      return "list of maps";
    case Type::map_or_maps:
      return "map, or list of maps";
    case Type::named_maps:
      return "map of maps";
    case Type::text_map:
      return "map of texts";
  }
  return {};
}

/// What may be given: the type with its range, the words of a choice.
std::string value_text(const Key& key) {
  if (key.type == Type::choice) return fmt::format("one of {}", key.words);
  return fmt::format("{}{}{}{}", type_name(key.type), key.range(), key.or_words_text(),
                     key.type == Type::number_or_map ? ", or map" : "");
}

std::string preset_text(const Key& key) {
  if (key.preset.empty()) return "must be given";
  return key.preset == "~" ? "none" : fmt::format("`{}`", key.preset);
}

void append_row(const Key& key, bool built, std::string& to) {
  std::string doc(key.doc);
  for (std::size_t at = doc.find('|'); at != std::string::npos; at = doc.find('|', at + 2)) doc.insert(at, "\\");
  to += fmt::format("| `{}` | {} | {} | {}{} |\n", key.name, value_text(key), preset_text(key),
                    built && key.built ? "" : "*Not built yet.* ", doc);
  if (key.later_words.empty()) return;
  to.erase(to.size() - 3);
  to += fmt::format(" *Not built yet:* {}. |\n", key.later_words);
}

void append_section(const SectionSchema& section, std::string& to) {
  to += section.name.empty() ? "\n## The top level\n" : fmt::format("\n## `{}`\n", section.name);
  to += fmt::format("\n{}{}\n", section.built ? "" : "*Not built yet.* ", section.doc);
  to += "\n| Key | Value | Default | What it does |\n| --- | --- | --- | --- |\n";
  const bool is_http = section.name == "http";
  bool shares_http = false;
  for (const auto part : section.keys) {
    const bool of_http = part.data() == exchange_keys().data() || part.data() == connection_keys().data();
    shares_http = shares_http || (of_http && !is_http);
    if (of_http && !is_http) continue;
    for (const Key& key : part) append_row(key, section.built, to);
  }
  if (!shares_http) return;
  to += "\nOf `http`, for itself:";
  const char* separator = " ";
  for (const auto part : {connection_keys(), exchange_keys()}) {
    for (const Key& key : part) {
      if (!section.find(key.name)) continue;
      to += fmt::format("{}`{}`", separator, key.name);
      separator = ", ";
    }
  }
  to += ".\n";
}

}  // namespace

std::string reference_markdown() {
  std::string text(kIntroduction);
  for (const SectionSchema* section : all_sections()) append_section(*section, text);
  return text;
}

}  // namespace edge::config
