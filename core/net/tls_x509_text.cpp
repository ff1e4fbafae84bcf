// Reads names and times of certificates with OpenSSL.
#include "core/net/tls_x509_text.h"

#include <openssl/x509.h>
#include <strings.h>
#include <time.h>

#include <limits>

#include "core/net/tls_owned.h"

namespace edge {
std::string distinguished_name(const X509_NAME* name) {
  const OwnedBio memory(BIO_new(BIO_s_mem()));
  if (!memory || X509_NAME_print_ex(memory.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

std::string subject_of(const X509Pointer& certificate) {
  return '"' + distinguished_name(X509_get_subject_name(certificate.get())) + '"';
}

std::string issuer_of(const X509Pointer& certificate) {
  return '"' + distinguished_name(X509_get_issuer_name(certificate.get())) + '"';
}

std::int64_t unix_time(const ASN1_TIME* time) {
  tm parts{};
  if (!time || ASN1_TIME_to_tm(time, &parts) != 1) return std::numeric_limits<std::int64_t>::min();
  return ::timegm(&parts);
}

std::string utc_text(std::int64_t unix_seconds) {
  const time_t seconds = unix_seconds;
  tm parts{};
  char text[64];
  if (!::gmtime_r(&seconds, &parts)) return "an unknown time";
  return {text, ::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts)};
}

bool is_same_name(std::string_view one, std::string_view other) {
  return one.size() == other.size() && ::strncasecmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace edge
