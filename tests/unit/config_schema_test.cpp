// The schema and the code that reads by it say the same.
#include "config/schema.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "config/load.h"
#include "config/values.h"
#include "unit/config_memory_machine.h"
#include "unit/config_snapshot_text.h"

namespace edge::config {
namespace {

/// Every built key of a section that has a value of its own, given that value.
std::string with_presets(std::string_view section, const std::string& indent) {
  std::string text;
  const SectionSchema& schema = section_schema(section);
  for (const std::string_view name : schema.names(true)) {
    const Key& key = *schema.find(name);
    const bool is_plain = !key.preset.empty() && key.type != Type::maps && key.type != Type::named_maps;
    if (is_plain) text += indent + std::string(name) + ": " + std::string(key.preset) + "\n";
  }
  return text;
}

std::string outcome(const std::string& site_yaml) {
  MemoryMachine machine;
  machine.add_file("site.yaml", site_yaml);
  const auto snapshot = load("site.yaml", machine);
  if (!snapshot) return snapshot.error().front().text();
  std::string text = SnapshotText().of(**snapshot);
  for (std::size_t at = text.find(" at site.yaml:"); at != std::string::npos; at = text.find(" at site.yaml:")) {
    text.erase(at, text.find_first_of(" \n", at + 4) - at);  // places differ, of course
  }
  return text;
}

}  // namespace

TEST_CASE("every default of the schema, written out, is what holds without it") {
  const std::string plain =
      "apps:\n  a:\n    module: m\n"
      "sites:\n  - routes:\n"
      "      - path: /\n        static:\n          directory: .\n"
      "      - path: /b\n        return:\n          body: \"\"\n"
      "      - path: /c\n        redirect:\n          to: /\n";
  const std::string written_out =
      "edge:\n" + with_presets("edge", "  ") + "log:\n" + with_presets("log", "  ") + "http:\n" +
      with_presets("http", "  ") + "apps:\n  a:\n    module: m\n    restart:\n" +
      with_presets("apps.NAME.restart", "      ") + "    wsgi_file: ~\n" +
      [] {
        std::string app = with_presets("apps.NAME", "    ");
        for (const char* given : {"    module: ~\n", "    wsgi_file: ~\n", "    restart: {}\n"}) {
          app.erase(app.find(given), std::string_view(given).size());
        }
        return app;
      }() +
      "sites:\n  - routes:\n      - path: /\n        static:\n          directory: .\n" +
      with_presets("sites[].routes[].static", "          ") + "      - path: /b\n        return:\n" +
      with_presets("sites[].routes[].return", "          ") + "      - path: /c\n        redirect:\n          to: /\n" +
      with_presets("sites[].routes[].redirect", "          ") + [] {
        std::string site = with_presets("sites[]", "    ");
        return site;
      }();
  CHECK(outcome(written_out) == outcome(plain));
}

TEST_CASE("the schema is consistent in itself") {
  std::set<std::string_view> sections;
  for (const SectionSchema* section : all_sections()) {
    CAPTURE(section->name);
    CHECK(sections.insert(section->name).second);
    std::set<std::string_view> names;
    for (const std::string_view name : section->names(false)) {
      CAPTURE(name);
      CHECK(names.insert(name).second);
      const Key& key = *section->find(name);
      CHECK_FALSE(key.doc.empty());
      CHECK(key.least <= key.most);
      const bool is_map = key.type == Type::map || key.type == Type::named_maps;
      if (is_map && key.built && name != "access" && name != "access_log") {
        const std::string inner =
            section->name.empty() ? std::string(name) : std::string(section->name) + "." + std::string(name);
        const auto found = [](const std::string& wanted) {
          for (const SectionSchema* other : all_sections()) {
            if (other->name == wanted) return true;
          }
          return false;
        };
        const bool of_http =
            std::ranges::any_of(exchange_keys(), [name](const Key& shared) { return shared.name == name; });
        CHECK((found(inner) || found(inner + ".NAME") || (of_http && found("http." + std::string(name)))));
      }
    }
  }
}

TEST_CASE("presets of amounts lie within their bounds") {
  for (const SectionSchema* section : all_sections()) {
    for (const std::string_view name : section->names(true)) {
      CAPTURE(section->name);
      CAPTURE(name);
      const Key& key = *section->find(name);
      if (key.preset.empty() || key.preset == "~" || key.has_word(key.preset)) continue;
      const auto value = key.type == Type::number     ? parse_number(key.preset)
                         : key.type == Type::size     ? parse_size(key.preset)
                         : key.type == Type::duration ? parse_duration(key.preset)
                                                      : std::optional<std::uint64_t>(key.least);
      REQUIRE(value);
      CHECK(*value >= key.least);
      CHECK(*value <= key.most);
    }
  }
}

}  // namespace edge::config
