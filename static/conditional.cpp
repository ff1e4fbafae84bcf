// One pass over the header, then the order of RFC 9110 13.2.2; If-Range is its last step.
#include "static/conditional.h"

#include <optional>

#include "core/http/date.h"

namespace edge {

namespace {

enum class Comparison : std::uint8_t { strong, weak };

void skip_separators(std::string_view& list) {
  while (!list.empty() && (list[0] == ' ' || list[0] == '\t' || list[0] == ',')) list.remove_prefix(1);
}

bool is_weak(std::string_view tag) {
  return tag.starts_with("W/");
}

/// Whether `list` (a "*", or tags with commas between) names `tag` (RFC 9110 8.8.3.2).
bool names_tag(std::string_view list, std::string_view tag, Comparison comparison) {
  if (list == "*") return true;
  if (is_weak(tag)) {
    if (comparison == Comparison::strong) return false;
    tag.remove_prefix(2);
  }
  for (;;) {
    skip_separators(list);
    const bool weak = is_weak(list);
    if (weak) list.remove_prefix(2);
    const std::size_t end = list.starts_with('"') ? list.find('"', 1) : list.npos;
    if (end == list.npos) return false;
    if (list.substr(0, end + 1) == tag && (!weak || comparison == Comparison::weak)) return true;
    list.remove_prefix(end + 1);
    if (!list.empty() && list[0] != ',' && list[0] != ' ' && list[0] != '\t') return false;
  }
}

/// A header of tags, which may be spread over several fields.
class TagCondition {
 public:
  TagCondition(std::string_view tag, Comparison comparison) : tag_(tag), comparison_(comparison) {}
  void add(std::string_view value) {
    present_ = true;
    matched_ = matched_ || names_tag(value, tag_, comparison_);
  }
  bool present() const { return present_; }
  bool matched() const { return matched_; }

 private:
  std::string_view tag_;
  Comparison comparison_;
  bool present_ = false;
  bool matched_ = false;
};

/// A header of one date.
class DateCondition {
 public:
  void add(std::string_view value) {
    date_ = seen_ ? std::nullopt : parse_http_date(value);
    seen_ = true;
  }
  bool present() const { return date_.has_value(); }
  bool not_before(std::int64_t moment) const { return moment <= *date_; }

 private:
  std::optional<std::int64_t> date_;
  bool seen_ = false;
};

}  // namespace

Precondition check_preconditions(const HeaderList& request, const Validators& current) {
  TagCondition match(current.entity_tag, Comparison::strong);
  TagCondition none_match(current.entity_tag, Comparison::weak);
  DateCondition modified_since;
  DateCondition unmodified_since;
  for (const HeaderField& field : request) {
    switch (field.id) {
      case HeaderName::if_match:
        match.add(field.value);
        break;
      case HeaderName::if_none_match:
        none_match.add(field.value);
        break;
      case HeaderName::if_modified_since:
        modified_since.add(field.value);
        break;
      case HeaderName::if_unmodified_since:
        unmodified_since.add(field.value);
        break;
      default:
        break;
    }
  }
  if (match.present()) {
    if (!match.matched()) return Precondition::failed;
  } else if (unmodified_since.present() && !unmodified_since.not_before(current.last_modified)) {
    return Precondition::failed;
  }
  if (none_match.present()) return none_match.matched() ? Precondition::not_modified : Precondition::holds;
  const bool unchanged = modified_since.present() && modified_since.not_before(current.last_modified);
  return unchanged ? Precondition::not_modified : Precondition::holds;
}

bool if_range_holds(const HeaderList& request, const Validators& current, std::int64_t now) {
  const HeaderField* condition = nullptr;
  for (const HeaderField& field : request) {
    if (field.id != HeaderName::if_range) continue;
    if (condition) return false;
    condition = &field;
  }
  if (!condition) return true;
  if (condition->value.starts_with('"')) return condition->value == current.entity_tag;
  const std::optional<std::int64_t> date = parse_http_date(condition->value);
  return date && *date == current.last_modified && current.last_modified + 1 < now;
}

}  // namespace edge
