// Lines of the access log, and the buffer they wait in.
#include "core/access_log.h"

#include <array>

#include "core/escape.h"
#include "core/http/request.h"
#include "core/number_text.h"
#include "core/time_text.h"

namespace edge {
namespace {

constexpr std::size_t kFull = 64 * 1024;
constexpr Milliseconds kFlushAfter{1000};

constexpr std::string_view kCombined =
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" "
    "\"$http_user_agent\"";

/// Appends `"name":"value",` members to one object.
class JsonObject {
 public:
  explicit JsonObject(std::string& to) : to_(to) { to_.push_back('{'); }

  void text(std::string_view name, std::string_view value) {
    key(name);
    to_.push_back('"');
    append_json_escaped(value, to_);
    to_.push_back('"');
  }
  void number(std::string_view name, std::uint64_t value) {
    key(name);
    append_number(value, to_);
  }
  void seconds(std::string_view name, std::uint64_t milliseconds) {
    key(name);
    append_seconds(milliseconds, to_);
  }
  void end() { to_.append("}\n"); }

 private:
  void key(std::string_view name) {
    if (!first_) to_.push_back(',');
    first_ = false;
    to_.push_back('"');
    to_.append(name);
    to_.append("\":");
  }
  std::string& to_;
  bool first_ = true;
};

void render_json(const Request& request, std::string& to) {
  std::array<char, 46> ip;
  const std::uint64_t now = request.loop.now();
  JsonObject object(to);
  object.text("time", time_iso8601(request.loop.unix_seconds()));
  object.text("request_id", request.id());
  object.text("remote_addr", request.client().ip_text(ip.data()));
  object.text("method", request.method_name);
  object.text("host", request.host);
  object.text("uri", request.target);
  object.text("protocol", version_text(request.version));
  object.number("status", static_cast<std::uint64_t>(request.sent.status));
  object.number("bytes", request.sent.body_bytes);
  object.seconds("request_time", now > request.begun ? now - request.begun : 0);
  object.text("referer", request.headers.get(HeaderName::referer));
  object.text("user_agent", request.headers.get(HeaderName::user_agent));
  if (const UpstreamInfo& upstream = request.upstream; !upstream.address.empty()) {
    object.text("upstream", upstream.address);
    object.number("upstream_status", static_cast<std::uint64_t>(upstream.status));
    object.seconds("upstream_response_time", upstream.response_time);
    object.seconds("upstream_queue_time", upstream.queue_time);
  }
  object.end();
}

}  // namespace

std::expected<AccessFormat, Template::Error> AccessFormat::compile(std::string_view format) {
  AccessFormat result;
  result.json_ = format == "json";
  if (result.json_) return result;
  auto line = Template::compile(format == "combined" ? kCombined : format);
  if (!line) return std::unexpected(std::move(line.error()));
  result.line_ = std::move(*line);
  return result;
}

void AccessFormat::render(const Request& request, std::string& to) const {
  if (json_) return render_json(request, to);
  line_.render(request, to, Template::Escape::log);
  to.push_back('\n');
}

AccessLog::AccessLog(Loop& loop, LogFile& file, const AccessFormat& format)
    : loop_(loop), file_(file), format_(format) {}

AccessLog::~AccessLog() {
  flush();
}

void AccessLog::write(const Request& request) {
  if (buffer_.empty()) {
    buffer_.reserve(kFull);
    loop_.arm(*this, kFlushAfter);
  }
  format_.render(request, buffer_);
  if (buffer_.size() >= kFull) flush();
}

void AccessLog::flush() {
  disarm();
  if (buffer_.empty()) return;
  file_.append(buffer_);
  buffer_.clear();
}

void AccessLog::on_deadline() {
  flush();
}

}  // namespace edge
