// Reading subjectAltName, and comparing hosts with it.
#include "core/net/tls_names.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>

namespace edge {

namespace {

struct NamesRelease {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

std::string address_text(int family, const void* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return inet_ntop(family, bytes, text.data(), text.size()) ? text.data() : "";
}

/// The shortest form of an address; what is none stays as it is.
std::string shortest(std::string_view host) {
  std::string text(host);
  std::array<unsigned char, 16> bytes{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, text.c_str(), bytes.data()) == 1) return address_text(family, bytes.data());
  }
  return text;
}

std::string_view text_of(const ASN1_STRING& value) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(&value)),
          static_cast<std::size_t>(ASN1_STRING_length(&value))};
}

}  // namespace

void TlsNames::add(const x509_st& leaf) {
  const std::unique_ptr<GENERAL_NAMES, NamesRelease> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&leaf, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) {
      add_dns(text_of(*name->d.dNSName));
    } else if (name->type == GEN_IPADD) {
      const std::string_view bytes = text_of(*name->d.iPAddress);
      if (bytes.size() == 4) exact_.push_back(address_text(AF_INET, bytes.data()));
      if (bytes.size() == 16) exact_.push_back(address_text(AF_INET6, bytes.data()));
    }
  }
}

void TlsNames::add_dns(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c; });
  if (lower.starts_with("*.")) {
    wildcards_.push_back(lower.substr(1));
  } else {
    exact_.push_back(std::move(lower));
  }
}

bool TlsNames::cover(std::string_view host) const {
  if (std::ranges::find(exact_, host) != exact_.end()) return true;
  if (const std::size_t dot = host.find('.'); dot != std::string_view::npos && dot > 0) {
    if (std::ranges::find(wildcards_, host.substr(dot)) != wildcards_.end()) return true;
  }
  const std::string address = shortest(host);
  return address != host && std::ranges::find(exact_, address) != exact_.end();
}

}  // namespace edge
