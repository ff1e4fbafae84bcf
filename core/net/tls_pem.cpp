// Reads PEM block by block, so that what a file holds is known even where it is not what was expected.
#include "core/net/tls_pem.h"
#include "core/net/tls_error.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "core/net/tls_owned.h"
#include "core/unique_fd.h"

namespace edge {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;

struct WipedFree {
  std::size_t size = 0;
  void operator()(void* bytes) const { OPENSSL_clear_free(bytes, size); }
};
struct PlainFree {
  void operator()(char* text) const { OPENSSL_free(text); }
};

/// One block between "-----BEGIN" and "-----END", decoded from base64.
struct PemBlock {
  std::string type;
  bool is_encrypted = false;
  std::unique_ptr<unsigned char, WipedFree> bytes;
};

/// Wipes the text of a key when it is no longer needed.
struct WipedText {
  std::string text;
  explicit WipedText(std::string from) : text(std::move(from)) {}
  WipedText(const WipedText&) = delete;
  WipedText& operator=(const WipedText&) = delete;
  ~WipedText() { OPENSSL_cleanse(text.data(), text.size()); }
};

/// Nothing: there is no further block, or it is damaged, which the queue of errors tells.
std::optional<PemBlock> next_block(BIO* from) {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* bytes = nullptr;
  long size = 0;
  ERR_clear_error();
  if (PEM_read_bio(from, &name, &header, &bytes, &size) != 1) return std::nullopt;
  const std::unique_ptr<char, PlainFree> owned_name(name);
  const std::unique_ptr<char, PlainFree> owned_header(header);
  const bool is_encrypted =
      std::string_view(name) == "ENCRYPTED PRIVATE KEY" || std::string_view(header).contains("ENCRYPTED");
  return PemBlock{name, is_encrypted, {bytes, WipedFree{static_cast<std::size_t>(size)}}};
}

/// Whether next_block() gave nothing because the file ends there.
bool at_end_of_blocks() {
  const unsigned long last = ERR_peek_last_error();
  return last == 0 || (ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE);
}

template <class Pointer, class Decode>
bool decodes(const std::string& der, Decode decode) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const Pointer decoded(decode(&at, static_cast<long>(der.size())));
  ERR_clear_error();
  return decoded != nullptr;
}

/// Why a file without PEM is of no use, and what to do.
std::string explain_without_pem(const std::string& path, const std::string& content) {
  if (content.empty()) return path + " is empty";
  const auto certificate = [](const unsigned char** at, long size) { return d2i_X509(nullptr, at, size); };
  if (decodes<X509Pointer>(content, certificate))
    return path + " is DER, not PEM; convert it: openssl x509 -inform DER -in " + path + " -out NEW.pem";
  const auto archive = [](const unsigned char** at, long size) { return d2i_PKCS12(nullptr, at, size); };
  if (decodes<Owned<PKCS12, PKCS12_free>>(content, archive))
    return path + " is PKCS#12, not PEM; convert it: openssl pkcs12 -nodes -in " + path + " -out NEW.pem";
  const auto key = [](const unsigned char** at, long size) { return d2i_AutoPrivateKey(nullptr, at, size); };
  if (decodes<KeyPointer>(content, key))
    return path + " is DER, not PEM; convert it: openssl pkey -inform DER -in " + path + " -out NEW.pem";
  return path + R"( is not PEM: it has no line "-----BEGIN CERTIFICATE-----" or "-----BEGIN PRIVATE KEY-----")";
}

bool is_certificate(const std::string& type) {
  return type == PEM_STRING_X509 || type == PEM_STRING_X509_OLD || type == PEM_STRING_X509_TRUSTED;
}

Result<void> add_certificate(const PemBlock& block, PemFile& to) {
  const unsigned char* at = block.bytes.get();
  const auto size = static_cast<long>(block.bytes.get_deleter().size);
  X509Pointer certificate(d2i_X509(nullptr, &at, size));
  if (!certificate) {
    return tls_failure(to.path + ": certificate " + std::to_string(to.certificates.size() + 1) +
                       " of the file is damaged (" + take_tls_error() + "); get the file anew");
  }
  to.certificates.push_back(std::move(certificate));
  return {};
}

Result<void> add_key(const PemBlock& block, PemFile& to) {
  if (block.is_encrypted) {
    to.has_encrypted_key = true;
    return {};
  }
  const unsigned char* at = block.bytes.get();
  const auto size = static_cast<long>(block.bytes.get_deleter().size);
  KeyPointer key(d2i_AutoPrivateKey(nullptr, &at, size));
  if (!key) {
    return tls_failure(to.path + ": the private key is damaged or of an unknown kind (" + take_tls_error() +
                       "); get the file anew");
  }
  to.keys.push_back(std::move(key));
  return {};
}

Result<void> add(const PemBlock& block, PemFile& to) {
  if (is_certificate(block.type)) return add_certificate(block, to);
  if (block.type.ends_with("PRIVATE KEY")) return add_key(block, to);
  return {};
}

}  // namespace

std::unexpected<Error> tls_failure(std::string context) {
  return fail(ErrorKind::internal, Side::ours, std::move(context));
}

Result<std::string> read_small_file(const std::string& path, std::size_t most, std::string_view what) {
  // O_NONBLOCK: opening a FIFO must not wait for somebody who writes.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat found{};
  if (!file || ::fstat(file.get(), &found) != 0) return tls_failure(path + " cannot be read: " + std::strerror(errno));
  if (!S_ISREG(found.st_mode)) return tls_failure(path + " is no file; name the file of " + std::string(what));
  if (static_cast<std::size_t>(found.st_size) > most) {
    return tls_failure(path + " has " + std::to_string(found.st_size) + " bytes, too many for " + std::string(what) +
                       ": at most " + std::to_string(most));
  }
  std::string content(static_cast<std::size_t>(found.st_size), '\0');
  std::size_t filled = 0;
  while (filled < content.size()) {
    const ssize_t got = ::read(file.get(), content.data() + filled, content.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tls_failure(path + " cannot be read: " + std::strerror(errno));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  content.resize(filled);
  return content;
}

Result<PemFile> read_pem_file(const std::string& path) {
  Result<std::string> content = read_small_file(path, kMostBytes, "a certificate or key in PEM");
  if (!content) return std::unexpected(content.error());
  const WipedText wiped(std::move(*content));
  const OwnedBio memory(BIO_new_mem_buf(wiped.text.data(), static_cast<int>(wiped.text.size())));
  PemFile file{.path = path, .certificates = {}, .keys = {}};
  bool is_pem = false;
  while (const std::optional<PemBlock> block = next_block(memory.get())) {
    is_pem = true;
    const Result<void> added = add(*block, file);
    if (!added) return std::unexpected(added.error());
  }
  if (!at_end_of_blocks()) return tls_failure(path + " is damaged (" + take_tls_error() + "); get the file anew");
  ERR_clear_error();
  if (!is_pem) return tls_failure(explain_without_pem(path, wiped.text));
  return file;
}

}  // namespace edge
