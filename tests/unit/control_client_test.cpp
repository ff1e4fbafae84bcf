// ControlClient: where it looks, and what it says when nobody, nonsense or nothing answers.
#include "cmd/control_client.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "core/net/listener.h"
#include "support/temporary_directory.h"

using namespace edge;

namespace {

/// Takes one connection, waits for its request, sends what the test says, and closes or keeps it.
class Peer {
 public:
  Peer(const std::string& path, std::string answer, bool closes = true) {
    listener_ = std::move(*open_unix_listener(path, 1));
    thread_ = std::thread([this, answer = std::move(answer), closes] { serve(answer, closes); });
  }
  ~Peer() { thread_.join(); }
  const std::string& request() const { return request_; }

 private:
  void serve(const std::string& answer, bool closes) {
    pollfd waiting{listener_.get(), POLLIN, 0};
    ::poll(&waiting, 1, 60'000);
    connection_ = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char block[4096];
    while (request_.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = ::recv(connection_.get(), block, sizeof block, 0);
      if (got <= 0) return;
      request_.append(block, static_cast<std::size_t>(got));
    }
    ::send(connection_.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    if (closes) connection_.reset();
  }

  UniqueFd listener_;
  UniqueFd connection_;
  std::string request_;
  std::thread thread_;
};

Result<ControlAnswer> answer_to(const std::string& bytes, bool closes = true,
                                Milliseconds patience = Milliseconds{60'000}) {
  const test::TemporaryDirectory folder;
  const std::string path = folder / "control.sock";
  const Peer peer(path, bytes, closes);
  Result<ControlClient> client = ControlClient::connect({"site.yaml", {folder / "nobody.sock", path}});
  REQUIRE(client);
  CHECK(client->pid() == ::getpid());
  return std::move(*client).ask("GET", "/status", patience);
}

}  // namespace

TEST_CASE("control client: an answer, from the first place where somebody listens") {
  const Result<ControlAnswer> answer = answer_to("HTTP/1.1 422 No\r\nContent-Length: 4\r\nX: y\r\n\r\n\r\n\r\n");
  REQUIRE(answer);
  CHECK(answer->status == 422);
  CHECK(answer->body == "\r\n\r\n");
}

TEST_CASE("control client: what is no whole answer is not believed") {
  for (const char* bytes :
       {"SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\n\r\n{}", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        "HTTP/1.1 abc\r\nContent-Length: 0\r\n\r\n", "HTTP/1.\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}"}) {
    const Result<ControlAnswer> answer = answer_to(bytes);
    REQUIRE(!answer);
    CHECK(answer.error().context.find("the answer is cut or is not one of edge") != std::string::npos);
  }
  const Result<ControlAnswer> nothing = answer_to("");
  REQUIRE(!nothing);
  CHECK(nothing.error().context.find("closed without an answer") != std::string::npos);
}

TEST_CASE("control client: patience ends") {
  const Result<ControlAnswer> answer = answer_to("HTTP/1.1 200 OK\r\n", false, Milliseconds{1});
  REQUIRE(!answer);
  CHECK(answer.error().kind == ErrorKind::timed_out);
}

TEST_CASE("control client: nobody listens") {
  const test::TemporaryDirectory folder;
  const std::string file = folder.write("site.yaml", "app: hello\n");
  const std::string socket = folder / "control.sock";
  {
    const Result<UniqueFd> stale = open_unix_listener(socket, 1);
  }
  for (const std::string& path : {socket, std::string(folder / "none.sock"), file + "/x"}) {
    const Result<ControlClient> client = ControlClient::connect({file, {path}});
    REQUIRE(!client);
    CHECK(client.error().context == "no edge serves " + file + ": nothing listens at " + path +
                                        "; start it with `edge serve " + file + "`, or name the socket with --control");
  }
  const Result<ControlClient> gone = ControlClient::connect({folder / "gone.yaml", {socket}});
  CHECK(gone.error().context.find("there is no such file, and nothing listens") != std::string::npos);
  const Result<ControlClient> only_socket = ControlClient::connect({"", {socket}});
  CHECK(only_socket.error().context ==
        "nothing listens at " + socket + ": that is no control socket of a running edge");
  CHECK(!ControlClient::connect({"", {"/" + std::string(200, 'x')}}));
}

TEST_CASE("control client: it looks where the file says, then at the default places") {
  const test::TemporaryDirectory folder;
  const std::string file = folder.write("site.yaml", "edge: {control: run.sock}\nsites: oops\n");
  const Result<ControlPlace> place = control_place(file, "");
  REQUIRE(place);
  CHECK(place->file == file);
  REQUIRE(place->paths.size() > 1);
  CHECK(place->paths[0] == folder / "run.sock");
  const Result<ControlPlace> named = control_place("", "/run/x.sock");
  REQUIRE(named);
  CHECK(named->paths == std::vector<std::string>{"/run/x.sock"});
}
