// What supervision is made of: children, their output, the control channel, and the delay before a new try.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <optional>
#include <thread>

#include "appserver/control_channel.h"
#include "appserver/output_lines.h"
#include "appserver/restart_delay.h"
#include "appserver/zygote.h"
#include "core/capabilities.h"
#include "core/net/child_process.h"
#include "support/captured_log.h"

using namespace edge;
using test::CapturedLog;

namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    read = UniqueFd(ends[0]);
    write = UniqueFd(ends[1]);
  }
  void put(std::string_view bytes) const {
    REQUIRE(::write(write.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  UniqueFd read;
  UniqueFd write;
};

struct Ended {
  int status = -1;
  int signal = -1;
};

struct Told {
  std::uint32_t worker = 0;
  bool has_descriptor = false;  // closed already
};

/// The next message of the edge that is there.
std::optional<Told> receive(int app_end) {
  wire::ControlHeader header;
  iovec piece{&header, sizeof header};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr envelope{};
  envelope.msg_iov = &piece;
  envelope.msg_iovlen = 1;
  envelope.msg_control = control;
  envelope.msg_controllen = sizeof control;
  if (recvmsg(app_end, &envelope, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0) return std::nullopt;
  const cmsghdr* const rights = CMSG_FIRSTHDR(&envelope);
  if (!rights) return Told{header.worker, false};
  int descriptor;
  std::memcpy(&descriptor, CMSG_DATA(rights), sizeof descriptor);
  const UniqueFd closes(descriptor);
  return Told{header.worker, true};
}

}  // namespace

TEST_CASE("a child gets its arguments, its environment and its descriptors, and no other") {
  Loop loop;
  Pipe pipe;
  const Pipe secret;  // closed on exec
  ChildProcess::Command command{"/bin/sh",
                                {"shell", "-c", "echo $0 $WORD; ls /proc/self/fd | wc -l; exit 7"},
                                {"WORD=word", "PATH=/usr/bin:/bin"},
                                {-1, pipe.write.get(), pipe.write.get()}};
  Ended ended;
  Result<ChildProcess> child = ChildProcess::spawn(loop, command, [&](int status, int signal) {
    ended = {status, signal};
    loop.stop();
  });
  REQUIRE(child);
  CHECK(child->pid() > 0);
  loop.run();
  CHECK(ended.status == 7);
  CHECK(ended.signal == 0);
  char text[100] = {};
  CHECK(read(pipe.read.get(), text, sizeof text - 1) > 0);
  CHECK(std::string_view(text) == "shell word\n4\n");  // 0, 1, 2, and that of ls itself
  child->signal(SIGKILL);                              // of nobody: it has ended
}

TEST_CASE("a child that is killed, and a program that is missing") {
  Loop loop;
  Ended ended;
  Result<ChildProcess> child =
      ChildProcess::spawn(loop, {"/bin/sleep", {"sleep", "100"}, {}, {-1, -1, -1}}, [&](int status, int signal) {
        ended = {status, signal};
        loop.stop();
      });
  REQUIRE(child);
  child->signal(SIGKILL);
  loop.run();
  CHECK(ended.signal == SIGKILL);
  CHECK(how_it_ended(ended.status, ended.signal) == "died of SIGKILL");
  CHECK(how_it_ended(3, 0) == "exited with status 3");
  const Result<ChildProcess> missing = ChildProcess::spawn(loop, {"/nowhere", {"x"}, {}, {-1}}, [](int, int) {});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().context == "cannot run /nowhere: no such file or directory");
}

TEST_CASE("output is cut into lines of bounded length") {
  Loop loop;
  Pipe pipe;
  std::vector<std::string> lines;
  Result<OutputLines::Ref> output =
      OutputLines::open(loop, std::move(pipe.read), [&lines](std::string_view line) { lines.emplace_back(line); });
  REQUIRE(output);
  pipe.put("one\n\ntw");
  (*output)->read_all();  // hands out what is unfinished, too
  CHECK(lines == std::vector<std::string>{"one", "tw"});
  lines.clear();
  pipe.put(std::string(OutputLines::kMaxLine, 'x') + "\n" + std::string(OutputLines::kMaxLine + 5, 'y') + "\nend");
  (*output)->read_all();
  CHECK(lines == std::vector<std::string>{std::string(OutputLines::kMaxLine, 'x'),
                                          std::string(OutputLines::kMaxLine, 'y'), "yyyyy", "end"});
}

TEST_CASE("control messages carry who sent them, and nonsense is passed over") {
  Loop loop;
  Result<ControlChannel::Ends> ends = ControlChannel::make_ends();
  REQUIRE(ends);
  std::vector<std::string> seen;
  Result<ControlChannel::Ref> channel = ControlChannel::open(
      loop, std::move(ends->edge), [&seen](const wire::ControlHeader& header, pid_t sender, std::string_view text) {
        CHECK(header.pid == 1);     // what it claims
        CHECK(sender == getpid());  // what is true
        seen.emplace_back(text);
      });
  REQUIRE(channel);
  const auto send = [&ends](std::uint32_t announced, std::string_view text) {
    const wire::ControlHeader header{.kind = wire::ControlKind::kReady, .pid = 1, .size = announced};
    std::string bytes(sizeof header, '\0');
    std::memcpy(bytes.data(), &header, sizeof header);
    bytes += text;
    REQUIRE(::send(ends->app.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0);
  };
  send(4, "text");
  send(5, "lies");
  REQUIRE(::send(ends->app.get(), "x", 1, MSG_NOSIGNAL) == 1);
  send(0, "");
  (*channel)->read_all();
  CHECK(seen == std::vector<std::string>{"text", ""});
}

TEST_CASE("control messages that the kernel has no means for are sent in order later, with their descriptors") {
  Loop loop;
  CapturedLog log;
  Result<ControlChannel::Ends> ends = ControlChannel::make_ends();
  REQUIRE(ends);
  Result<ControlChannel::Ref> channel =
      ControlChannel::open(loop, std::move(ends->edge), [](const wire::ControlHeader&, pid_t, std::string_view) {});
  REQUIRE(channel);
  const auto send = [&channel](std::uint32_t worker) {
    std::vector<UniqueFd> descriptors;
    descriptors.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
    REQUIRE(descriptors.front());
    (*channel)->send({.kind = wire::ControlKind::kFork, .worker = worker}, std::move(descriptors));
  };
  UniqueFd spare(open("/dev/null", O_RDONLY | O_CLOEXEC));
  send(0);  // is under way from now on
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  std::vector<UniqueFd> descriptors;
  descriptors.push_back(std::move(spare));
  std::thread([&] {  // root may have more under way than it may open, but not without its capabilities
    CHECK(give_up_capabilities() == 0);
    const rlimit none{0, before.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    (*channel)->send({.kind = wire::ControlKind::kFork, .worker = 1}, std::move(descriptors));
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
  })
      .join();
  CHECK(log.contains("cannot be told anything for now: Too many references"));
  send(2);
  for (std::uint32_t expected = 0; expected < 3; ++expected) {
    pollfd wanted{ends->app.get(), POLLIN, 0};
    while (poll(&wanted, 1, 5) == 0) {
      loop.post([&loop] { loop.stop(); });
      loop.run();
    }
    const std::optional<Told> told = receive(ends->app.get());
    REQUIRE(told);
    CHECK(told->worker == expected);
    CHECK(told->has_descriptor);
  }
}

TEST_CASE("a control message that can never be sent is logged, and holds up no other") {
  Loop loop;
  CapturedLog log;
  Result<ControlChannel::Ends> ends = ControlChannel::make_ends();
  REQUIRE(ends);
  Result<ControlChannel::Ref> channel =
      ControlChannel::open(loop, std::move(ends->edge), [](const wire::ControlHeader&, pid_t, std::string_view) {});
  REQUIRE(channel);
  std::vector<UniqueFd> none(1);
  (*channel)->send({.kind = wire::ControlKind::kFork, .worker = 0}, std::move(none));
  (*channel)->send({.kind = wire::ControlKind::kFork, .worker = 1}, {});
  CHECK(log.contains("could not be told something: Bad file descriptor"));
  const std::optional<Told> told = receive(ends->app.get());
  REQUIRE(told);
  CHECK(told->worker == 1);
}

TEST_CASE("control messages that find no room are sent in order later, with their descriptors") {
  Loop loop;
  Result<ControlChannel::Ends> ends = ControlChannel::make_ends();
  REQUIRE(ends);
  Result<ControlChannel::Ref> channel =
      ControlChannel::open(loop, std::move(ends->edge), [](const wire::ControlHeader&, pid_t, std::string_view) {});
  REQUIRE(channel);
  constexpr std::uint32_t kMany = 2000;  // more than the kernel takes
  for (std::uint32_t i = 0; i < kMany; ++i) {
    std::vector<UniqueFd> descriptors;
    if (i == kMany - 1) descriptors.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
    (*channel)->send({.kind = wire::ControlKind::kFork, .worker = i}, std::move(descriptors));
  }
  std::uint32_t expected = 0;
  while (expected < kMany) {
    const std::optional<Told> told = receive(ends->app.get());
    if (!told) {
      loop.post([&loop] { loop.stop(); });
      loop.run();
      continue;
    }
    REQUIRE(told->worker == expected);
    ++expected;
    REQUIRE(told->has_descriptor == (expected == kMany));
  }
}

TEST_CASE("a new try waits longer each time, up to a limit, and at once after a good life") {
  RestartDelay delay(Milliseconds(100), Milliseconds(350));
  CHECK(delay.next() == Milliseconds(100));
  CHECK(delay.next() == Milliseconds(200));
  CHECK(delay.next() == Milliseconds(350));
  CHECK(delay.next() == Milliseconds(350));
  delay.reset();
  CHECK(delay.next() == Milliseconds(100));
}
