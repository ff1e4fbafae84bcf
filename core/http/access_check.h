// Whether a request's client is served: bans, then `deny` and `allow` of its route or site.
#pragma once

#include <cstdint>

namespace edge {

class Router;
struct Request;

enum class Denial : std::uint8_t {
  none,
  close,   // without a word
  answer,  // with a 403
};

/// Whether the client of a request is banned from every site.
bool is_banned(const Request& request, const Router& router);

/// For a request whose site is known, and its client as far as trusted proxies tell. Who came through one of these gets
/// an answer whatever was asked for: a proxy would take a closed connection for the failure of this server, and try
/// another or none at all. A denial counts, and is told of.
Denial denial_of(const Request& request, const Router& router);

/// An answer has gone out, with request.sent: the client may have earned a ban. Trusted proxies never do.
void count_for_bans(const Request& request, const Router& router);

}  // namespace edge
