// nginx's $ssl_… variables: what TLS between edge itself and the client came to. Empty on a connection without.
#pragma once

#include <string>
#include <string_view>

#include "core/http/request.h"

namespace edge {

/// Each appends its value; they have the form of AppendVariable. Of a client's certificate that no authority vouches
/// for only $ssl_client_verify tells.
void append_ssl_alpn_protocol(const Request& request, std::string_view, std::string& to);
void append_ssl_cipher(const Request& request, std::string_view, std::string& to);
/// PEM, percent-encoded: it has several lines.
void append_ssl_client_escaped_cert(const Request& request, std::string_view, std::string& to);
void append_ssl_client_fingerprint(const Request& request, std::string_view, std::string& to);
void append_ssl_client_i_dn(const Request& request, std::string_view, std::string& to);
void append_ssl_client_s_dn(const Request& request, std::string_view, std::string& to);
void append_ssl_client_serial(const Request& request, std::string_view, std::string& to);
void append_ssl_client_verify(const Request& request, std::string_view, std::string& to);
void append_ssl_protocol(const Request& request, std::string_view, std::string& to);
void append_ssl_server_name(const Request& request, std::string_view, std::string& to);
/// "r" for a session that was resumed, else ".".
void append_ssl_session_reused(const Request& request, std::string_view, std::string& to);

}  // namespace edge
