// The regular file behind a file object, where the bytes that its read() would return are just that file's.
#pragma once

#include <cstdint>

#include "appserver/gateway/descriptor.h"
#include "appserver/gateway/python.h"

namespace edge::gateway {

struct PlainFile {
  Descriptor descriptor;     // a duplicate: whatever becomes of the file object, it stays this file's
  std::uint64_t offset = 0;  // where read() would begin
  std::uint64_t size = 0;    // bytes from there to the end
};

/// `file` is a binary file of the io module, or an object that hands its read() on to one, as Django's files do. false:
/// it is no such file (text, a pipe, a socket, a file that unpacks what it reads …); or an error is set, because code
/// of the app ran and raised what has nothing to do with files. Needs the interpreter's lock.
bool find_plain_file(PyObject* file, PlainFile& found);

/// The regular file of that absolute path, a str, from its first byte. false with an error set.
bool open_plain_file(PyObject* path, PlainFile& found);

}  // namespace edge::gateway
