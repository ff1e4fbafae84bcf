// Sorts the variables of a packet, then fills the request from those with a meaning.
#include "core/uwsgi/read_vars.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "core/http/path.h"
#include "core/uwsgi/packet.h"

namespace edge::uwsgi {
namespace {

constexpr std::string_view kHeaderPrefix = "HTTP_";
constexpr std::size_t kMostParams = 256;
constexpr std::string_view kUnescaped = "/-._~!$&'()*+,;=:@";  // and letters and digits: RFC 3986 3.3

std::unexpected<Error> malformed(std::string why) {
  return fail(ErrorKind::malformed, Side::client, std::move(why));
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_variable_name(std::string_view name) {
  const auto allowed = [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; };
  return !name.empty() && std::ranges::all_of(name, allowed);
}

bool is_left_out(std::string_view name) {
  return name.starts_with("UWSGI_") || name.starts_with("uwsgi.") || name.starts_with("wsgi.") ||
         name.starts_with("edge.") || name == "REQUEST_ID";
}

/// Content-Length, Content-Type and Transfer-Encoding are told by variables of their own, or not at all.
bool is_told_otherwise(HeaderName id) {
  return id == HeaderName::content_length || id == HeaderName::content_type || id == HeaderName::transfer_encoding;
}

class Reader {
 public:
  Reader(const HttpSettings& limits, Request& request, ConnectionInfo& connection)
      : limits_(limits), request_(request), connection_(connection) {}

  Result<void> sort(std::string_view block);
  Result<void> read_request_line();
  Result<void> read_host();
  void read_ends();
  Result<std::uint64_t> read_content();

 private:
  Result<void> take(const Variable& variable);
  Result<void> take_header(std::string_view name, std::string_view value);
  Result<void> take_param(std::string_view name, std::string_view value);
  std::string_view get(std::string_view name) const;
  bool came_by_tls() const;
  std::string_view made_target() const;

  const HttpSettings& limits_;
  Request& request_;
  ConnectionInfo& connection_;
  std::string_view uwsgi_scheme_;
  std::string_view https_;
  std::string_view scheme_;
  std::string_view content_length_;
};

Result<void> Reader::sort(std::string_view block) {
  BlockReader reader(block);
  for (Variable variable;;) {
    const BlockReader::Step step = reader.next(variable);
    if (step == BlockReader::Step::end) return {};
    if (step == BlockReader::Step::broken) return malformed("a size in the uwsgi packet points past its end");
    if (const Result<void> taken = take(variable); !taken) return taken;
  }
}

Result<void> Reader::take(const Variable& variable) {
  const auto [name, value] = variable;
  if (!is_variable_name(name)) return malformed("a uwsgi variable has an empty name, or one with a forbidden byte");
  if (value.contains('\0')) return malformed("the uwsgi variable " + std::string(name) + " holds a NUL");
  if (name.starts_with(kHeaderPrefix)) return take_header(name.substr(kHeaderPrefix.size()), value);
  if (name == "UWSGI_SCHEME") {
    uwsgi_scheme_ = value;
  } else if (name == "HTTPS") {
    https_ = value;
  } else if (name == "REQUEST_SCHEME") {
    scheme_ = value;
  } else if (name == "CONTENT_LENGTH") {
    content_length_ = value;
  } else if (!is_left_out(name)) {
    return take_param(name, value);
  }
  return {};
}

Result<void> Reader::take_header(std::string_view name, std::string_view value) {
  if (name.empty()) return {};
  if (value.find_first_of("\r\n") != value.npos) {
    return malformed("the header in the uwsgi variable HTTP_" + std::string(name) + " has more than one line");
  }
  char* const spelled = request_.arena.allocate_chars(name.size());
  std::ranges::transform(name, spelled, [](char c) { return c == '_' ? '-' : c; });
  HeaderField field{{spelled, name.size()}, value, header_name({spelled, name.size()})};
  if (is_told_otherwise(field.id)) return {};
  if (field.id != HeaderName::other) field.name = header_spelling(field.id);
  request_.headers.remove(field.name);
  if (request_.headers.size() == limits_.max_headers) {
    return fail(ErrorKind::headers_too_large, Side::client, "more header fields than max_headers");
  }
  request_.headers.add(field);
  return {};
}

Result<void> Reader::take_param(std::string_view name, std::string_view value) {
  HeaderList& params = request_.params;
  const HeaderField field{name, value, HeaderName::other};
  for (std::size_t i = 0; i < params.size(); ++i) {
    if (params[i].name != name) continue;
    params.replace(i, field);
    return {};
  }
  if (params.size() == kMostParams) {
    return fail(ErrorKind::headers_too_large, Side::client, "more than 256 uwsgi variables");
  }
  params.add(field);
  return {};
}

std::string_view Reader::get(std::string_view name) const {
  for (const HeaderField& param : request_.params) {
    if (param.name == name) return param.value;
  }
  return {};
}

/// For a server in front that tells the parts alone.
std::string_view Reader::made_target() const {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string target;
  for (const std::string_view part : {get("SCRIPT_NAME"), get("PATH_INFO")}) {
    for (const char c : part) {
      if (is_alphanumeric(c) || kUnescaped.contains(c)) {
        target += c;
        continue;
      }
      const auto byte = static_cast<unsigned char>(c);
      target += {'%', kDigits[byte >> 4U], kDigits[byte & 0xfU]};
    }
  }
  if (const std::string_view query = get("QUERY_STRING"); !query.empty()) target.append("?").append(query);
  return request_.arena.copy(target);
}

HttpVersion version_of(std::string_view protocol) {
  if (protocol == "HTTP/1.0") return HttpVersion::http10;
  return protocol.starts_with("HTTP/2") ? HttpVersion::http2 : HttpVersion::http11;
}

Result<void> Reader::read_request_line() {
  request_.method_name = get("REQUEST_METHOD");
  if (request_.method_name.empty() || !is_variable_name(request_.method_name)) {
    return malformed("the uwsgi packet names no method: nginx needs `include uwsgi_params;` beside uwsgi_pass");
  }
  request_.method = method_of(request_.method_name);
  if (request_.method == Method::connect) {
    return fail(ErrorKind::not_implemented, Side::client, "CONNECT is not implemented");
  }
  request_.version = version_of(get("SERVER_PROTOCOL"));
  request_.target = get("REQUEST_URI");
  if (request_.target.empty()) request_.target = made_target();
  if (request_.target.size() > limits_.max_uri) {
    return fail(ErrorKind::uri_too_long, Side::client, "the request target is longer than max_uri");
  }
  const Result<Target> target = parse_target(request_.target, request_.arena);
  if (!target) return std::unexpected(target.error());
  if (target->path == "*" && request_.method != Method::options) return malformed("the target * is for OPTIONS only");
  request_.path = target->path;
  request_.query = target->query;
  request_.has_query = target->has_query;
  return {};
}

Result<void> Reader::read_host() {
  std::string_view host = request_.headers.get(HeaderName::host);
  if (host.empty()) return {};
  const Result<std::string_view> name = parse_host(host, request_.arena);
  if (!name) return std::unexpected(name.error());
  request_.host = *name;
  return {};
}

bool Reader::came_by_tls() const {
  if (!uwsgi_scheme_.empty()) return uwsgi_scheme_ == "https";
  if (!https_.empty()) return same_name(https_, "on") || https_ == "1";
  return scheme_ == "https";
}

void Reader::read_ends() {
  connection_.tls = came_by_tls();
  const std::string_view ip = get("REMOTE_ADDR");
  std::string address;
  address.append(ip.contains(':') ? "[" : "").append(ip).append(ip.contains(':') ? "]:" : ":");
  const std::string_view port = get("REMOTE_PORT");
  address.append(port.empty() ? "0" : port);
  const Result<Address> remote = Address::parse(address);
  if (!ip.empty() && remote) connection_.remote = *remote;
}

Result<std::uint64_t> Reader::read_content() {
  const std::string_view type = get("CONTENT_TYPE");
  if (type.find_first_of("\r\n") != type.npos) return malformed("CONTENT_TYPE has more than one line");
  if (!type.empty()) request_.headers.add(HeaderName::content_type, type);
  if (content_length_.empty()) return 0;
  std::uint64_t size = 0;
  const char* const end = content_length_.data() + content_length_.size();
  const auto [stopped, error] = std::from_chars(content_length_.data(), end, size);
  if (error != std::errc() || stopped != end) return malformed("CONTENT_LENGTH is no number");
  request_.headers.add(HeaderName::content_length, content_length_);
  return size;
}

}  // namespace

Result<std::uint64_t> read_vars(std::string_view block, const HttpSettings& limits, Request& request,
                                ConnectionInfo& connection) {
  Reader reader(limits, request, connection);
  if (const Result<void> sorted = reader.sort(block); !sorted) return std::unexpected(sorted.error());
  reader.read_ends();
  if (const Result<void> line = reader.read_request_line(); !line) return std::unexpected(line.error());
  if (const Result<void> host = reader.read_host(); !host) return std::unexpected(host.error());
  return reader.read_content();
}

}  // namespace edge::uwsgi
