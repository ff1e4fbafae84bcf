// A line for each server, and below it what is wrong with it.
#include "cmd/upstream_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "cmd/human_text.h"
#include "cmd/table_text.h"
#include "core/time_text.h"

namespace edge {
namespace {

constexpr std::size_t kColumns = 6;
using Row = std::array<std::string, kColumns>;
constexpr std::size_t kLeastName = 20;
constexpr std::string_view kIndent = "    ";

std::string latency_text(std::uint64_t microseconds) {
  if (microseconds == 0) return "-";
  if (microseconds >= 100'000) return human_time(microseconds / 1'000);
  return fmt::format("{:.1f} ms", static_cast<double>(microseconds) / 1'000);
}

Row server_row(const ServerStatus& server) {
  std::string active = std::to_string(server.in_flight);
  if (server.max_connections > 0) active += fmt::format("/{}", server.max_connections);
  return {shown(server.name, 120),
          shown(server.state, 20) + (server.backup ? ", backup" : ""),
          std::move(active),
          std::to_string(server.served + server.failed),
          std::to_string(server.failed),
          latency_text(server.latency)};
}

std::string note(const std::string& text, std::size_t columns) {
  return std::string(kIndent) + shown(text, columns - kIndent.size()) + "\n";
}

std::string notes(const ServerStatus& server, std::size_t columns) {
  std::string lines;
  if (!server.why.empty()) lines += note(server.why, columns);
  if (!server.error.empty()) lines += note(fmt::format("{}  {}", time_iso8601(server.error_at), server.error), columns);
  return lines;
}

std::string server_lines(const UpstreamStatus& upstream, std::size_t columns) {
  if (upstream.servers.empty()) return {};
  const Row head = {"SERVER", "STATE", "ACTIVE", "REQUESTS", "FAILED", "LATENCY"};
  std::vector<Row> rows;
  for (const ServerStatus& server : upstream.servers) rows.push_back(server_row(server));
  std::array<TableColumn, kColumns> table{};
  std::size_t used = kTableGap.size() * kColumns;
  for (std::size_t i = 0; i < kColumns; ++i) {
    table[i] = {head[i].size(), i >= 2};
    for (const Row& row : rows) table[i].width = std::max(table[i].width, row[i].size());
    if (i > 0) used += table[i].width;
  }
  table[0].width = std::min(table[0].width, columns > used + kLeastName ? columns - used : kLeastName);
  std::string text = table_row(head, table);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i][0] = shown(upstream.servers[i].name, table[0].width);
    text += table_row(rows[i], table) + notes(upstream.servers[i], columns);
  }
  return text;
}

}  // namespace

std::string upstream_table(const UpstreamStatus& upstream, std::size_t columns) {
  const std::string title = fmt::format("upstream {}: {}, {}", upstream.name, upstream.protocol, upstream.balance);
  std::string text = "\n" + shown(title, columns) + "\n";
  text += fmt::format("  queue: {} of {} a loop; retries: {} left, {} made, {} refused\n", upstream.waiting,
                      upstream.queue, upstream.retries_left, upstream.retried, upstream.retries_refused);
  text += server_lines(upstream, columns);
  for (const UnresolvedName& name : upstream.unresolved) {
    text += "  " + shown(fmt::format("{}: {}", name.host, name.why), columns - 2) + "\n";
  }
  return text;
}

}  // namespace edge
