// What a codec makes of a server's bytes, as text: the same story whatever the pieces in which they come.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/upstream_codec.h"

namespace edge::test {

inline void tell_fields(const HeaderList& fields, std::string& to) {
  for (const HeaderField& field : fields) to.append(field.name).append(": ").append(field.value).append("\n");
}

inline void tell_head(const UpstreamCodec::Head& head, std::string& to) {
  to.append("<").append(std::to_string(head.status)).append(" ").append(head.reason).append(">\n");
  if (head.length) to.append("(").append(std::to_string(*head.length)).append(")\n");
  tell_fields(head.headers, to);
}

/// Each piece lies in memory of its own size, so that a sanitizer sees a byte too far. `closes`: the server ends the
/// connection behind `bytes`. An unfinished story ends with "...".
inline std::string story(UpstreamCodec& codec, std::string_view bytes, std::size_t piece, bool closes = true) {
  using Step = UpstreamCodec::Step;
  std::string told;
  std::string content;
  Step step = Step::need_more;
  std::size_t at = 0;
  while (at < bytes.size() && step == Step::need_more) {
    const std::size_t size = std::min(piece, bytes.size() - at);
    const std::unique_ptr<char[]> exact(new char[size]);
    std::memcpy(exact.get(), bytes.data() + at, size);
    std::size_t fed = 0;
    do {
      std::size_t consumed = 0;
      std::string_view found;
      step = codec.read(exact.get() + fed, size - fed, consumed, found);
      fed += consumed;
      content += found;
      if (step == Step::head) tell_head(codec.response(), told);
    } while (step == Step::head || step == Step::content);
    at += fed;
  }
  if (step == Step::need_more && closes) step = codec.ended();
  if (step == Step::failed) return "failed: " + codec.error().context;
  told += content + "\n";
  if (step == Step::need_more) return told + "...";
  if (codec.trailers()) tell_fields(*codec.trailers(), told);
  told += at < bytes.size() ? "left: " + std::string(bytes.substr(at)) + "\n" : "";
  return told + (codec.reusable() && at == bytes.size() ? "again" : "over");
}

}  // namespace edge::test
