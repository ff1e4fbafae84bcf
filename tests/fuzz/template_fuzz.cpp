// Fuzz target: any text compiles or fails inside its bounds; what a client sends cannot end a log line, a JSON string
// or a header. The input is a template, then a NUL, then what the client sends.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/http/redirect_handler.h"
#include "core/http/template.h"
#include "support/fake_request.h"

namespace {

using namespace edge;

void require(bool holds) {
  if (!holds) std::abort();
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string render(const Request& request, Template::Escape escape) {
  static const Template sent = *Template::compile("$http_x_any$uri$arg_a$cookie_a$remote_user$http_cookie");
  std::string text;
  sent.render(request, text, escape);
  return text;
}

void check_log(std::string_view text) {
  require(!has_control(text) && text.find('"') == std::string_view::npos);
}

void check_json(std::string_view text) {
  require(!has_control(text));
  for (std::size_t at = 0; at < text.size(); ++at) {
    require(text[at] != '"');
    if (text[at] == '\\') require(++at < text.size());
  }
}

void check_location(test::FakeRequest& fake) {
  RedirectHandler handler(*Template::compile("/$arg_a$uri$http_x_any"), 302);
  const Response response = test::run(fake.request.loop, handler.handle(fake.request));
  const std::string_view location = response.headers.get(HeaderName::location);
  require(!has_control(location) && location.starts_with('/'));
  require(!location.starts_with("//") && !location.starts_with("/\\"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Loop loop;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\0'), input.size());
  const std::string_view sent = input.substr(std::min(end + 1, input.size()));
  test::FakeRequest fake(loop);
  fake.request.path = fake.request.query = fake.request.target = sent;
  fake.request.headers.add("X-Any", sent);
  fake.request.headers.add("Cookie", sent);
  fake.request.headers.add("Authorization", sent);
  if (const auto compiled = Template::compile(input.substr(0, end))) {
    std::string text;
    compiled->render(fake.request, text);
    require(!compiled->constant() || text == compiled->source());
  } else {
    require(compiled.error().offset < end && !has_control(compiled.error().message));
  }
  check_log(render(fake.request, Template::Escape::log));
  check_json(render(fake.request, Template::Escape::json));
  check_location(fake);
  return 0;
}
