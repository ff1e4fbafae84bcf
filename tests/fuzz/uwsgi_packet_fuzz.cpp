// Fuzz target: a block of uwsgi variables is read inside its bounds, and what was read writes the same bytes; a
// request with such fields becomes a block that reads whole.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/uwsgi/packet.h"
#include "core/uwsgi/vars.h"
#include "support/fake_request.h"

namespace {

using namespace edge;
using Step = uwsgi::BlockReader::Step;

void require(bool holds) {
  if (!holds) std::abort();
}

/// Every variable of `block` becomes a header field of the request.
Step read_block(std::string_view block, HeaderList& fields) {
  uwsgi::BlockReader reader(block);
  uwsgi::Variable variable;
  Step step;
  while ((step = reader.next(variable)) == Step::variable) fields.add(variable.name, variable.value);
  return step;
}

void check_same_bytes(std::string_view block, const HeaderList& fields) {
  std::string written(block.size(), '\0');
  uwsgi::BlockWriter writer(written.data(), written.size());
  for (const HeaderField& field : fields) writer.add(field.name, field.value);
  require(!writer.overflowed() && written == block);
}

void check_variables(Request& request) {
  std::string block(uwsgi::kMaxBlock, '\0');
  uwsgi::BlockWriter writer(block.data(), block.size());
  uwsgi::add_vars(request, "", std::nullopt, writer);
  Arena arena;
  HeaderList variables(arena);
  require(read_block(std::string_view(block).substr(0, writer.size()), variables) == Step::end);
  for (const HeaderField& variable : variables) {
    require(variable.name != "HTTP_PROXY" && variable.name != "HTTP_CONTENT_LENGTH");
    require(variable.name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string_view::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Loop loop;
  const std::string_view block(reinterpret_cast<const char*>(data), size);
  if (size >= uwsgi::kHeaderSize) {
    char header[uwsgi::kHeaderSize];
    uwsgi::encode_header(uwsgi::decode_header(block.data()), header);
    require(block.starts_with(std::string_view(header, sizeof header)));
  }
  test::FakeRequest fake(loop);
  if (read_block(block, fake.request.headers) == Step::end) check_same_bytes(block, fake.request.headers);
  check_variables(fake.request);
  return 0;
}
