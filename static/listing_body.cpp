// The page, the JSON, and the choice between them.
#include "static/listing_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>
#include <utility>

#include "core/escape.h"
#include "core/http/weight.h"

namespace edge {

namespace {

constexpr std::size_t kPiece = 32 * 1024;  // bytes that are written at a time

constexpr std::string_view kStyle = R"(:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.2rem;overflow-wrap:anywhere}table{width:100%;border-collapse:collapse}
th,td{text-align:left;padding:.3rem .5rem;border-bottom:1px solid #8884}td:first-child{overflow-wrap:anywhere}
th:last-child,td:last-child{text-align:right;white-space:nowrap}
td:nth-child(2){white-space:nowrap;font-variant-numeric:tabular-nums}
a{text-decoration:none}a:hover{text-decoration:underline}tr:hover td{background:#8881}
@media(max-width:40rem){th:nth-child(2),td:nth-child(2){font-size:.8rem}th,td{padding:.3rem .2rem}})";

/// "2026-11-21T10:55:00Z"; empty for a time that no calendar has.
std::string utc_text(std::int64_t unix_seconds) {
  const std::time_t seconds = unix_seconds;
  std::tm time{};
  if (!gmtime_r(&seconds, &time)) return {};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", time.tm_year + 1900L, time.tm_mon + 1, time.tm_mday,
                     time.tm_hour, time.tm_min, time.tm_sec);
}

/// "512 B", "1.5 KiB", "37 MiB"
std::string size_for_people(std::uint64_t bytes) {
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1'024) return fmt::format("{} B", bytes);
  double amount = static_cast<double>(bytes) / 1'024;
  std::size_t unit = 0;
  for (; amount >= 1'023.5 && unit + 1 < kUnits.size(); ++unit) amount /= 1'024;
  return fmt::format("{:.{}f} {}", amount, amount < 9.95 ? 1 : 0, kUnits[unit]);
}

void append_for_people(std::string_view text, std::string& to) {
  std::string printable;
  append_printable(text, printable);
  append_html_escaped(printable, to);
}

/// Relative to the folder. A name may hold a colon, which must not look like the end of a scheme.
std::string url_of(const FolderEntry& entry) {
  std::string url = entry.name.find(':') == std::string::npos ? "" : "./";
  append_url_path(entry.name, url);
  if (entry.folder) url.push_back('/');
  return url;
}

/// Takes the part before `separator` off the front.
std::string_view next_part(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trimmed(part);
}

/// In thousandths; what is no weight counts as the most.
int weight_among(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view parameter = next_part(parameters, ';');
    if (!parameter.starts_with("q=") && !parameter.starts_with("Q=")) continue;
    return parse_weight(parameter.substr(2)).value_or(kMostWeight);
  }
  return kMostWeight;
}

/// How much a type is wanted: by the most specific range that it falls in.
struct Wish {
  std::string_view type;
  std::string_view any_of_kind;
  int specific = -1;
  int weight = 0;

  void consider(std::string_view range, int its_weight) {
    const int rank = same_name(range, type) ? 2 : same_name(range, any_of_kind) ? 1 : range == "*/*" ? 0 : -1;
    if (rank < 0 || rank < specific) return;
    specific = rank;
    weight = its_weight;
  }
};

}  // namespace

ListingFormat listing_format(const HeaderList& request) {
  Wish json{"application/json", "application/*"};
  Wish page{"text/html", "text/*"};
  for (const HeaderField& field : request) {
    if (field.id != HeaderName::accept) continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      std::string_view parameters = next_part(rest, ',');
      const std::string_view range = next_part(parameters, ';');
      const int weight = weight_among(parameters);
      json.consider(range, weight);
      page.consider(range, weight);
    }
  }
  const bool rather = json.weight > page.weight || (json.weight == page.weight && json.specific > page.specific);
  return rather && json.weight > 0 ? ListingFormat::json : ListingFormat::page;
}

ListingBody::ListingBody(FolderListing listing, ListingFormat format, ListingOrder order, std::string_view path)
    : listing_(std::move(listing)), format_(format), order_(order), path_(path) {}

std::string_view ListingBody::content_type(ListingFormat format) {
  return format == ListingFormat::json ? "application/json" : "text/html; charset=utf-8";
}

Task<Result<BodySource::Chunk>> ListingBody::pull() {
  const bool json = format_ == ListingFormat::json;
  text_.clear();
  if (!std::exchange(begun_, true)) json ? begin_json() : begin_page();
  for (; next_ < listing_.entries.size() && text_.size() < kPiece; ++next_) {
    const FolderEntry& entry = listing_.entries[next_];
    json ? put_object(entry) : put_row(entry);
  }
  const bool last = next_ == listing_.entries.size();
  if (last) json ? end_json() : end_page();
  co_return Chunk{text_, last};
}

void ListingBody::begin_page() {
  std::string title;
  append_for_people(path_, title);
  fmt::format_to(std::back_inserter(text_),
                 "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{0}</title>\n"
                 "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<style>{1}</style></head>\n"
                 "<body><h1>{0}</h1>\n<table>\n<thead><tr>",
                 title, kStyle);
  put_column(ListingOrder::By::name, "name", "Name");
  put_column(ListingOrder::By::time, "time", "Modified (UTC)");
  put_column(ListingOrder::By::size, "size", "Size");
  text_ += "</tr></thead>\n<tbody>\n";
  if (path_ != "/") text_ += "<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n";
}

void ListingBody::put_column(ListingOrder::By by, std::string_view word, std::string_view title) {
  const bool sorted = order_.by == by;
  const std::string_view state = !sorted             ? ""
                                 : order_.descending ? " aria-sort=\"descending\""
                                                     : " aria-sort=\"ascending\"";
  const std::string_view arrow = !sorted ? "" : order_.descending ? " ↓" : " ↑";
  fmt::format_to(std::back_inserter(text_), "<th scope=\"col\"{}><a href=\"?sort={}&amp;order={}\">{}{}</a></th>",
                 state, word, sorted && !order_.descending ? "desc" : "asc", title, arrow);
}

void ListingBody::put_row(const FolderEntry& entry) {
  text_ += "<tr><td><a href=\"";
  append_html_escaped(url_of(entry), text_);
  text_ += "\">";
  append_for_people(entry.name, text_);
  const std::string time = utc_text(entry.modified);
  fmt::format_to(std::back_inserter(text_), "{}</a></td><td><time>{}</time></td>", entry.folder ? "/" : "", time);
  if (entry.folder) {
    text_ += "<td></td></tr>\n";
  } else {
    fmt::format_to(std::back_inserter(text_), "<td title=\"{} bytes\">{}</td></tr>\n", entry.size,
                   size_for_people(entry.size));
  }
}

void ListingBody::end_page() {
  text_ += "</tbody>\n</table>\n";
  if (listing_.cut) {
    fmt::format_to(std::back_inserter(text_), "<p>There are more: only {} are shown.</p>\n", listing_.entries.size());
  }
  text_ += "</body>\n</html>\n";
}

void ListingBody::begin_json() {
  text_ += "{\"path\": \"";
  append_json_escaped(path_, text_);
  text_ += "\", \"entries\": [";
}

void ListingBody::put_object(const FolderEntry& entry) {
  text_ += next_ == 0 ? "\n{\"name\": \"" : ",\n{\"name\": \"";
  append_json_escaped(entry.name, text_);
  text_ += "\", \"url\": \"";
  append_json_escaped(url_of(entry), text_);
  fmt::format_to(std::back_inserter(text_), "\", \"type\": \"{}\", ", entry.folder ? "folder" : "file");
  if (!entry.folder) fmt::format_to(std::back_inserter(text_), "\"size\": {}, ", entry.size);
  fmt::format_to(std::back_inserter(text_), "\"modified\": \"{}\"}}", utc_text(entry.modified));
}

void ListingBody::end_json() {
  text_ += listing_.cut ? "\n], \"complete\": false}\n" : "\n], \"complete\": true}\n";
}

}  // namespace edge
