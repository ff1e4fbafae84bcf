// FakeApp: the edge's side of an app on one loop, with workers that the test plays itself on the other end of the
// mailboxes and answers channels. Header only.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "appserver/answer_ring_writer.h"
#include "appserver/app_handler.h"
#include "appserver/app_lane.h"
#include "appserver/app_queue.h"
#include "appserver/wire.h"
#include "core/uwsgi/packet.h"
#include "support/fake_request.h"
#include "support/temporary_directory.h"

namespace edge::test {

/// Where the edge keeps the requests that fake workers have read, by sequence: an answer repeats it.
inline std::map<std::uint64_t, std::uint32_t>& places() {
  static std::map<std::uint64_t, std::uint32_t> places;
  return places;
}

/// Bytes as a worker sends them.
inline std::string frame_bytes(wire::FrameHeader header, std::string_view payload) {
  if (places().contains(header.sequence)) header.place = places()[header.sequence];
  header.payload_size = static_cast<std::uint32_t>(payload.size());
  std::string bytes(sizeof header, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes.append(payload);
}

using Fields = std::vector<std::pair<std::string, std::string>>;

inline std::string head_bytes(const Fields& fields, std::string_view reason = "OK") {
  std::string block(wire::kMaxAnswerHead, '\0');
  uwsgi::BlockWriter writer(block.data(), block.size());
  writer.add("", reason);
  for (const auto& [name, value] : fields) writer.add(name, value);
  block.resize(writer.size());
  return block;
}

inline std::string answer_bytes(std::uint64_t sequence, std::uint16_t status, const Fields& fields,
                                std::string_view body, std::uint16_t flags = wire::kLast) {
  const std::string head = head_bytes(fields);
  wire::FrameHeader header;
  header.sequence = sequence;
  header.head_size = static_cast<std::uint32_t>(head.size());
  header.status = status;
  header.flags = static_cast<std::uint16_t>(wire::kHead | flags);
  return frame_bytes(header, head + std::string(body));
}

inline std::string file_answer_bytes(std::uint64_t sequence, const Fields& fields, wire::FilePart part) {
  std::string bytes(sizeof part, '\0');
  std::memcpy(bytes.data(), &part, sizeof part);
  return answer_bytes(sequence, 200, fields, bytes, wire::kLast | wire::kFile);
}

/// A request as a worker reads it.
struct ReadMessage {
  wire::RequestHeader header;
  std::map<std::string, std::string> variables;
  std::string body;  // also that in a file
  bool in_file = false;
};

/// One thread of a worker, played by the test.
struct FakeThread {
  Slot* slot = nullptr;
  UniqueFd answers;
  std::optional<AnswerRingWriter> ring = std::nullopt;

  std::optional<ReadMessage> read() const {
    std::string bytes(wire::kMaxRequestMessage, '\0');
    iovec piece{bytes.data(), bytes.size()};
    msghdr envelope{};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    envelope.msg_iov = &piece;
    envelope.msg_iovlen = 1;
    envelope.msg_control = control;
    envelope.msg_controllen = sizeof control;
    const ssize_t size = recvmsg(slot->mailbox.worker_end(), &envelope, MSG_DONTWAIT);
    if (size < 0) return std::nullopt;
    REQUIRE((envelope.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0);
    bytes.resize(static_cast<std::size_t>(size));
    count(offsetof(wire::SharedSlot, taken));
    ReadMessage message;
    std::memcpy(&message.header, bytes.data(), sizeof message.header);
    if (message.header.flags & wire::kQuit) return message;
    if (message.header.flags & wire::kAsk) {
      hear();
      return read();
    }
    places()[message.header.sequence] = message.header.place;
    std::string_view left = std::string_view(bytes).substr(sizeof message.header);
    const uwsgi::Header packet = uwsgi::decode_header(left.data());
    left.remove_prefix(uwsgi::kHeaderSize);
    uwsgi::BlockReader reader(left.substr(0, packet.block_size));
    uwsgi::Variable variable;
    while (reader.next(variable) == uwsgi::BlockReader::Step::variable) {
      message.variables.emplace(variable.name, variable.value);
    }
    message.body = left.substr(packet.block_size);
    if (const cmsghdr* const rights = CMSG_FIRSTHDR(&envelope)) {
      message.in_file = true;
      int descriptor;
      std::memcpy(&descriptor, CMSG_DATA(rights), sizeof descriptor);
      const UniqueFd file(descriptor);
      message.body.resize(message.header.body_size);
      const ssize_t read = pread(descriptor, message.body.data(), message.body.size(), 0);
      REQUIRE(read == static_cast<ssize_t>(message.header.body_size));
    }
    return message;
  }

  /// In the memory that the worker shares with the edge.
  void count(std::size_t member) const {
    const auto place = static_cast<off_t>(slot->worker.thread_of(*slot) * sizeof(wire::SharedSlot) + member);
    std::uint64_t counted = 0;
    REQUIRE(pread(slot->worker.memory(), &counted, sizeof counted, place) == sizeof counted);
    ++counted;
    REQUIRE(pwrite(slot->worker.memory(), &counted, sizeof counted, place) == sizeof counted);
  }
  /// One more question was read; ASGI: one more cancel.
  void hear() const { count(offsetof(wire::SharedSlot, heard)); }
  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(answers.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      REQUIRE(sent > 0);
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// The descriptors go with the first byte.
  void send_with(const std::vector<int>& descriptors, std::string_view bytes) const {
    iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    std::vector<char> control(CMSG_SPACE(descriptors.size() * sizeof(int)));
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
    REQUIRE(sendmsg(answers.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  /// The edge has read all that was sent.
  bool was_heard() const {
    int unread = 0;
    REQUIRE(ioctl(answers.get(), SIOCOUTQ, &unread) == 0);
    return unread == 0;
  }
  /// As much as there is room for.
  std::size_t send_some(std::string_view bytes) const {
    const ssize_t sent = ::send(answers.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  void answer(std::uint64_t sequence, std::uint16_t status, const Fields& fields, std::string_view body,
              std::uint16_t flags = wire::kLast) const {
    send(answer_bytes(sequence, status, fields, body, flags));
  }
  void frame(std::uint64_t sequence, std::string_view body, std::uint16_t flags = 0) const {
    send(frame_bytes({.sequence = sequence, .flags = flags}, body));
  }
  /// By the ring, when it takes it, as the gateway does. Whether the loop is to be told is the caller's business.
  bool answer_in_ring(std::string_view bytes) {
    if (!ring) ring.emplace(slot->worker.answers(slot->worker.thread_of(*slot), 0));
    const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    return ring->write({&part, 1});
  }
  void announce() const {
    const wire::FrameHeader header{.flags = wire::kRing};
    send({reinterpret_cast<const char*>(&header), sizeof header});
  }
  void die() { answers.reset(); }
  /// What an ASGI app was told, as far as it is here: "7:left", "7:taken 40000", "7:cancel 1".
  std::vector<std::string> notices() const {
    std::vector<std::string> told;
    wire::Notice notice;
    while (recv(answers.get(), &notice, sizeof notice, MSG_DONTWAIT) == sizeof notice) {
      std::string text = std::to_string(notice.sequence);
      text += notice.kind == wire::kLeft ? ":left" : notice.kind == wire::kTaken ? ":taken " : ":cancel ";
      if (notice.kind != wire::kLeft) text += std::to_string(notice.value);
      told.push_back(text);
    }
    return told;
  }
};

struct FakeWorker {
  std::shared_ptr<WorkerProcess> process;
  std::vector<FakeThread> threads;
};

/// A child that does nothing, to see whether it is killed.
class IdleChild {
 public:
  IdleChild() : pid_(fork()) {
    if (pid_ != 0) return;
    while (true) pause();
  }
  ~IdleChild() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  /// The signal that ended it, or 0 while it lives.
  int ended_by() {
    int status = 0;
    if (pid_ == 0 || waitpid(pid_, &status, WNOHANG) != pid_) return 0;
    pid_ = 0;
    return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
  }

 private:
  pid_t pid_;
};

class FakeApp {
 public:
  static config::App settings() {
    config::App app;
    app.name = "fake";
    app.queue_timeout = Milliseconds(60'000);
    return app;
  }
  explicit FakeApp(config::App with = settings())
      : app(std::move(with)),
        queue({&loop}, {.waiting = app.queue, .depth = app.depth, .work_ahead = std::chrono::hours(1)}),
        lane(loop, queue, std::make_shared<const config::App>(app), spool.path().string()),
        handler(lane, "") {}
  ~FakeApp() {
    bool closed = false;
    lane.close([&closed] { closed = true; });
    run_until([&closed] { return closed; });
  }

  FakeWorker& add_asgi_worker(std::uint32_t places, pid_t pid = 0) { return add_worker(1, pid, places); }
  FakeWorker& add_worker(unsigned threads = 1, pid_t pid = 0, std::uint32_t asgi_places = 0) {
    FakeWorker& worker = workers.emplace_back();
    worker.process = *WorkerProcess::create(static_cast<std::uint32_t>(workers.size() - 1), threads, 1);
    if (pid != 0) worker.process->identify(pid);
    if (asgi_places > 0) worker.process->serve_asgi(asgi_places);
    std::vector<UniqueFd> ours;
    for (const auto& slot : worker.process->slots()) {
      int ends[2];
      REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
      fcntl(ends[0], F_SETFL, O_NONBLOCK);
      ours.emplace_back(ends[0]);
      worker.threads.push_back({slot.get(), UniqueFd(ends[1])});
    }
    REQUIRE(lane.add_worker(worker.process, std::move(ours)));
    for (const auto& slot : worker.process->slots()) queue.open(*slot, 0);
    return worker;
  }

  /// Whatever is ready on the loop, once.
  void turn() {
    loop.post([this] { loop.stop(); });
    loop.run();
  }
  template <class Condition>
  void run_until(Condition holds) {
    const auto begun = std::chrono::steady_clock::now();
    while (!holds()) {
      turn();
      if (std::chrono::steady_clock::now() - begun > std::chrono::seconds(20))
        throw std::runtime_error("it never came");
    }
  }
  ReadMessage next_request(const FakeThread& thread) {
    std::optional<ReadMessage> message;
    run_until([&] { return (message = thread.read()).has_value(); });
    return *message;
  }
  /// From now on; what runs already keeps its limit until the next piece of its answer.
  void limit_requests(Milliseconds request_timeout) {
    app.request_timeout = request_timeout;
    lane.use(std::make_shared<const config::App>(app));
  }
  /// Makes the service time of a thread known, so that it takes requests ahead.
  void warm(const FakeThread& thread);

  TemporaryDirectory spool;
  Loop loop{0};
  config::App app;
  AppQueue queue;
  AppLane lane;
  AppHandler handler;
  std::list<FakeWorker> workers;
};

/// One request under way.
class FakeExchange {
 public:
  FakeExchange(FakeApp& app, std::string_view method, std::string_view target, FakeRequest::Headers headers = {})
      : app_(app), fake(app.loop, method, target, headers) {}
  ~FakeExchange() {
    if (!task_.done()) {
      fake.request.cancellation.request();
      app_.run_until([this] { return task_.done(); });
    }
  }
  FakeExchange& begin() {
    task_ = app_.handler.handle(fake.request);
    return *this;
  }
  bool done() const { return task_.done(); }
  /// The answer, when the worker has given what it takes.
  Response& response() {
    if (!response_) {
      app_.run_until([this] { return task_.done(); });
      response_.emplace(task_.take());
    }
    return *response_;
  }
  int status() { return response().status; }
  /// Everything of the body; nothing when it broke off.
  std::optional<std::string> body() {
    if (const auto* bytes = std::get_if<std::string_view>(&response().body)) return std::string(*bytes);
    if (!source()) return std::string();
    std::string whole;
    while (true) {
      Result<BodySource::Chunk> chunk = pull();
      if (!chunk) {
        error = chunk.error();
        return std::nullopt;
      }
      whole += chunk->bytes;
      if (chunk->last) return whole;
    }
  }
  BodySource* source() {
    auto* const owned = std::get_if<std::unique_ptr<BodySource>>(&response().body);
    return owned ? owned->get() : nullptr;
  }
  Result<BodySource::Chunk> pull() {
    Task<Result<BodySource::Chunk>> task = source()->pull();
    app_.run_until([&task] { return task.done(); });
    return task.take();
  }
  /// The client's connection ends.
  void leave() {
    fake.request.cancellation.request();
    app_.run_until([this] { return task_.done(); });
    response().body = std::monostate();
  }

 private:
  FakeApp& app_;

 public:
  FakeRequest fake;
  std::optional<Error> error;

 private:
  Task<Response> task_;
  std::optional<Response> response_;
};

inline void FakeApp::warm(const FakeThread& thread) {
  FakeExchange exchange(*this, "GET", "/warm");
  exchange.begin();
  thread.answer(next_request(thread).header.sequence, 200, {}, "");
  REQUIRE(exchange.status() == 200);
}

}  // namespace edge::test
