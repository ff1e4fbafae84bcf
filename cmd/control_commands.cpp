// Asking a running edge, and telling what it answered.
#include "cmd/control_commands.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string_view>

#include "cmd/control_client.h"
#include "cmd/control_json.h"
#include "cmd/control_question.h"
#include "cmd/exit_code.h"
#include "cmd/human_text.h"
#include "cmd/status_table.h"
#include "core/escape.h"
#include "core/unique_fd.h"

namespace edge {
namespace {

constexpr std::size_t kTableColumns = 100;

/// Every line of `text`, moved in, and harmless to a terminal.
std::string indented(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    result += "  " + printable(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

std::size_t terminal_columns() {
  winsize window{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0) return kTableColumns;
  return std::clamp<std::size_t>(window.ws_col, 80, 400);
}

std::string serves_on(std::uint32_t generation) {
  return generation > 0 ? fmt::format(", generation {} serves on", generation) : std::string();
}

/// An app's name as one step of a URL's path, whatever was typed.
std::string path_step(std::string_view name) {
  std::string step;
  for (const char c : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
    step += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return step;
}

struct Swap {
  const char* action;    // the step of the path
  const char* done;      // "generation 3 …"
  const char* not_done;  // "blog: …, generation 2 serves on"
  int failure;           // the exit code
};

int swap_command(const ControlOptions& options, const std::string& app, const Swap& swap) {
  const auto begun = std::chrono::steady_clock::now();
  int status = kExitOk;
  const std::string path = fmt::format("/apps/{}/{}", path_step(app), swap.action);
  const std::optional<ControlAnswer> answer = asked(options, "POST", path, std::nullopt, status);
  if (!answer) return status;
  const Result<SwapResult> result = parse_swap_result(answer->body);
  if (!result) return not_understood(result.error());
  if (!result->ok) {
    fmt::print(stderr, "{}: {}{}:\n{}", app, swap.not_done, serves_on(result->generation), indented(result->error));
    return swap.failure;
  }
  const auto took = std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - begun).count();
  fmt::print("{}: generation {} {} ({})\n", app, result->generation, swap.done,
             human_time(static_cast<std::uint64_t>(took)));
  return kExitOk;
}

}  // namespace

int status_command(const ControlOptions& options, bool json) {
  int status = kExitOk;
  const std::optional<ControlAnswer> answer = asked(options, "GET", "/status", kPatience, status);
  if (!answer) return status;
  const Result<ServiceStatus> parsed = parse_status(answer->body);
  if (!parsed) return not_understood(parsed.error());
  const std::string text = json ? answer->body : status_table(*parsed, terminal_columns());
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kExitOk;
}

ReloadText reload_text(const ReloadReport& report) {
  ReloadText text{{}, {}, report.ok ? kExitOk : kExitFailed};
  for (const std::string& problem : report.problems) text.error += printable(problem) + "\n";
  if (!report.problems.empty()) {
    text.status = kExitConfiguration;
    return text;
  }
  for (const AppReload& app : report.apps) {
    const std::string name = printable(app.name);
    const std::string because = app.because.empty() ? std::string() : ": " + printable(app.because);
    if (app.outcome == "reloaded") {
      text.out += fmt::format("{}: generation {} serves ({}){}\n", name, app.generation, human_time(app.took), because);
    } else if (app.outcome == "failed") {
      const char* const what = report.nothing_changed ? "NOT started" : "NOT reloaded";
      text.error += fmt::format("{}: {}{}:\n{}", name, what, serves_on(app.generation), indented(app.error));
      text.status = kExitApp;
    } else {
      text.out += fmt::format("{}: {}\n", name, printable(app.outcome));
    }
  }
  for (const std::string& applied : report.applied) text.out += printable(applied) + "\n";
  if (report.ok && report.apps.empty() && report.applied.empty()) text.out += "reloaded\n";
  if (report.nothing_changed) text.error += "nothing was changed: what served before goes on\n";
  if (report.nothing_changed) return text;
  for (const std::string& problem : report.not_applied) text.error += printable(problem) + "\n";
  for (const std::string& setting : report.needs_restart) {
    text.error += fmt::format("{}: takes effect only once edge is stopped and started again\n", printable(setting));
  }
  return text;
}

int reload_command(const ControlOptions& options) {
  int status = kExitOk;
  const std::optional<ControlAnswer> answer = asked(options, "POST", "/reload", std::nullopt, status);
  if (!answer) return status;
  const Result<ReloadReport> report = parse_reload_report(answer->body);
  if (!report) return not_understood(report.error());
  const ReloadText text = reload_text(*report);
  std::fwrite(text.out.data(), 1, text.out.size(), stdout);
  std::fwrite(text.error.data(), 1, text.error.size(), stderr);
  return text.status;
}

int restart_command(const ControlOptions& options, const std::string& app) {
  return swap_command(options, app, {"restart", "serves", "NOT restarted", kExitApp});
}

int rollback_command(const ControlOptions& options, const std::string& app) {
  return swap_command(options, app, {"rollback", "serves again", "NOT rolled back", kExitFailed});
}

int reopen_command(const ControlOptions& options) {
  int status = kExitOk;
  const std::optional<ControlAnswer> answer = asked(options, "POST", "/reopen", kPatience, status);
  if (!answer) return status;
  const Result<ReopenReport> report = parse_reopen_report(answer->body);
  if (!report) return not_understood(report.error());
  for (const std::string& error : report->errors) {
    print_error(printable(error) + "; the file that was open stays in use");
  }
  if (!report->ok) return kExitFailed;
  fmt::print("the log files are open again\n");
  return kExitOk;
}

int upgrade_command(const ControlOptions& options) {
  int status = kExitOk;
  const std::optional<ControlAnswer> answer = asked(options, "POST", "/upgrade", std::nullopt, status);
  if (!answer) return status;
  const Result<UpgradeReport> report = parse_upgrade_report(answer->body);
  if (!report) return not_understood(report.error());
  if (!report->ok) {
    fmt::print(stderr, "NOT upgraded, what served before serves on:\n{}", indented(report->error));
    return kExitFailed;
  }
  fmt::print("edge (pid {}) serves now ({})\n", report->pid, human_time(report->took));
  return kExitOk;
}

int stop_command(const ControlOptions& options) {
  int status = kExitOk;
  std::optional<ControlClient> client = connected(options, status);
  if (!client) return status;
  const pid_t pid = client->pid();
  // Taken before it stops, so that it is this process and no later one of that number.
  const UniqueFd process(pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1);
  if (!answer_of(std::move(*client), "POST", "/stop", kPatience, status)) return status;
  fmt::print("edge (pid {}) is stopping\n", pid);
  std::fflush(stdout);
  if (!process) return kExitOk;
  pollfd ended{process.get(), POLLIN, 0};
  while (::poll(&ended, 1, -1) < 0 && errno == EINTR) {
  }
  fmt::print("edge (pid {}) has stopped\n", pid);
  return kExitOk;
}

}  // namespace edge
