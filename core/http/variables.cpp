// nginx's variables, and edge's own ($remote_network, $upstream_queue_time), of a request.
#include "core/http/variables.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <vector>

#include "core/http/basic_credentials.h"
#include "core/http/find_pair.h"
#include "core/http/request.h"
#include "core/http/router.h"
#include "core/http/tls_variables.h"
#include "core/nearest.h"
#include "core/number_text.h"
#include "core/strike_table.h"
#include "core/time_text.h"

namespace edge {
namespace {

using Text = std::string_view;
using Known = Template::Known;

void append_ip(const Address& address, std::string& to) {
  std::array<char, 46> buffer;
  to.append(address.ip_text(buffer.data()));
}

/// What one client has: an IPv4 address, or an IPv6 network of 64 bits.
void append_remote_network(const Request& request, Text, std::string& to) {
  const Address& client = request.client();
  if (client.family != Address::Family::ipv6) return append_ip(client, to);
  append_ip(client_network(client).network, to);
  to.append("/64");
}

/// Nothing where no port is known: of a unix socket, and of a client that a proxy told without.
void append_port(std::uint16_t port, std::string& to) {
  if (port != 0) append_number(port, to);
}

/// nginx's $status: always three digits.
void append_status(int status, std::string& to) {
  const std::array<char, 3> digits = {static_cast<char>('0' + status / 100 % 10),
                                      static_cast<char>('0' + status / 10 % 10), static_cast<char>('0' + status % 10)};
  to.append(digits.data(), digits.size());
}

std::string_view first_host(const Request& request) {
  if (!request.site || request.site->hosts.empty()) return {};
  return request.site->hosts.front();
}

void append_protocol(const Request& request, std::string& to) {
  to.append(version_text(request.version));
}

/// Every field of that name, joined.
void append_fields(const HeaderList& headers, std::string_view name, std::string& to) {
  const HeaderName id = header_name(name);
  const std::string_view between = id == HeaderName::cookie ? "; " : ", ";
  bool first = true;
  for (const HeaderField& field : headers) {
    if (field.id != id || (id == HeaderName::other && !same_name(field.name, name))) continue;
    if (!first) to.append(between);
    first = false;
    to.append(field.value);
  }
}

void append_cookie(const Request& request, Text name, std::string& to) {
  for (const HeaderField& field : request.headers) {
    if (field.id != HeaderName::cookie) continue;
    if (const auto value = find_pair(field.value, ';', name)) {
      to.append(*value);
      return;
    }
  }
}

/// Who was verified, else the user name of `Authorization: Basic …` as the client claims it.
void append_remote_user(const Request& request, Text, std::string& to) {
  if (!request.user.empty()) {
    to.append(request.user);
  } else if (const auto claimed = basic_credentials(request.headers, request.arena)) {
    to.append(claimed->name);
  }
}

void append_host(const Request& request, Text, std::string& to) {
  to.append(request.host.empty() ? first_host(request) : request.host);
}

void append_hostname(const Request&, Text, std::string& to) {
  static const std::string name = [] {
    std::array<char, 256> buffer{};
    return gethostname(buffer.data(), buffer.size() - 1) == 0 ? std::string(buffer.data()) : std::string();
  }();
  to.append(name);
}

void append_pid(const Request&, Text, std::string& to) {
  static const auto pid = static_cast<std::uint64_t>(getpid());
  append_number(pid, to);
}

void append_msec(const Request&, Text, std::string& to) {
  timespec time{};
  clock_gettime(CLOCK_REALTIME_COARSE, &time);
  append_seconds(static_cast<std::uint64_t>(time.tv_sec) * 1000 + static_cast<std::uint64_t>(time.tv_nsec) / 1'000'000,
                 to);
}

void append_request(const Request& request, Text, std::string& to) {
  if (request.method_name.empty()) return;
  to.append(request.method_name);
  to.push_back(' ');
  to.append(request.target);
  to.push_back(' ');
  append_protocol(request, to);
}

void append_request_length(const Request& request, Text, std::string& to) {
  append_number(request.head_size + request.body.length().value_or(0), to);
}

void append_request_time(const Request& request, Text, std::string& to) {
  const std::uint64_t now = request.loop.now();
  append_seconds(now > request.begun ? now - request.begun : 0, to);
}

void append_upstream_status(const Request& request, Text, std::string& to) {
  if (request.upstream.status != 0) append_status(request.upstream.status, to);
}
void append_upstream_response_time(const Request& request, Text, std::string& to) {
  if (request.upstream.status != 0) append_seconds(request.upstream.response_time, to);
}
void append_upstream_queue_time(const Request& request, Text, std::string& to) {
  if (!request.upstream.address.empty()) append_seconds(request.upstream.queue_time, to);
}

struct Named {
  std::string_view name;
  AppendVariable append;
  Known known = Known::arrival;
};

/// In the order of the alphabet.
constexpr Named kNamed[] = {
    {"args", [](const Request& r, Text, std::string& to) { to.append(r.query); }},
    {"body_bytes_sent", [](const Request& r, Text, std::string& to) { append_number(r.sent.body_bytes, to); },
     Known::answer},
    {"bytes_sent", [](const Request& r, Text, std::string& to) { append_number(r.sent.bytes, to); }, Known::answer},
    {"connection", [](const Request& r, Text, std::string& to) { append_number(r.connection->number, to); }},
    {"connection_requests", [](const Request& r, Text, std::string& to) { append_number(r.connection->requests, to); }},
    {"content_length",
     [](const Request& r, Text, std::string& to) { to.append(r.headers.get(HeaderName::content_length)); }},
    {"content_type",
     [](const Request& r, Text, std::string& to) { to.append(r.headers.get(HeaderName::content_type)); }},
    {"document_uri", [](const Request& r, Text, std::string& to) { to.append(r.path); }},
    {"host", append_host},
    {"hostname", append_hostname},
    {"https", [](const Request& r, Text, std::string& to) { to.append(r.secure() ? "on" : ""); }},
    {"is_args", [](const Request& r, Text, std::string& to) { to.append(r.query.empty() ? "" : "?"); }},
    {"limit_conn_status",
     [](const Request& r, Text, std::string& to) { to.append(verdict_text(r.limited.connections)); }, Known::checks},
    {"limit_req_status", [](const Request& r, Text, std::string& to) { to.append(verdict_text(r.limited.requests)); },
     Known::checks},
    {"msec", append_msec},
    {"pid", append_pid},
    {"query_string", [](const Request& r, Text, std::string& to) { to.append(r.query); }},
    {"realip_remote_addr", [](const Request& r, Text, std::string& to) { append_ip(r.connection->remote, to); }},
    {"realip_remote_port", [](const Request& r, Text, std::string& to) { append_port(r.connection->remote.port, to); }},
    {"remote_addr", [](const Request& r, Text, std::string& to) { append_ip(r.client(), to); }},
    {"remote_network", append_remote_network},
    {"remote_port", [](const Request& r, Text, std::string& to) { append_port(r.client().port, to); }},
    {"remote_user", append_remote_user},
    {"request", append_request},
    {"request_id", [](const Request& r, Text, std::string& to) { to.append(r.id()); }},
    {"request_length", append_request_length},
    {"request_method", [](const Request& r, Text, std::string& to) { to.append(r.method_name); }},
    {"request_time", append_request_time, Known::answer},
    {"request_uri", [](const Request& r, Text, std::string& to) { to.append(r.target); }},
    {"rule_tag", [](const Request& r, Text, std::string& to) { to.append(r.rule_tag); }, Known::checks},
    {"scheme", [](const Request& r, Text, std::string& to) { to.append(r.scheme()); }},
    {"server_addr", [](const Request& r, Text, std::string& to) { append_ip(r.connection->local, to); }},
    {"server_name", [](const Request& r, Text, std::string& to) { to.append(first_host(r)); }},
    {"server_port", [](const Request& r, Text, std::string& to) { append_port(r.server_port(), to); }},
    {"server_protocol", [](const Request& r, Text, std::string& to) { append_protocol(r, to); }},
    {"ssl_alpn_protocol", append_ssl_alpn_protocol},
    {"ssl_cipher", append_ssl_cipher},
    {"ssl_client_escaped_cert", append_ssl_client_escaped_cert},
    {"ssl_client_fingerprint", append_ssl_client_fingerprint},
    {"ssl_client_i_dn", append_ssl_client_i_dn},
    {"ssl_client_s_dn", append_ssl_client_s_dn},
    {"ssl_client_serial", append_ssl_client_serial},
    {"ssl_client_verify", append_ssl_client_verify},
    {"ssl_protocol", append_ssl_protocol},
    {"ssl_server_name", append_ssl_server_name},
    {"ssl_session_reused", append_ssl_session_reused},
    {"status", [](const Request& r, Text, std::string& to) { append_status(r.sent.status, to); }, Known::answer},
    {"time_iso8601", [](const Request& r, Text, std::string& to) { to.append(time_iso8601(r.loop.unix_seconds())); }},
    {"time_local", [](const Request& r, Text, std::string& to) { to.append(time_local(r.loop.unix_seconds())); }},
    {"upstream_addr", [](const Request& r, Text, std::string& to) { to.append(r.upstream.address); }, Known::answer},
    {"upstream_queue_time", append_upstream_queue_time, Known::answer},
    {"upstream_response_time", append_upstream_response_time, Known::answer},
    {"upstream_status", append_upstream_status, Known::answer},
    {"uri", [](const Request& r, Text, std::string& to) { to.append(r.path); }},
};

/// Families: the rest of the name says what of it.
constexpr Named kFamilies[] = {
    {"arg_",
     [](const Request& r, Text name, std::string& to) { to.append(find_pair(r.query, '&', name).value_or("")); }},
    {"cookie_", append_cookie},
    {"http_", [](const Request& r, Text name, std::string& to) { append_fields(r.headers, name, to); }},
    {"sent_http_",
     [](const Request& r, Text name, std::string& to) {
       if (r.sent.headers) append_fields(*r.sent.headers, name, to);
     },
     Known::answer},
};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return result;
}

}  // namespace

std::optional<Variable> find_variable(std::string_view name) {
  const std::string folded = lower(name);
  for (const Named& named : kNamed) {
    if (named.name == folded) return Variable{named.append, {}, named.known};
  }
  for (const Named& family : kFamilies) {
    if (!folded.starts_with(family.name) || folded.size() == family.name.size()) continue;
    std::string argument = folded.substr(family.name.size());
    if (family.name.ends_with("http_")) std::ranges::replace(argument, '_', '-');
    return Variable{family.append, std::move(argument), family.known};
  }
  return std::nullopt;
}

std::string nearest_variable(std::string_view name) {
  std::vector<std::string_view> known;
  for (const Named& named : kNamed) known.push_back(named.name);
  return nearest(name, known);
}

}  // namespace edge
