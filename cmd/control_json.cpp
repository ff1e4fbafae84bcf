// JSON of the control socket.
#include "cmd/control_json.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <vector>

namespace edge {
namespace {

using Json = nlohmann::ordered_json;

template <class Object, class Kind>
concept Is = std::is_same_v<std::remove_const_t<Object>, Kind>;

// The fields of each kind of object, in the order shown: `at` is called with each name and member.

void fields(Is<RunningRequest> auto& running, auto at) {
  at("thread", running.thread);
  at("id", running.id);
  at("method", running.method);
  at("target", running.target);
  at("for_ms", running.milliseconds);
  at("client_gone", running.client_gone);
}

void fields(Is<WorkerStatus> auto& worker, auto at) {
  at("number", worker.number);
  at("generation", worker.generation);
  at("pid", worker.pid);
  at("state", worker.state);
  at("requests", worker.requests);
  at("in_flight", worker.in_flight);
  at("age_ms", worker.age);
  at("memory_bytes", worker.memory);
  at("running", worker.running);
}

void fields(Is<FolderStatus> auto& folder, auto at) {
  at("url", folder.url);
  at("directory", folder.directory);
  at("hashed_names", folder.hashed_names);
}

void fields(Is<GenerationStatus> auto& generation, auto at) {
  at("number", generation.number);
  at("state", generation.state);
  at("zygote", generation.zygote);
  at("python", generation.python);
  at("age_ms", generation.age);
  at("kept_for_ms", generation.kept_for);
  at("folders", generation.folders);
  at("workers", generation.workers);
}

void fields(Is<QueueStatus> auto& queue, auto at) {
  at("waiting", queue.waiting);
  at("limit", queue.limit);
  at("longest_wait_ms", queue.longest_wait);
  at("granted", queue.granted);
  at("waited", queue.waited);
  at("wait_total_us", queue.wait_total);
  at("wait_most_us", queue.wait_most);
  at("refused", queue.refused);
  at("timed_out", queue.timed_out);
  at("left", queue.left);
}

void fields(Is<PastError> auto& error, auto at) {
  at("at", error.at);
  at("text", error.text);
}

void fields(Is<AppStatus> auto& app, auto at) {
  at("name", app.name);
  at("state", app.state);
  at("generation", app.generation);
  at("queue", app.queue);
  at("generations", app.generations);
  at("errors", app.errors);
}

void fields(Is<LimitStatus> auto& limit, auto at) {
  at("limit", limit.limit);
  at("refused", limit.refused);
  at("delayed", limit.delayed);
  at("would_have_refused", limit.would_have_refused);
  at("would_have_delayed", limit.would_have_delayed);
}

void fields(Is<ServerStatus> auto& server, auto at) {
  at("name", server.name);
  at("url", server.url);
  at("state", server.state);
  at("why", server.why);
  at("backup", server.backup);
  at("weight", server.weight);
  at("max_connections", server.max_connections);
  at("in_flight", server.in_flight);
  at("idle", server.idle);
  at("served", server.served);
  at("failed", server.failed);
  at("latency_us", server.latency);
  at("error", server.error);
  at("error_at", server.error_at);
}

void fields(Is<UnresolvedName> auto& name, auto at) {
  at("host", name.host);
  at("why", name.why);
}

void fields(Is<UpstreamStatus> auto& upstream, auto at) {
  at("name", upstream.name);
  at("protocol", upstream.protocol);
  at("balance", upstream.balance);
  at("waiting", upstream.waiting);
  at("queue", upstream.queue);
  at("retries_left", upstream.retries_left);
  at("retried", upstream.retried);
  at("retries_refused", upstream.retries_refused);
  at("servers", upstream.servers);
  at("unresolved", upstream.unresolved);
}

void fields(Is<ServiceStatus> auto& status, auto at) {
  at("version", status.version);
  at("pid", status.pid);
  at("file", status.file);
  at("state", status.state);
  at("started_at", status.started_at);
  at("uptime_ms", status.uptime);
  at("loops", status.loops);
  at("connections", status.connections);
  at("most_connections", status.most_connections);
  at("bans", status.bans);
  at("closed_unread", status.closed_unread);
  at("refused_requests", status.refused_requests);
  at("limits", status.limits);
  at("limit_keys_forgotten", status.limit_keys_forgotten);
  at("apps", status.apps);
  at("upstreams", status.upstreams);
}

void fields(Is<AppReload> auto& app, auto at) {
  at("name", app.name);
  at("outcome", app.outcome);
  at("generation", app.generation);
  at("because", app.because);
  at("error", app.error);
  at("took_ms", app.took);
}

void fields(Is<ReloadReport> auto& report, auto at) {
  at("ok", report.ok);
  at("problems", report.problems);
  at("nothing_changed", report.nothing_changed);
  at("apps", report.apps);
  at("applied", report.applied);
  at("not_applied", report.not_applied);
  at("needs_restart", report.needs_restart);
}

void fields(Is<SwapResult> auto& result, auto at) {
  at("ok", result.ok);
  at("generation", result.generation);
  at("error", result.error);
}

void fields(Is<ReopenReport> auto& report, auto at) {
  at("ok", report.ok);
  at("errors", report.errors);
}

void fields(Is<UpgradeReport> auto& report, auto at) {
  at("ok", report.ok);
  at("pid", report.pid);
  at("error", report.error);
  at("took_ms", report.took);
}

void fields(Is<BanReport> auto& report, auto at) {
  at("ok", report.ok);
  at("address", report.address);
  at("error", report.error);
  at("note", report.note);
}

void fields(Is<BanEntry> auto& ban, auto at) {
  at("address", ban.address);
  at("since", ban.since);
  at("until", ban.until);
  at("automatic", ban.automatic);
  at("why", ban.why);
}

void fields(Is<BansReport> auto& report, auto at) {
  at("ok", report.ok);
  at("total", report.total);
  at("most", report.most);
  at("kept_in", report.kept_in);
  at("bans", report.bans);
}

template <class Value>
concept Plain = std::is_arithmetic_v<Value> || std::is_same_v<Value, std::string>;

Json written(const Plain auto& value) {
  return value;
}

template <class Object>
Json written(const Object& object);

template <class Item>
Json written(const std::vector<Item>& items) {
  Json json = Json::array();
  for (const Item& item : items) json.push_back(written(item));
  return json;
}

template <class Object>
Json written(const Object& object) {
  Json json = Json::object();
  fields(object, [&json](const char* name, const auto& member) { json[name] = written(member); });
  return json;
}

void read(const Json& from, bool& to) {
  if (from.is_boolean()) to = from.get<bool>();
}

void read(const Json& from, std::string& to) {
  if (from.is_string()) to = from.get<std::string>();
}

template <class Number>
  requires std::is_integral_v<Number>
void read(const Json& from, Number& to) {
  if (from.is_number_integer()) to = from.get<Number>();
}

template <class Object>
  requires std::is_class_v<Object>
void read(const Json& from, Object& to);

template <class Item>
void read(const Json& from, std::vector<Item>& to) {
  if (!from.is_array()) return;
  for (const Json& item : from) read(item, to.emplace_back());
}

template <class Object>
  requires std::is_class_v<Object>
void read(const Json& from, Object& to) {
  if (!from.is_object()) return;
  fields(to, [&from](const char* name, auto& member) {
    if (const auto found = from.find(name); found != from.end()) read(*found, member);
  });
}

template <class Object>
Result<Object> parse(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(ErrorKind::malformed, Side::upstream, "what was answered is no JSON object");
  Object object;
  read(json, object);
  return object;
}

}  // namespace

std::string json_text(const Json& document) {
  // Only ASCII, without control bytes: `edge status --json` shows a terminal what clients have sent.
  return document.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

std::string json_text(const ServiceStatus& status) {
  return json_text(written(status));
}
std::string json_text(const ReloadReport& report) {
  return json_text(written(report));
}
std::string json_text(const SwapResult& result) {
  return json_text(written(result));
}
std::string json_text(const ReopenReport& report) {
  return json_text(written(report));
}

std::string json_text(const UpgradeReport& report) {
  return json_text(written(report));
}

std::string json_text(const BanReport& report) {
  return json_text(written(report));
}

std::string json_text(const BansReport& report) {
  return json_text(written(report));
}

Result<ServiceStatus> parse_status(std::string_view text) {
  return parse<ServiceStatus>(text);
}
Result<ReloadReport> parse_reload_report(std::string_view text) {
  return parse<ReloadReport>(text);
}
Result<SwapResult> parse_swap_result(std::string_view text) {
  return parse<SwapResult>(text);
}
Result<ReopenReport> parse_reopen_report(std::string_view text) {
  return parse<ReopenReport>(text);
}

Result<UpgradeReport> parse_upgrade_report(std::string_view text) {
  return parse<UpgradeReport>(text);
}

Result<BanReport> parse_ban_report(std::string_view text) {
  return parse<BanReport>(text);
}

Result<BansReport> parse_bans_report(std::string_view text) {
  return parse<BansReport>(text);
}

std::string parse_error_text(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  std::string error;
  if (json.is_object() && json.contains("error")) read(json["error"], error);
  return error;
}

}  // namespace edge
