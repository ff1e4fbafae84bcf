// ReadyFields, and the lists that begin with them.
#include "core/http/ready_fields.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>

using namespace edge;

namespace {

HeaderField field(HeaderName id, std::string_view value) {
  return {header_spelling(id), value, id};
}

const std::array kThree = {field(HeaderName::etag, "\"e\""), field(HeaderName::vary, "Accept-Encoding"),
                           field(HeaderName::content_type, "text/css")};
constexpr std::string_view kLines = "ETag: \"e\"\r\nVary: Accept-Encoding\r\nContent-Type: text/css\r\n";

/// Every field as a line, by the list's fields alone.
std::string spelled(const HeaderList& list) {
  std::string text;
  for (const HeaderField& one : list) text.append(one.name).append(": ").append(one.value).append("\r\n");
  return text;
}

/// As a door writes it.
std::string written(const HeaderList& list) {
  std::string text(list.ready_lines());
  for (const HeaderField* one = list.behind_ready(); one != list.end(); ++one) {
    text.append(one->name).append(": ").append(one->value).append("\r\n");
  }
  return text;
}

}  // namespace

TEST_CASE("ready fields: lines and fields say the same, also of the first of them alone") {
  std::string value = "\"e\"";
  const std::array fields = {field(HeaderName::etag, value), kThree[1], kThree[2]};
  const ReadyFields ready(fields);
  value = "gone";
  CHECK(ready.all().lines == kLines);
  CHECK(ready.value(0) == "\"e\"");
  CHECK(ready.first(1).lines == "ETag: \"e\"\r\n");
  CHECK(ready.memory() > kLines.size());

  Arena arena;
  const HeaderList list(arena, ready.first(2));
  CHECK(list.size() == 2);
  CHECK(spelled(list) == "ETag: \"e\"\r\nVary: Accept-Encoding\r\n");
  CHECK(written(list) == spelled(list));
  CHECK(list.find(HeaderName::content_type) == nullptr);
  CHECK(list.get(HeaderName::vary) == "Accept-Encoding");
}

TEST_CASE("ready fields: what is added comes behind them, and they stay ready") {
  const ReadyFields ready(kThree);
  Arena arena;
  HeaderList list(arena, ready.all());
  list.add(HeaderName::expires, "0");
  list.add("X-Other", "1");
  CHECK(list.ready_lines() == kLines);
  CHECK(written(list) == std::string(kLines) + "Expires: 0\r\nX-Other: 1\r\n");
  CHECK(written(list) == spelled(list));
  CHECK(list.get(HeaderName::expires) == "0");
  CHECK(list.find("x-other") != nullptr);
}

TEST_CASE("ready fields: a list that changes one of them has its own, and the next list has them as they were") {
  const ReadyFields ready(kThree);
  Arena arena;
  const auto check_changed = [&](auto change, std::string_view expected) {
    HeaderList list(arena, ready.all());
    change(list);
    CHECK(written(list) == expected);
    CHECK(spelled(list) == expected);
    CHECK(spelled(HeaderList(arena, ready.all())) == kLines);
  };
  check_changed([](HeaderList& list) { list.remove(HeaderName::vary); }, "ETag: \"e\"\r\nContent-Type: text/css\r\n");
  check_changed([](HeaderList& list) { list.remove("etag"); }, "Vary: Accept-Encoding\r\nContent-Type: text/css\r\n");
  check_changed([](HeaderList& list) { list.replace(1, field(HeaderName::vary, "*")); },
                "ETag: \"e\"\r\nVary: *\r\nContent-Type: text/css\r\n");
  check_changed([](HeaderList& list) { list.set(HeaderName::etag, "W/\"e\""); },
                "Vary: Accept-Encoding\r\nContent-Type: text/css\r\nETag: W/\"e\"\r\n");
  check_changed([](HeaderList& list) { list.clear(); }, "");
  check_changed(
      [](HeaderList& list) {
        list.clear();
        list.add(HeaderName::etag, "\"f\"");
      },
      "ETag: \"f\"\r\n");
}

TEST_CASE("ready fields: to remove what is not there changes nothing") {
  const ReadyFields ready(kThree);
  Arena arena;
  HeaderList list(arena, ready.all());
  list.remove(HeaderName::server);
  list.remove("X-Other");
  CHECK(list.ready_lines() == kLines);
  CHECK(list.begin() == ready.all().fields);
}
