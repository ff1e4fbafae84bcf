// Starting a zygote, and understanding what it and its workers say.
#include "appserver/zygote.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

#include "appserver/gateway/image.h"
#include "appserver/kernel_memory.h"
#include "core/log.h"

namespace edge {

namespace {

constexpr int kControlInChild = 3;
constexpr int kGatewayInChild = 4;

/// What the head of gateway/bootstrap.py describes.
std::string settings_for(const config::App& app, const Zygote::Purpose& purpose) {
  const nlohmann::json settings{
      {"name", app.name},
      {"parent", getpid()},
      {"control", kControlInChild},
      {"gateway", kGatewayInChild},
      {"module", app.module},
      {"wsgi_file", app.wsgi_file},
      {"callable", app.callable},
      {"chdir", app.chdir},
      {"python_path", app.python_path},
      {"preload", app.preload},
      {"threads", app.threads},
      {"processes", app.most_processes},
      {"generation", purpose.generation},
      {"site_files", app.site_files},
      {"interface", app.interface},
      {"static", purpose.finds_folders},
  };
  return settings.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

/// The edge's own environment with the app's in front, and what belongs to its user.
std::vector<std::string> environment_for(const config::App& app, const std::optional<Account>& account) {
  std::vector<std::string> environment;
  std::map<std::string, std::string> wanted = app.env;
  if (account && !account->name.empty()) {
    wanted.try_emplace("HOME", account->home);
    wanted.try_emplace("USER", account->name);
    wanted.try_emplace("LOGNAME", account->name);
  }
  if (!app.virtualenv.empty()) wanted.try_emplace("VIRTUAL_ENV", app.virtualenv);
  for (const auto& [name, value] : wanted) environment.push_back(name + '=' + value);
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text(*entry);
    if (!wanted.contains(std::string(text.substr(0, text.find('='))))) environment.emplace_back(text);
  }
  return environment;
}

}  // namespace

Result<UniqueFd> gateway_memory() {
  const std::string_view image = gateway_image();
  UniqueFd memory(memfd_create("edge-gateway", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  std::size_t written = 0;
  while (memory && written < image.size()) {
    const ssize_t size = write(memory.get(), image.data() + written, image.size() - written);
    if (size < 0) break;
    written += static_cast<std::size_t>(size);
  }
  if (!memory || written < image.size() ||
      fcntl(memory.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return fail(ErrorKind::internal, Side::ours, std::string("no memory for the gateway: ") + std::strerror(errno));
  }
  return memory;
}

std::string how_it_ended(int status, int signal) {
  if (signal == 0) return fmt::format("exited with status {}", status);
  const char* const name = sigabbrev_np(signal);
  return name ? fmt::format("died of SIG{}", name) : fmt::format("died of signal {}", signal);
}

Result<std::unique_ptr<Zygote>> Zygote::start(Loop& loop, const config::App& app, const Purpose& purpose,
                                              const Interpreter& interpreter, int gateway, Supervisor& supervisor) {
  std::unique_ptr<Zygote> zygote(new Zygote(app, supervisor));
  if (Result<void> spawned = zygote->spawn(loop, purpose, interpreter, gateway); !spawned) {
    return std::unexpected(std::move(spawned.error()));
  }
  return zygote;
}

Result<void> Zygote::spawn(Loop& loop, const Purpose& purpose, const Interpreter& interpreter, int gateway) {
  Result<ControlChannel::Ends> ends = ControlChannel::make_ends();
  if (!ends) return std::unexpected(std::move(ends.error()));
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) {
    return fail(ErrorKind::internal, Side::ours, std::string("no pipe for an app's output: ") + std::strerror(errno));
  }
  const UniqueFd output_end(pipe_ends[1]);
  const auto log_line = [this](std::string_view line) { log::info("[{}] {}", app_.name, line); };
  Result<OutputLines::Ref> output = OutputLines::open(loop, UniqueFd(pipe_ends[0]), log_line);
  if (!output) return std::unexpected(std::move(output.error()));
  output_ = std::move(*output);
  const auto receive = [this](const wire::ControlHeader& header, pid_t sender, std::string_view text) {
    received(header, sender, text);
  };
  Result<ControlChannel::Ref> control = ControlChannel::open(loop, std::move(ends->edge), receive);
  if (!control) return std::unexpected(std::move(control.error()));
  control_ = std::move(*control);

  ChildProcess::Command command;
  command.file = interpreter.file;
  command.arguments = interpreter.arguments;
  std::string source(purpose.finds_folders ? static_folders_source() : std::string_view());
  source += bootstrap_source();
  for (std::string argument :
       {std::string("-c"), std::move(source), settings_for(app_, purpose), std::string(special_cases_source())}) {
    command.arguments.push_back(std::move(argument));
  }
  command.environment = environment_for(app_, interpreter.account);
  command.account = interpreter.account;
  command.data_limit = data_limit(app_);
  command.descriptors = {-1, output_end.get(), output_end.get(), ends->app.get(), gateway};
  Result<ChildProcess> process =
      ChildProcess::spawn(loop, command, [this](int status, int signal) { ended(status, signal); });
  if (!process) return std::unexpected(std::move(process.error()));
  process_ = std::move(*process);
  return {};
}

Result<void> Zygote::fork(const WorkerProcess& worker, std::vector<std::vector<UniqueFd>> answers, UniqueFd stacks) {
  std::vector<int> lent;
  for (const auto& slot : worker.slots()) lent.push_back(slot->mailbox.worker_end());
  lent.push_back(worker.memory());
  std::vector<UniqueFd> copies;
  for (const int descriptor : lent) {
    copies.emplace_back(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    if (copies.back()) continue;
    return fail(ErrorKind::internal, Side::ours, std::string("no descriptor for it: ") + std::strerror(errno));
  }
  for (std::size_t thread = 0; thread < answers.size(); ++thread) {
    std::vector<UniqueFd> descriptors;
    descriptors.push_back(std::move(copies[thread]));
    for (UniqueFd& channel : answers[thread]) descriptors.push_back(std::move(channel));
    control_->send({.kind = wire::ControlKind::kWorkerThread,
                    .worker = worker.number(),
                    .thread = static_cast<std::uint32_t>(thread)},
                   std::move(descriptors));
  }
  std::vector<UniqueFd> shared;
  shared.push_back(std::move(copies.back()));
  shared.push_back(std::move(stacks));
  control_->send({.kind = wire::ControlKind::kFork, .worker = worker.number()}, std::move(shared));
  return {};
}

void Zygote::ask_changed() {
  control_->send({.kind = wire::ControlKind::kAskChanged}, {});
}

void Zygote::stop() {
  control_->send({.kind = wire::ControlKind::kStop}, {});
}

void Zygote::log_text(LogLevel level, std::string_view text) const {
  while (text.ends_with('\n')) text.remove_suffix(1);
  if (!text.empty()) log::write(level, "[{}] {}", app_.name, text);
}

void Zygote::received(const wire::ControlHeader& header, pid_t sender, std::string_view text) {
  using wire::ControlKind;
  if (header.kind == ControlKind::kLog) {
    const std::size_t id = text.find('\0');
    if (id == 0 || id == text.npos) return log_text(LogLevel::error, text.substr(id == 0 ? 1 : 0));
    return log_text(LogLevel::error, fmt::format("request {}: {}", text.substr(0, id), text.substr(id + 1)));
  }
  if (header.kind == ControlKind::kReady) {
    const bool asgi = header.value == wire::kAsgi;
    return supervisor_.on_worker_ready(header.worker, sender, asgi ? wire::kAsgi : wire::kWsgi);
  }
  if (header.kind == ControlKind::kWorkerFailed) return supervisor_.on_worker_import_failed(header.worker, text);
  const bool imported = !app_.preload || sender == pid();
  if (header.kind == ControlKind::kStaticFolders && imported) return supervisor_.on_static_folders(text);
  if (sender != pid()) return log_text(LogLevel::error, "a control message from a process that is not the zygote");
  received_from_zygote(header, text);
}

void Zygote::received_from_zygote(const wire::ControlHeader& header, std::string_view text) {
  switch (header.kind) {
    case wire::ControlKind::kImported:
      log_text(LogLevel::warn, text);
      return supervisor_.on_imported();
    case wire::ControlKind::kImportFailed:
      return supervisor_.on_import_failed(text);
    case wire::ControlKind::kForked:
      return supervisor_.on_worker_forked(header.worker, header.pid);
    case wire::ControlKind::kExited:
      return supervisor_.on_worker_exited(header.worker, header.pid, header.value);
    case wire::ControlKind::kChanged:
      return supervisor_.on_changed(text);
    default:
      return log_text(LogLevel::error, "an unknown control message");
  }
}

void Zygote::ended(int status, int signal) {
  control_->read_all();
  output_->read_all();
  supervisor_.on_zygote_ended(status, signal);
}

}  // namespace edge
