// What is read of another server's answer: the events of reading it, its head, and the limits of that.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/http/header_list.h"

namespace edge {

/// What reading some bytes of an answer has come to.
enum class ReadStep : std::uint8_t {
  need_more,  // every byte was taken
  head,       // an answer's head is there, interim (1xx) or final
  content,    // a piece of the content
  complete,   // the answer has ended
  failed,     // nothing may be read after it
};

/// The head of an answer. Its views live as long as the request's arena.
struct ReceivedHead {
  explicit ReceivedHead(Arena& arena) : headers(arena) {}

  int status = 0;
  std::string_view reason;              // may be empty
  HeaderList headers;                   // without Content-Length
  std::optional<std::uint64_t> length;  // of the content; to HEAD and in 304 what it would have been
  bool closes = false;                  // the server has said that it ends the connection behind this
};

/// Of one head, and of the trailers of one answer.
struct HeadLimits {
  std::uint32_t bytes = 32 * 1024;
  std::uint32_t fields = 100;
};

}  // namespace edge
