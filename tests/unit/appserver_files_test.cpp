// Answers whose body is a file: what a worker may hand over, and every lie about it.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "support/captured_log.h"
#include "support/fake_app.h"

using namespace edge;
using namespace edge::test;

namespace {

constexpr std::string_view kContent = "0123456789";

UniqueFd open_content(const TemporaryDirectory& folder, int flags = O_RDONLY) {
  const std::string path = (folder.path() / "content").string();
  std::ofstream(path) << kContent;
  return UniqueFd(open(path.c_str(), flags | O_CLOEXEC));
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

struct Asked {
  explicit Asked(std::string_view method = "GET")
      : worker(app.add_worker(1, child.pid())), thread(worker.threads[0]), exchange(app, method, "/") {
    exchange.begin();
    sequence = app.next_request(thread).header.sequence;
  }
  /// The answer's file and nothing else.
  int status_of_file(const UniqueFd& file, wire::FilePart part, const Fields& fields = {}) {
    thread.send_with({file.get()}, file_answer_bytes(sequence, fields, part));
    return exchange.status();
  }
  const FileRange& range() { return std::get<FileRange>(exchange.response().body); }

  IdleChild child;
  FakeApp app;
  TemporaryDirectory folder;
  FakeWorker& worker;
  FakeThread& thread;
  FakeExchange exchange;
  std::uint64_t sequence;
};

std::string content_of(const FileRange& range) {
  std::string content(range.length, '\0');
  REQUIRE(pread(range.fd.get(), content.data(), content.size(), static_cast<off_t>(range.offset)) ==
          static_cast<ssize_t>(content.size()));
  return content;
}

}  // namespace

TEST_CASE("an answer's file is sent by the edge, and the worker is free at once") {
  Asked asked;
  const UniqueFd file = open_content(asked.folder);
  CHECK(asked.status_of_file(file, {2, 5}, {{"Content-Type", "text/plain"}}) == 200);
  CHECK(content_of(asked.range()) == "23456");
  CHECK((fcntl(asked.range().fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(asked.exchange.response().headers.get(HeaderName::content_type) == "text/plain");
  asked.app.warm(asked.thread);  // while nobody has read the file
}

TEST_CASE("a file at every split of its frame, behind another answer and before one") {
  FakeApp app;
  const TemporaryDirectory folder;
  const UniqueFd file = open_content(folder);
  FakeThread& thread = app.add_worker().threads[0];
  const std::size_t size = file_answer_bytes(1, {{"X-A", "b"}}, {1, 8}).size();
  for (std::size_t split = 1; split < size; ++split) {
    CAPTURE(split);
    FakeExchange exchange(app, "GET", "/");
    exchange.begin();
    const std::string bytes = file_answer_bytes(app.next_request(thread).header.sequence, {{"X-A", "b"}}, {1, 8});
    thread.send_with({file.get()}, std::string_view(bytes).substr(0, split));
    app.turn();
    thread.send(std::string_view(bytes).substr(split));
    CHECK(content_of(std::get<FileRange>(exchange.response().body)) == "12345678");
  }
  app.warm(thread);
}

TEST_CASE("a file is cut at the promised length, and may be empty") {
  Asked asked;
  const UniqueFd file = open_content(asked.folder);
  SUBCASE("cut") {
    CHECK(asked.status_of_file(file, {0, 10}, {{"Content-Length", "4"}}) == 200);
    CHECK(content_of(asked.range()) == "0123");
  }
  SUBCASE("promised more") {
    CHECK(asked.status_of_file(file, {4, 6}, {{"Content-Length", "7"}}) == 502);
  }
  SUBCASE("empty") {
    CHECK(asked.status_of_file(file, {10, 0}) == 200);
    CHECK(std::holds_alternative<std::monostate>(asked.exchange.response().body));
  }
}

TEST_CASE("a HEAD has no body, and the file is closed") {
  Asked asked("HEAD");
  const UniqueFd file = open_content(asked.folder);
  const std::size_t before = open_descriptors();
  CHECK(asked.status_of_file(file, {0, 10}, {{"Content-Length", "10"}}) == 200);
  CHECK(std::holds_alternative<std::monostate>(asked.exchange.response().body));
  CHECK(asked.exchange.response().headers.get(HeaderName::content_length) == "10");
  CHECK(open_descriptors() == before);
}

TEST_CASE("a descriptor that is no such file is a 502, and the worker lives") {
  CapturedLog log;
  Asked asked;
  SUBCASE("longer than it is") {
    CHECK(asked.status_of_file(open_content(asked.folder), {0, 11}) == 502);
  }
  SUBCASE("from behind its end") {
    CHECK(asked.status_of_file(open_content(asked.folder), {11, 0}) == 502);
  }
  SUBCASE("a sum that overflows") {
    CHECK(asked.status_of_file(open_content(asked.folder), {2, ~std::uint64_t{0}}) == 502);
  }
  SUBCASE("a pipe") {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    const UniqueFd reading(ends[0]), writing(ends[1]);
    CHECK(asked.status_of_file(reading, {0, 0}) == 502);
  }
  SUBCASE("a folder") {
    CHECK(asked.status_of_file(UniqueFd(open("/", O_RDONLY | O_CLOEXEC)), {0, 1}) == 502);
  }
  SUBCASE("for writing only") {
    CHECK(asked.status_of_file(open_content(asked.folder, O_WRONLY), {0, 1}) == 502);
  }
  SUBCASE("only a path") {
    CHECK(asked.status_of_file(open_content(asked.folder, O_PATH), {0, 1}) == 502);
  }
  CHECK(log.contains("a part of a file that has no such part"));
  asked.app.warm(asked.thread);
}

TEST_CASE("a socket that takes long to close holds up no loop") {
  CapturedLog log;
  UniqueFd ours;
  UniqueFd theirs;
  {
    const UniqueFd listening(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(listening.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listening.get(), 1) == 0);
    REQUIRE(getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    theirs = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(connect(theirs.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    ours = UniqueFd(accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  const linger long_time{1, 120};  // seconds
  REQUIRE(setsockopt(theirs.get(), SOL_SOCKET, SO_LINGER, &long_time, sizeof long_time) == 0);
  const std::string bytes(1 << 16, 'x');
  while (send(theirs.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) continue;
  Asked asked;
  asked.thread.send_with({theirs.get()}, file_answer_bytes(asked.sequence, {}, {0, 0}));
  theirs.reset();
  const auto begun = std::chrono::steady_clock::now();
  CHECK(asked.exchange.status() == 502);
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(60));
  ours.reset();  // ends the lingering
}

TEST_CASE("a descriptor where none belongs ends the worker, and is closed") {
  CapturedLog log;
  Asked asked;
  const UniqueFd file = open_content(asked.folder);
  const std::size_t before = open_descriptors();
  const std::string text = answer_bytes(asked.sequence, 200, {}, "some", 0);
  std::string_view why;
  SUBCASE("with an answer that is text") {
    asked.thread.send_with({file.get()}, text);
    why = "a descriptor that belongs to no answer";
  }
  SUBCASE("with a part of a head") {
    asked.thread.send_with({file.get()}, text.substr(0, sizeof(wire::FrameHeader) + 1));
    why = "a descriptor that belongs to no answer";
  }
  SUBCASE("two for one") {
    asked.thread.send_with({file.get(), file.get()}, file_answer_bytes(asked.sequence, {}, {0, 10}));
    why = "several descriptors at once";
  }
  SUBCASE("a second one within a frame") {
    const std::string bytes = file_answer_bytes(asked.sequence, {}, {0, 10});
    asked.thread.send_with({file.get()}, bytes.substr(0, 10));
    asked.thread.send_with({file.get()}, bytes.substr(10));
    why = "a second descriptor for one frame";
  }
  SUBCASE("none with a file") {
    asked.thread.send(file_answer_bytes(asked.sequence, {}, {0, 10}));
    why = "a file's part without the file";
  }
  asked.app.run_until([&] { return asked.child.ended_by() == SIGKILL; });
  CHECK(log.contains(why));
  CHECK(open_descriptors() <= before);
}

TEST_CASE("a file that comes while edge has no descriptor left is a 503, and the worker lives") {
  CapturedLog log;
  Asked asked;
  const UniqueFd file = open_content(asked.folder);
  asked.thread.send_with({file.get()}, file_answer_bytes(asked.sequence, {}, {0, 10}));
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{0, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  const int status = asked.exchange.status();
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(status == 503);
  CHECK(log.contains("no descriptor left"));
  asked.app.warm(asked.thread);
}

TEST_CASE("a file for a client that has gone is closed") {
  Asked asked;
  const UniqueFd file = open_content(asked.folder);
  const std::size_t before = open_descriptors();
  asked.exchange.leave();
  asked.thread.send_with({file.get()}, file_answer_bytes(asked.sequence, {}, {0, 10}));
  asked.app.warm(asked.thread);
  CHECK(open_descriptors() == before);
}

TEST_CASE("an answer that names a file has a redirect, and no body of its own") {
  Asked asked;
  SUBCASE("by a path") {
    asked.thread.answer(asked.sequence, 200, {{"X-Sendfile", "/file"}, {"X-Accel-Redirect", "/path"}}, "some");
    REQUIRE(asked.exchange.response().redirect);
    CHECK(asked.exchange.response().redirect->to == InternalRedirect::To::path);
    CHECK(asked.exchange.response().redirect->text == "/path");
  }
  SUBCASE("by a file, whose length is announced") {
    asked.thread.answer(asked.sequence, 200, {{"Content-Length", "9"}, {"x-sendfile", "/file"}}, "");
    CHECK(asked.exchange.status() == 200);
    REQUIRE(asked.exchange.response().redirect);
    CHECK(asked.exchange.response().redirect->to == InternalRedirect::To::file);
  }
  SUBCASE("while the app still sends") {
    asked.thread.answer(asked.sequence, 200, {{"X-Accel-Redirect", "/path"}}, "some", 0);
    REQUIRE(asked.exchange.response().redirect);
    asked.thread.frame(asked.sequence, "more", wire::kLast);
  }
  CHECK(std::holds_alternative<std::monostate>(asked.exchange.response().body));
  asked.app.warm(asked.thread);
}
