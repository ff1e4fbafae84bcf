// Certificates and private keys as they stand in PEM files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/net/tls_pointers.h"
#include "core/result.h"

namespace edge {

/// What a PEM file holds that is of use here, in the order of the file. Other blocks (parameters, requests) count for
/// nothing.
struct PemFile {
  std::string path;
  std::vector<X509Pointer> certificates;
  std::vector<KeyPointer> keys;
  bool has_encrypted_key = false;  // which is not read: nobody is there to type a password
};

/// Blocking, for regular files of at most 1 MiB. Errors name the file and what to do: it cannot be read, it is DER or
/// PKCS#12, there is no PEM in it, or a block is damaged. The memory that a key passes through is wiped.
Result<PemFile> read_pem_file(const std::string& path);

/// A small regular file, whole. Blocking. Errors name the path: it cannot be read, is no file, or has more than `most`
/// bytes. `what` it should be, for people: "a certificate in PEM".
Result<std::string> read_small_file(const std::string& path, std::size_t most, std::string_view what);

/// A failure of what was read or asked for, on our side.
std::unexpected<Error> tls_failure(std::string context);

}  // namespace edge
