// Asking, and printing what could not be done.
#include "cmd/control_question.h"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "cmd/control_json.h"
#include "cmd/exit_code.h"
#include "core/escape.h"

namespace edge {

namespace {
constexpr int kHttpOk = 200;
constexpr int kHttpFailed = 422;
}  // namespace

void print_error(std::string_view text) {
  fmt::print(stderr, "{}\n", text);
}

std::string printable(std::string_view text) {
  std::string result;
  append_printable(text, result);
  return result;
}

std::optional<ControlClient> connected(const ControlOptions& options, int& status) {
  const Result<ControlPlace> place = control_place(options.file, options.control);
  if (!place) {
    print_error(place.error().context);
    status = kExitConfiguration;
    return std::nullopt;
  }
  Result<ControlClient> client = ControlClient::connect(*place);
  if (client) return std::move(*client);
  print_error(client.error().context);
  status = kExitFailed;
  return std::nullopt;
}

std::optional<ControlAnswer> answer_of(ControlClient client, const std::string& method, const std::string& path,
                                       std::optional<Milliseconds> patience, int& status) {
  Result<ControlAnswer> answer = std::move(client).ask(method, path, patience);
  status = kExitFailed;
  if (!answer) {
    print_error(answer.error().context);
    return std::nullopt;
  }
  if (answer->status == kHttpOk || answer->status == kHttpFailed) return std::move(*answer);
  const std::string said = parse_error_text(answer->body);
  if (said.empty()) {
    print_error(fmt::format("the edge answered {} to {} {}; is it of another version?", answer->status, method, path));
    return std::nullopt;
  }
  print_error(printable(said));
  status = kExitConfiguration;
  return std::nullopt;
}

std::optional<ControlAnswer> asked(const ControlOptions& options, const std::string& method, const std::string& path,
                                   std::optional<Milliseconds> patience, int& status) {
  std::optional<ControlClient> client = connected(options, status);
  if (!client) return std::nullopt;
  return answer_of(std::move(*client), method, path, patience, status);
}

int not_understood(const Error& error) {
  print_error(error.context + "; is the edge that runs of another version?");
  return kExitFailed;
}

}  // namespace edge
