// CGI variables of a request, written straight into the packet.
#include "core/uwsgi/vars.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

#include "core/http/request.h"
#include "core/net/tls_stream.h"

namespace edge::uwsgi {
namespace {

constexpr std::string_view kPrefix = "HTTP_";
constexpr std::size_t kNames = static_cast<std::size_t>(HeaderName::x_sendfile) + 1;

/// What a byte of a header name becomes in a variable's name; 0: it may not stand in one ("_" above all).
constexpr std::array<char, 256> kUpper = [] {
  std::array<char, 256> table{};
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = static_cast<char>(c);
  for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = table[c | 0x20U] = static_cast<char>(c);
  table['-'] = '_';
  return table;
}();

char upper(char c) {
  return kUpper[static_cast<unsigned char>(c)];
}

/// Variable names of the well-known headers, made once.
struct KnownVariables {
  struct Name {
    std::array<char, 32> text{};
    std::size_t size = 0;
  };
  std::array<Name, kNames> names{};

  KnownVariables() {
    for (std::size_t i = 1; i < kNames; ++i) {
      const std::string_view spelling = header_spelling(static_cast<HeaderName>(i));
      Name& name = names[i];
      kPrefix.copy(name.text.data(), kPrefix.size());
      for (std::size_t at = 0; at < spelling.size(); ++at) name.text[kPrefix.size() + at] = upper(spelling[at]);
      name.size = kPrefix.size() + spelling.size();
    }
  }
  std::string_view operator[](HeaderName id) const {
    const Name& name = names[static_cast<std::size_t>(id)];
    return {name.text.data(), name.size};
  }
};
const KnownVariables kVariables;

/// Fields that are told in another way, or that nobody behind the edge may see: Proxy becomes HTTP_PROXY, which HTTP
/// clients take for their own setting (httpoxy); a body arrives without its chunks.
bool left_out(const HeaderField& field) {
  switch (field.id) {
    case HeaderName::content_type:
    case HeaderName::content_length:
    case HeaderName::transfer_encoding:
      return true;
    case HeaderName::other:
      return same_name(field.name, "Proxy");
    default:
      return false;
  }
}

/// Which names may occur more than once: a bit for each well-known name, and 64 for a hash of the others.
class Repetition {
 public:
  explicit Repetition(const HeaderList& headers) {
    for (const HeaderField& field : headers) {
      std::uint64_t& seen = field.id == HeaderName::other ? other_seen_ : known_seen_;
      std::uint64_t& again = field.id == HeaderName::other ? other_again_ : known_again_;
      const std::uint64_t bit = bit_of(field);
      again |= seen & bit;
      seen |= bit;
    }
  }
  /// False is certain.
  bool possible(const HeaderField& field) const {
    return ((field.id == HeaderName::other ? other_again_ : known_again_) & bit_of(field)) != 0;
  }

 private:
  static_assert(kNames <= 64, "one bit a name");
  static std::uint64_t bit_of(const HeaderField& field) {
    if (field.id != HeaderName::other) return std::uint64_t{1} << static_cast<unsigned>(field.id);
    if (field.name.empty()) return 1;
    const auto folded = [&](char c) { return static_cast<unsigned>(static_cast<unsigned char>(c) | 0x20U); };
    const unsigned hash = static_cast<unsigned>(field.name.size()) * 7 + folded(field.name.front()) * 5 +
                          folded(field.name.back()) * 11 + folded(field.name[field.name.size() / 2]);
    return std::uint64_t{1} << (hash & 63U);
  }
  std::uint64_t known_seen_ = 0;
  std::uint64_t known_again_ = 0;
  std::uint64_t other_seen_ = 0;
  std::uint64_t other_again_ = 0;
};

bool same_field(const HeaderField& a, const HeaderField& b) {
  return a.id == b.id && (a.id != HeaderName::other || same_name(a.name, b.name));
}

/// The values of `field` and of every later field of its name, in one. Empty data when an earlier field has told it.
std::string_view joined(const HeaderList& headers, const HeaderField& field, Arena& arena) {
  for (const HeaderField* earlier = headers.begin(); earlier != &field; ++earlier) {
    if (same_field(*earlier, field)) return {};
  }
  const std::string_view between = field.id == HeaderName::cookie ? "; " : ", ";
  std::size_t size = field.value.size();
  for (const HeaderField* later = &field + 1; later != headers.end(); ++later) {
    if (same_field(*later, field)) size += between.size() + later->value.size();
  }
  char* const begin = arena.allocate_chars(size + 1);
  char* at = begin + field.value.copy(begin, field.value.size());
  for (const HeaderField* later = &field + 1; later != headers.end(); ++later) {
    if (!same_field(*later, field)) continue;
    at += between.copy(at, between.size());
    at += later->value.copy(at, later->value.size());
  }
  return {begin, size};
}

/// "HTTP_X_FOO" of "X-Foo" in `buffer`, or in the arena when it is longer; empty when a byte may not stand in it.
std::string_view variable_name(std::string_view name, std::array<char, 128>& buffer, Arena& arena) {
  const std::size_t size = kPrefix.size() + name.size();
  if (name.empty() || size > kMaxBlock) return {};
  char* const to = size <= buffer.size() ? buffer.data() : arena.allocate_chars(size);
  std::memcpy(to, kPrefix.data(), kPrefix.size());
  char* at = to + kPrefix.size();
  for (const char c : name) {
    *at = upper(c);
    if (*at++ == 0) return {};
  }
  return {to, size};
}

void add_headers(const HeaderList& headers, BlockWriter& to) {
  const Repetition repetition(headers);
  std::array<char, 128> buffer;
  for (const HeaderField& field : headers) {
    if (left_out(field)) continue;
    const std::string_view name =
        field.id != HeaderName::other ? kVariables[field.id] : variable_name(field.name, buffer, headers.arena());
    if (name.empty()) continue;
    if (!repetition.possible(field)) {
      to.add(name, field.value);
    } else if (const std::string_view all = joined(headers, field, headers.arena()); all.data() != nullptr) {
      to.add(name, all);
    }
  }
}

/// Edge's own words for a variable. What a server in front has told itself (Request::params) is not told twice.
class OwnVariables {
 public:
  OwnVariables(const HeaderList& params, BlockWriter& to) : params_(params), to_(to) {}

  void add(std::string_view name, std::string_view value) {
    if (params_.size() == 0 || !is_given(name)) to_.add(name, value);
  }
  void add(std::string_view name, std::uint64_t number) {
    std::array<char, 20> digits;
    const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    add(name, std::string_view(digits.data(), end));
  }

 private:
  bool is_given(std::string_view name) const {
    return std::ranges::any_of(params_, [name](const HeaderField& param) { return param.name == name; });
  }
  const HeaderList& params_;
  BlockWriter& to_;
};

/// PEP 3333 wants a name and a port, also where a unix socket has neither. A client whose port nobody told has 0.
void add_ends(const Request& request, std::string_view host, OwnVariables& to) {
  const Address& local = request.connection->local;
  const Address& client = request.client();
  const std::uint16_t port = request.server_port();
  std::array<char, 46> ip;
  const bool has_local = local.family != Address::Family::none;
  const std::string_view fallback = has_local ? local.ip_text(ip.data()) : "localhost";
  to.add("SERVER_NAME", host.empty() ? fallback : host);
  to.add("SERVER_PORT", std::uint64_t{port != 0 ? port : request.secure() ? 443U : 80U});
  to.add("REMOTE_ADDR", client.ip_text(ip.data()));
  if (client.family != Address::Family::none) to.add("REMOTE_PORT", std::uint64_t{client.port});
}

/// Under the names that Apache's mod_ssl gives them. A certificate that no authority vouches for is told by its verdict
/// alone: apps take what else there is for a name that was checked.
void add_client_certificate(const Request& request, OwnVariables& to) {
  const TlsStream* const tls = request.tls_stream;
  if (!tls || !tls->site() || !tls->site()->verifies_clients()) return;
  const TlsClientCertificate certificate = tls->client_certificate();
  to.add("SSL_PROTOCOL", tls->protocol());
  to.add("SSL_CIPHER", tls->cipher());
  to.add("SSL_CLIENT_VERIFY", certificate.verify());
  if (!certificate.verified()) return;
  to.add("SSL_CLIENT_S_DN", certificate.subject());
  to.add("SSL_CLIENT_I_DN", certificate.issuer());
  to.add("SSL_CLIENT_M_SERIAL", certificate.serial());
  to.add("SSL_CLIENT_CERT", certificate.pem());
}

}  // namespace

void add_vars(const ToldRequest& told, BlockWriter& to) {
  const Request& client = told.client;
  OwnVariables own(told.params, to);
  own.add("REQUEST_METHOD", told.method);
  own.add("SCRIPT_NAME", told.script_name);
  own.add("PATH_INFO", told.path_info);
  own.add("QUERY_STRING", told.query);
  own.add("REQUEST_URI", told.uri);
  own.add("SERVER_PROTOCOL", version_text(client.version));
  add_ends(client, told.host, own);
  own.add("REQUEST_SCHEME", client.scheme());
  if (client.secure()) own.add("HTTPS", std::string_view("on"));
  add_client_certificate(client, own);
  if (!client.user.empty()) {
    own.add("AUTH_TYPE", client.auth_type);
    own.add("REMOTE_USER", client.user);
  }
  if (const HeaderField* type = told.headers.find(HeaderName::content_type)) own.add("CONTENT_TYPE", type->value);
  if (told.content_length) own.add("CONTENT_LENGTH", *told.content_length);
  own.add("REQUEST_ID", client.id());
  for (const HeaderField& param : told.params) to.add(param.name, param.value);
  add_headers(told.headers, to);
}

void add_vars(Request& request, std::string_view script_name, std::optional<std::uint64_t> content_length,
              BlockWriter& to) {
  const std::string_view path = request.path;
  add_vars({.client = request,
            .method = request.method_name,
            .uri = request.target,
            .script_name = script_name,
            .path_info = path.starts_with(script_name) ? path.substr(script_name.size()) : path,
            .query = request.query,
            .host = request.host,
            .headers = request.headers,
            .params = request.params,
            .content_length = content_length},
           to);
}

}  // namespace edge::uwsgi
