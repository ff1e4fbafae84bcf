// StaticSite: a static handler over a private folder, and what a client would see of its answers. Header only.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "static/static_handler.h"
#include "support/fake_request.h"
#include "support/temporary_directory.h"

namespace edge::test {

/// Cached opens first, opens on the pool only, and a kernel without openat2.
inline std::vector<OpenSupport> supports() {
  const OpenSupport here = probe_open_support();
  std::vector<OpenSupport> all{{false, OpenStep::by_segment}};
  if (here.blocking == OpenStep::complete) all.push_back({false, OpenStep::complete});
  if (here.cached) all.push_back(here);
  return all;
}

/// What the client would see, copied out of the request's memory.
struct Answer {
  int status = 0;
  std::string type, etag, last_modified, location, allow, accept_ranges, content_range, cache_control;
  std::optional<std::string> fallback;  // path and query of the route that is to answer
  std::optional<std::uint64_t> length;  // of a body that is made while it is sent
  std::size_t headers = 0;
  bool file = false;
  std::string content;
};

inline std::string content_of(const FileRange& range) {
  std::string content(range.length, '\0');
  const ssize_t got = pread(range.fd.get(), content.data(), content.size(), static_cast<off_t>(range.offset));
  CHECK(got == static_cast<ssize_t>(content.size()));
  return content;
}

inline Answer answer_of(const Response& response) {
  const auto value = [&](HeaderName name) { return std::string(response.headers.get(name)); };
  Answer answer{response.status,
                value(HeaderName::content_type),
                value(HeaderName::etag),
                value(HeaderName::last_modified),
                value(HeaderName::location),
                value(HeaderName::allow),
                value(HeaderName::accept_ranges),
                value(HeaderName::content_range),
                value(HeaderName::cache_control),
                std::nullopt,
                std::nullopt,
                response.headers.size(),
                std::holds_alternative<FileRange>(response.body),
                {}};
  if (const auto* range = std::get_if<FileRange>(&response.body)) answer.content = content_of(*range);
  if (const auto* bytes = std::get_if<std::string_view>(&response.body)) answer.content = *bytes;
  if (const auto& redirect = response.redirect) {
    answer.fallback = std::string(redirect->text);
    if (redirect->has_query) answer.fallback->append("?").append(redirect->query);
  }
  return answer;
}

/// All that a body made while it is sent has to say. An error ends it.
inline std::string pulled(Loop& loop, BodySource& source) {
  std::string content;
  for (bool last = false; !last;) {
    const Result<BodySource::Chunk> chunk = run(loop, source.pull());
    if (!chunk) return content + "[" + chunk.error().context + "]";
    content += chunk->bytes;
    last = chunk->last;
  }
  return content;
}

class StaticSite {
 public:
  explicit StaticSite(OpenSupport support, std::string prefix = "/static/") : machine_{.support = support} {
    route.path = std::move(prefix);
    files.directory = (directory / "root").string();
    std::filesystem::create_directory(files.directory);
    machine_.recheck = Milliseconds(0);
  }
  void recheck_every(Milliseconds interval) { machine_.recheck = interval; }

  StaticHandler& handler() {
    if (!handler_) handler_ = StaticHandler::open(files, route, hot, machine_).value();
    return *handler_;
  }
  Answer ask(std::string_view target, FakeRequest::Headers headers = {}, std::string_view method = "GET") {
    FakeRequest fake(loop, method, target, headers);
    Response response = run(loop, handler().handle(fake.request));
    Answer answer = answer_of(response);
    if (const auto* source = std::get_if<std::unique_ptr<BodySource>>(&response.body)) {
      answer.length = (*source)->length();
      answer.content = pulled(loop, **source);
    }
    return answer;
  }
  int status(std::string_view target) { return ask(target).status; }
  void write(std::string_view name, std::string_view content) const {
    directory.write("root/" + std::string(name), content);
  }

  TemporaryDirectory directory;
  Loop loop;
  config::StaticFiles files;
  RoutePath route;
  HotFiles hot{32 << 20, Milliseconds(0), kSettlesAtOnce};

 private:
  static constexpr std::int64_t kSettlesAtOnce = -3600;  // seconds: a file that was just written counts as an old one

  StaticHandler::Machine machine_;
  std::unique_ptr<StaticHandler> handler_;
};

}  // namespace edge::test
