// Fuzz target: what a FastCGI server answers, whole and a byte at a time, makes one story, whose fields can be sent on
// as they are; and a path, taken for a script, stays below the root.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/http/field_syntax.h"
#include "core/http/path.h"
#include "core/log.h"
#include "proxy/fastcgi_codec.h"
#include "support/codec_story.h"
#include "support/fake_request.h"

namespace {

using namespace edge;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string heard(Loop& loop, std::string_view bytes, std::size_t piece) {
  static const FastCgiSettings settings{.root = "/srv", .index = "index.php"};
  test::FakeRequest fake(loop);
  FastCgiCodec codec({.bytes = 2048, .fields = 20}, settings);
  UpstreamRequest request(fake.request);
  request.method = "GET";
  request.target = "/";
  std::string out;
  require(codec.write_head(request, out).has_value());
  std::string told = test::story(codec, bytes, piece);
  if (told.starts_with("failed: ")) return "failed";  // which of several faults is seen first depends on the pieces
  for (const HeaderField& field : codec.response().headers) {
    require(is_token(field.name) && is_field_text(field.value));
    require(field.id != HeaderName::content_length && field.id != HeaderName::transfer_encoding);
    require(field.id != HeaderName::connection);
  }
  return told;
}

void check_path(std::string_view bytes) {
  Arena arena;
  const Result<Target> target = parse_target(bytes, arena);
  if (!target) return;
  const ScriptPath path = script_path(target->path, "");
  require(path.script + std::string(path.path_info) == target->path);
  require(path.path_info.empty() || (path.path_info.starts_with('/') && path.script.ends_with(".php")));
  require(!path.script.contains("/../") && !path.script.contains('\0'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Loop loop;
  if (size == 0 || size > 8 * 1024) return 0;
  log::open(nullptr, LogLevel::error);  // what the server says would be most of the work
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_path(bytes);
  const std::string whole = heard(loop, bytes, size);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) require(heard(loop, bytes, piece) == whole);
  return 0;
}
