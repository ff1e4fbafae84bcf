// The table of `edge status`.
#include "cmd/status_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "cmd/human_text.h"
#include "cmd/table_text.h"
#include "cmd/upstream_table.h"
#include "core/time_text.h"

namespace edge {
namespace {

constexpr std::size_t kColumns = 8;
using Row = std::array<std::string, kColumns>;
constexpr std::string_view kTraceback = "Traceback (most recent call last)";

/// What says most in one line: the first, but of a traceback the last.
std::string_view headline(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  if (text.starts_with(kTraceback)) return text.substr(text.rfind('\n') + 1);
  return text.substr(0, text.find('\n'));
}

std::string process_line(const ServiceStatus& status) {
  return fmt::format("edge {} (pid {}), {} since {} ({})\n{}\n{}, {} of {} connections\n", shown(status.version, 20),
                     status.pid, shown(status.state, 20), time_iso8601(status.started_at), human_time(status.uptime),
                     shown(status.file, 4096), plural(status.loops, "loop"), status.connections,
                     status.most_connections);
}

std::string guard_line(const ServiceStatus& status) {
  if (status.bans == 0 && status.closed_unread == 0 && status.refused_requests == 0) return {};
  return fmt::format("{}, {} closed unread, {} refused\n", plural(status.bans, "ban"),
                     plural(status.closed_unread, "connection"), plural(status.refused_requests, "request"));
}

std::string queue_line(const QueueStatus& queue) {
  std::string line = fmt::format("  queue: {} of {}", queue.waiting, queue.limit);
  if (queue.waiting > 0) line += fmt::format(", the first for {}", human_time(queue.longest_wait));
  if (queue.granted > 0 && queue.waited > 0) {
    const auto milliseconds = [](std::uint64_t microseconds) { return human_time((microseconds + 500) / 1000); };
    line += fmt::format("\n         {:.1f}% of {} waited, {} on average, {} at most",
                        100.0 * static_cast<double>(queue.waited) / static_cast<double>(queue.granted),
                        plural(queue.granted, "request"), milliseconds(queue.wait_total / queue.waited),
                        milliseconds(queue.wait_most));
  } else if (queue.granted > 0) {
    line += fmt::format("; none of {} waited", plural(queue.granted, "request"));
  }
  line += "\n";
  if (queue.refused + queue.timed_out + queue.left > 0) {
    line += fmt::format("         {} refused (full), {} waited too long, {} left while waiting\n", queue.refused,
                        queue.timed_out, queue.left);
  }
  return line;
}

std::string doing(const RunningRequest& running, std::size_t most) {
  const std::string time =
      fmt::format(" ({}{})", human_time(running.milliseconds), running.client_gone ? ", client gone" : "");
  const std::size_t room = most > time.size() + 10 ? most - time.size() : 10;
  return shown(running.method + " " + running.target, room) + time;
}

Row worker_row(const WorkerStatus& worker) {
  return {std::to_string(worker.number),
          std::to_string(worker.generation),
          worker.pid > 0 ? std::to_string(worker.pid) : "-",
          shown(worker.state, 20),
          std::to_string(worker.requests),
          human_time(worker.age),
          worker.memory > 0 ? human_bytes(worker.memory) : "-",
          {}};
}

std::string worker_table(const AppStatus& app, std::size_t columns) {
  std::vector<std::pair<Row, const WorkerStatus*>> rows;
  for (const GenerationStatus& generation : app.generations) {
    for (const WorkerStatus& worker : generation.workers) rows.emplace_back(worker_row(worker), &worker);
  }
  if (rows.empty()) return {};
  const Row head = {"WORKER", "GEN", "PID", "STATE", "REQUESTS", "AGE", "MEMORY", "DOING"};
  constexpr std::array<bool, kColumns> kNumbers = {true, true, true, false, true, true, true, false};
  std::array<TableColumn, kColumns> table{};
  std::size_t used = kTableGap.size() * kColumns;
  for (std::size_t i = 0; i + 1 < kColumns; ++i) {
    table[i] = {head[i].size(), kNumbers[i]};
    for (const auto& [row, worker] : rows) table[i].width = std::max(table[i].width, row[i].size());
    used += table[i].width;
  }
  const std::size_t room = columns > used + 20 ? columns - used : 20;
  std::string text = table_row(head, table);
  for (auto& [row, worker] : rows) {
    for (const RunningRequest& running : worker->running) {
      row.back() = doing(running, room);
      text += table_row(row, table);
      row = Row{};
    }
    if (worker->running.empty()) text += table_row(row, table);
    if (!worker->running.empty() && worker->in_flight > worker->running.size()) {
      row.back() = fmt::format("and {} more", worker->in_flight - worker->running.size());
      text += table_row(row, table);
    }
  }
  return text;
}

std::string generation_lines(const AppStatus& app) {
  std::string lines;
  for (const GenerationStatus& generation : app.generations) {
    if (generation.number == app.generation) continue;
    lines += fmt::format("  generation {}: {}", generation.number, shown(generation.state, 40));
    lines += generation.kept_for > 0 ? fmt::format(", for another {}\n", human_time(generation.kept_for))
                                     : fmt::format(", {} old\n", human_time(generation.age));
  }
  return lines;
}

std::string folder_lines(const GenerationStatus& generation, std::size_t columns) {
  std::string lines;
  for (const FolderStatus& folder : generation.folders) {
    const std::string line = fmt::format("{} from {}{}", folder.url, folder.directory,
                                         folder.hashed_names ? ", hashed names immutable" : "");
    lines += fmt::format("  {} {}\n", lines.empty() ? "files:" : "      ", shown(line, columns - 9));
  }
  return lines;
}

std::string app_text(const AppStatus& app, std::size_t columns) {
  std::string text = fmt::format("\n{}: {}", shown(app.name, 64), shown(app.state, 20));
  if (app.generation > 0) text += fmt::format(", generation {}", app.generation);
  const auto serving = std::ranges::find(app.generations, app.generation, &GenerationStatus::number);
  if (serving != app.generations.end() && !serving->python.empty()) text += ", " + shown(serving->python, 60);
  text += "\n" + queue_line(app.queue);
  if (serving != app.generations.end()) text += folder_lines(*serving, columns);
  text += worker_table(app, columns) + generation_lines(app);
  for (const PastError& error : app.errors) {
    const std::string start = fmt::format("  {}  ", time_iso8601(error.at));
    text += start + shown(headline(error.text), columns - start.size()) + "\n";
  }
  return text;
}

}  // namespace

std::string status_table(const ServiceStatus& status, std::size_t columns) {
  std::string text = process_line(status) + guard_line(status);
  for (const AppStatus& app : status.apps) text += app_text(app, columns);
  for (const UpstreamStatus& upstream : status.upstreams) text += upstream_table(upstream, columns);
  return text;
}

}  // namespace edge
