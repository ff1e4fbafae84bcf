// Request: one exchange as handlers, filters and logs see it, from the first byte of the head to the line in the
// access log. Every view lives until then.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/address.h"
#include "core/arena.h"
#include "core/cancellation.h"
#include "core/http/forwarded.h"
#include "core/http/header_list.h"
#include "core/http/request_body.h"
#include "core/limits/limit_state.h"
#include "core/net/loop.h"

namespace edge {

/// The methods that edge tells apart (RFC 9110 9, RFC 5789).
enum class Method : std::uint8_t { get, head, post, put, delete_, options, trace, connect, patch, other };

/// As the start line or the door said it; compared by age.
enum class HttpVersion : std::uint8_t { http10, http11, http2 };

/// As nginx and the CGI variables spell it: "HTTP/1.0", "HTTP/1.1", "HTTP/2.0".
std::string_view version_text(HttpVersion version);

/// `other` when the name is none of them.
Method method_of(std::string_view name);

/// Safe methods have no effect by definition (RFC 9110 9.2.1): such a request may be sent twice.
inline bool is_safe(Method method) {
  return method == Method::get || method == Method::head || method == Method::options || method == Method::trace;
}

struct Route;
struct Site;
class InterimResponses;
class TlsStream;

/// What is known of a connection; the same for every request on it.
struct ConnectionInfo {
  Address remote;  // family none: a unix socket. It may be a proxy: who the client is tells Request::client()
  Address local;
  std::uint64_t number = 0;    // serial number over the life of the process, $connection
  std::uint32_t requests = 0;  // begun on this connection, $connection_requests
  bool tls = false;
};

/// What a handler that asked an app or another server tells the log.
struct UpstreamInfo {
  std::string_view address;         // $upstream_addr; for an app its name
  int status = 0;                   // 0: none
  std::uint64_t response_time = 0;  // milliseconds until the answer's head
  std::uint64_t queue_time = 0;     // milliseconds waited for a free worker
};

/// What has gone out of the answer; filled by the pump for the log.
struct Sent {
  int status = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t bytes = 0;              // head and body
  const HeaderList* headers = nullptr;  // of the answer, without the door's own; null before there is one
};

struct Request {
  Request(Loop& on, Arena& from, RequestBody& payload)
      : loop(on), arena(from), body(payload), headers(from), vouched(from), params(from) {}
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  Loop& loop;
  Arena& arena;  // for strings that live as long as the request
  RequestBodyRef body;
  Cancellation cancellation;  // requested when the client has gone

  Method method = Method::get;
  std::string_view method_name;
  std::string_view target;  // as received, $request_uri
  std::string_view path;    // decoded, dot segments and double slashes resolved, begins with "/"; $uri
  std::string_view query;   // raw, without "?", as parse_target() lets it pass; $args
  bool has_query = false;   // there was a "?"
  std::string_view host;    // lower case, without port; empty when there was none (HTTP/1.0)
  HttpVersion version = HttpVersion::http11;
  std::string_view upgrade;  // the protocol that the client would go over to (RFC 9110 7.8); empty: none. With the
                             // method CONNECT (RFC 8441) nothing else will do
  HeaderList headers;
  HeaderList vouched;           // those of them that an Authorizer has put there, and no client
  HeaderList params;            // CGI variables that a server in front has told besides: they win over edge's own
  std::uint32_t head_size = 0;  // bytes of the head as received

  const ConnectionInfo* connection = nullptr;
  const TlsStream* tls_stream = nullptr;  // of the connection, when edge itself speaks TLS there
  Forwarded forwarded;                    // what trusted proxies have told; nothing from anybody else
  const Site* site = nullptr;
  const Route* route = nullptr;
  std::uint64_t begun = 0;     // Loop::now() at the first byte
  std::string_view user;       // who the client is, verified by an Authorizer; empty: nobody asked
  std::string_view auth_type;  // how that was verified: "Basic"
  std::string_view rule_tag;   // what rules have put on it, separated by commas; $rule_tag
  UpstreamInfo upstream;
  Sent sent;
  LimitState limited;
  InterimResponses* interim = nullptr;  // null: no client takes such answers

  /// The client as far as it is known: the other end of the connection, unless that is a trusted proxy which says more.
  const Address& client() const {
    return forwarded.client.family == Address::Family::none ? connection->remote : forwarded.client;
  }
  /// Whether the client came by TLS, if only to a trusted proxy.
  bool secure() const { return forwarded.https.value_or(connection->tls); }
  std::string_view scheme() const { return secure() ? "https" : "http"; }
  /// The port that belongs into a URL of this server (PEP 3333): what a trusted proxy has told; the scheme's own where
  /// one told scheme or host without a port; else the connection's, which is 0 on a unix socket.
  std::uint16_t server_port() const;
  /// 32 hexadecimal digits, made when first asked for; the same in both logs and in the app's environ.
  std::string_view id() const;

 private:
  mutable std::string_view id_;
};

}  // namespace edge
