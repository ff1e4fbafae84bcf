// TlsSocketMethod: the BIO by which OpenSSL reads and writes the socket of a TlsEnd.
#pragma once

struct bio_st;

namespace edge {

class TlsEnd;

struct TlsSocketMethod {
  /// For both directions; owned by the session that it is set in, which does not outlive `end`. Null: no memory.
  static bio_st* make(TlsEnd& end);

  static int read(bio_st* bio, char* to, int size);
  static int write(bio_st* bio, const char* from, int size);
  static long control(bio_st* bio, int command, long number, void* pointer);
};

}  // namespace edge
