// Requests of HTTP/1, whole and a byte at a time: both ways must tell the same story.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/http/h1_parser.h"
#include "support/fake_request.h"

namespace {

using namespace edge;

/// What the parser makes of `bytes` when they come in pieces of at most `piece`: head, content and outcome.
std::string story(Loop& loop, std::string_view bytes, std::size_t piece) {
  Arena arena;
  test::FakeBody body;
  Request request(loop, arena, body);
  const HttpSettings limits;
  H1Parser parser;
  parser.begin(request, limits);
  std::string told;
  std::size_t at = 0;
  auto step = H1Parser::Step::need_more;
  while (at < bytes.size() && step == H1Parser::Step::need_more) {
    std::size_t consumed = 0;
    step = parser.parse_head(bytes.data() + at, std::min(piece, bytes.size() - at), consumed);
    at += consumed;
  }
  if (step != H1Parser::Step::complete) return step == H1Parser::Step::failed ? "refused" : "unfinished";
  told += std::string(request.method_name) + " " + std::string(request.target);
  for (const HeaderField& field : request.headers) {
    told += "\n" + std::string(field.name) + ":" + std::string(field.value);
  }
  if (!parser.framing().has_body()) return told + "\nend " + std::to_string(at);
  told += "\n\n";
  step = H1Parser::Step::need_more;
  while (at < bytes.size() && step == H1Parser::Step::need_more) {
    std::size_t consumed = 0;
    std::string_view content;
    step = parser.parse_body(bytes.data() + at, std::min(piece, bytes.size() - at), consumed, content);
    at += consumed;
    told += content;
  }
  if (step == H1Parser::Step::failed) return "refused";
  return told + (step == H1Parser::Step::complete ? "\nend " + std::to_string(at) : "\nunfinished");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Loop loop;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (size < 8 * 1024 && story(loop, bytes, size) != story(loop, bytes, 1)) std::abort();
  return 0;
}
