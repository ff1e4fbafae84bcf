// Fuzz target: a block of variables from a public uwsgi socket becomes a request that keeps its promises, or an error
// of the client; what the app is then told has each name once, and none that only edge may say.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "core/uwsgi/read_vars.h"
#include "core/uwsgi/vars.h"
#include "support/fake_request.h"

namespace {

using namespace edge;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_request(const Request& request, const HttpSettings& limits) {
  require(!request.method_name.empty() && request.method != Method::connect);
  require(!request.target.empty() && request.target.size() <= limits.max_uri);
  require(request.path.starts_with('/') || (request.path == "*" && request.method == Method::options));
  require(!request.path.contains('\0'));
  require(request.headers.size() <= limits.max_headers + std::size_t{2});  // Content-Type and Content-Length besides
  for (const HeaderField& field : request.headers) {
    require(!field.name.empty() && !field.name.contains('_'));
    require(field.value.find_first_of("\r\n") == field.value.npos);
  }
}

void check_variables(Request& request) {
  std::string block(uwsgi::kMaxBlock, '\0');
  uwsgi::BlockWriter writer(block.data(), block.size());
  uwsgi::add_vars(request, "", std::nullopt, writer);
  if (writer.overflowed()) return;
  uwsgi::BlockReader reader(std::string_view(block).substr(0, writer.size()));
  uwsgi::Variable variable;
  std::set<std::string_view> names;
  uwsgi::BlockReader::Step step;
  while ((step = reader.next(variable)) == uwsgi::BlockReader::Step::variable) {
    require(names.insert(variable.name).second);
    require(!variable.value.contains('\0'));
    for (const std::string_view own : {"UWSGI_", "wsgi.", "uwsgi.", "edge.", "HTTP_PROXY", "HTTP_TRANSFER_ENCODING"}) {
      if (own.ends_with('_') || own.ends_with('.')) {
        require(!variable.name.starts_with(own));
      } else {
        require(variable.name != own);
      }
    }
  }
  require(step == uwsgi::BlockReader::Step::end);
  for (const std::string_view name : {"REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "SERVER_NAME", "SERVER_PORT"}) {
    require(names.contains(name));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Loop loop;
  static const HttpSettings limits;
  const std::string_view block(reinterpret_cast<const char*>(data), size);
  Arena arena;
  test::FakeBody body;
  ConnectionInfo connection;
  Request request(loop, arena, body);
  request.connection = &connection;
  const Result<std::uint64_t> read = uwsgi::read_vars(block, limits, request, connection);
  if (!read) {
    require(read.error().side == Side::client && !read.error().context.empty());
    return 0;
  }
  check_request(request, limits);
  check_variables(request);
  return 0;
}
