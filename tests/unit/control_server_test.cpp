// The control socket over a real unix socket: its file, who may use it, every resource, and clients that leave.
#include "cmd/control_server.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cmd/control_json.h"
#include "support/captured_log.h"
#include "support/temporary_directory.h"

using namespace edge;

namespace {

/// Answers at once, or when the test says so.
struct FakeTarget final : ControlTarget {
  std::vector<std::string> apps() override { return {"blog", "shop"}; }
  void status(Answer<ServiceStatus> done) override {
    ServiceStatus now;
    now.version = "1.2";
    now.state = "serving";
    now.apps.push_back(AppStatus{.name = "blog", .state = "serving", .generation = 3});
    done(std::move(now));
  }
  void reload(Answer<ReloadReport> done) override { reloads.push_back(std::move(done)); }
  void restart(const std::string& app, Answer<SwapResult> done) override {
    asked.push_back("restart " + app);
    done(SwapResult{.ok = true, .generation = 4});
  }
  void rollback(const std::string& app, Answer<SwapResult> done) override {
    asked.push_back("rollback " + app);
    done(SwapResult{.ok = false, .generation = 4, .error = "nothing is kept"});
  }
  void reopen(Answer<ReopenReport> done) override {
    asked.emplace_back("reopen");
    done({.ok = true});
  }
  void upgrade(Answer<UpgradeReport> done) override {
    asked.emplace_back("upgrade");
    done({.ok = false, .error = "pid 4711 ended with status 1"});
  }
  void ban(const BanOrder& order, Answer<BanReport> done) override {
    asked.push_back("ban " + order.range.text() + " " + std::to_string(order.duration.count()) + " " + order.why);
    done({.ok = true, .address = order.range.text()});
  }
  void unban(const AddressRange& range, Answer<BanReport> done) override {
    asked.push_back("unban " + range.text());
    done({.ok = false, .address = range.text(), .error = "it is not banned"});
  }
  void bans(Answer<BansReport> done) override { done({.total = 7}); }
  void stop() override { asked.emplace_back("stop"); }

  std::vector<std::string> asked;
  std::vector<Answer<ReloadReport>> reloads;
};

int connect_to(const std::string& path) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  std::memcpy(where.sun_path, path.c_str(), path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0);
  return fd;
}

class Control {
 public:
  Control() {
    Result<std::unique_ptr<ControlServer>> opened = ControlServer::open(loop, path, target);
    REQUIRE(opened);
    server = std::move(*opened);
  }
  ~Control() {
    if (server) close();
  }
  void close() {
    bool closed = false;
    server->close([&closed] { closed = true; });
    while (!closed) uv_run(loop.uv(), UV_RUN_ONCE);
    server.reset();
  }

  UniqueFd send(std::string_view request) {
    UniqueFd client(connect_to(path));
    REQUIRE(::send(client.get(), request.data(), request.size(), MSG_NOSIGNAL) == std::ssize(request));
    turn();
    return client;
  }
  void turn() {
    for (int i = 0; i < 4; ++i) uv_run(loop.uv(), UV_RUN_NOWAIT);
  }
  /// What has come, without waiting.
  static std::string received(const UniqueFd& client) {
    std::string text;
    char block[65536];
    ssize_t got;
    while ((got = ::recv(client.get(), block, sizeof block, 0)) > 0) text.append(block, static_cast<std::size_t>(got));
    return text;
  }
  std::string ask(const std::string& method_and_path) {
    return received(send(method_and_path + " HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n"));
  }

  test::TemporaryDirectory folder;
  std::string path = folder / "control.sock";
  FakeTarget target;
  Loop loop;
  std::unique_ptr<ControlServer> server;
};

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

constexpr std::string_view kReload = "POST /reload HTTP/1.1\r\nHost: edge\r\n\r\n";

}  // namespace

TEST_CASE("control: the socket is its user's alone, and its file goes with it") {
  Control control;
  struct stat made{};
  REQUIRE(::stat(control.path.c_str(), &made) == 0);
  CHECK((made.st_mode & 07777) == 0600);
  control.close();
  CHECK(::stat(control.path.c_str(), &made) != 0);
}

TEST_CASE("control: a file that another process made since is left alone") {
  Control control;
  REQUIRE(::unlink(control.path.c_str()) == 0);
  control.folder.write("control.sock", "another's");
  control.close();
  CHECK(::access(control.path.c_str(), F_OK) == 0);
}

TEST_CASE("control: a second edge is told of the first, a stale socket is replaced") {
  Control control;
  FakeTarget target;
  const auto second = ControlServer::open(control.loop, control.path, target);
  REQUIRE(!second);
  CHECK(holds(second.error().context, "another edge (pid " + std::to_string(::getpid()) + ")"));
  CHECK(holds(second.error().context, control.path));

  const std::string stale = control.folder / "stale.sock";
  {
    const Result<UniqueFd> dead = open_unix_listener(stale, 1);
    REQUIRE(dead);
  }
  auto third = ControlServer::open(control.loop, stale, target);
  REQUIRE(third);
  (*third)->close([] {});
  control.turn();
}

TEST_CASE("control: a path that cannot be used is an error that says why") {
  Control control;
  control.folder.write("file", "");
  for (const std::string path :
       {control.folder / "missing/control.sock", control.folder / "file", control.folder / std::string(120, 'x')}) {
    const auto opened = ControlServer::open(control.loop, path, control.target);
    REQUIRE(!opened);
    CHECK(opened.error().context.starts_with("cannot listen on unix:" + path + ": "));
  }
}

TEST_CASE("control: every resource answers with JSON") {
  Control control;
  const std::string status = control.ask("GET /status");
  CHECK(status.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(holds(status, "Content-Type: application/json\r\n"));
  CHECK(holds(status, "Cache-Control: no-store\r\n"));
  const Result<ServiceStatus> parsed = parse_status(status.substr(status.find("\r\n\r\n")));
  REQUIRE(parsed);
  CHECK(parsed->version == "1.2");
  CHECK(parsed->apps.at(0).generation == 3);
  CHECK(control.ask("HEAD /status").ends_with("\r\n\r\n"));

  const std::string restarted = control.ask("POST /apps/blog/restart");
  CHECK(restarted.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(holds(restarted, "\"generation\": 4"));
  const std::string kept = control.ask("POST /apps/shop/rollback");
  CHECK(kept.starts_with("HTTP/1.1 422 "));
  CHECK(holds(kept, "\"error\": \"nothing is kept\""));
  CHECK(control.ask("POST /reopen").starts_with("HTTP/1.1 200 OK\r\n"));
  const std::string upgrade = control.ask("POST /upgrade");
  CHECK(upgrade.starts_with("HTTP/1.1 422 "));
  CHECK(parse_upgrade_report(upgrade.substr(upgrade.find("\r\n\r\n")))->error == "pid 4711 ended with status 1");
  CHECK(control.ask("POST /stop").starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(control.target.asked == std::vector<std::string>{"restart blog", "rollback shop", "reopen", "upgrade", "stop"});
}

TEST_CASE("control: bans are set, lifted and shown") {
  Control control;
  CHECK(control.ask("POST /ban?address=10.0.0.0%2F8&for=5000&why=a%20b").starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(control.ask("POST /unban?address=::1").starts_with("HTTP/1.1 422 "));
  CHECK(holds(control.ask("GET /bans"), "\"total\": 7"));
  CHECK(control.target.asked == std::vector<std::string>{"ban 10.0.0.0/8 5000 a b", "unban ::1"});
  const std::string wrong = control.ask("POST /ban?address=nobody");
  CHECK(wrong.starts_with("HTTP/1.1 400 "));
  CHECK(holds(wrong, "is no address or network"));
  CHECK(control.ask("GET /ban?address=::1").starts_with("HTTP/1.1 405 "));
}

TEST_CASE("control: what cannot be asked is refused with what can") {
  Control control;
  const std::string path = control.ask("GET /statsu");
  CHECK(path.starts_with("HTTP/1.1 404 "));
  CHECK(holds(path, "there is no /statsu; did you mean `/status`?"));
  CHECK(holds(path, "/apps/NAME/rollback"));
  for (const char* odd : {"/", "/apps", "/apps/", "/apps//restart", "/apps/restart", "/apps/blog", "/status/"}) {
    CHECK(control.ask("POST " + std::string(odd)).starts_with("HTTP/1.1 404 "));
  }
  const std::string app = control.ask("POST /apps/blgo/restart");
  CHECK(app.starts_with("HTTP/1.1 404 "));
  CHECK(holds(app, "there is no app `blgo`; did you mean `blog`?"));
  CHECK(holds(control.ask("POST /apps/wiki/rollback"), "there is no app `wiki`; there is blog, shop"));
  const std::string method = control.ask("GET /reload");
  CHECK(method.starts_with("HTTP/1.1 405 "));
  CHECK(holds(method, "Allow: POST\r\n"));
  CHECK(holds(control.ask("POST /status"), "Allow: GET, HEAD\r\n"));
  CHECK(control.ask("GET /nowhere?\xff%00").starts_with("HTTP/1.1 4"));
  CHECK(control.target.asked.empty());
}

TEST_CASE("control: a body that is too large is refused unread") {
  Control control;
  const UniqueFd client = control.send("POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 4097\r\n\r\n");
  CHECK(Control::received(client).starts_with("HTTP/1.1 413 "));
  CHECK(control.target.reloads.empty());
}

TEST_CASE("control: an answer waits until what was asked for is done") {
  Control control;
  const UniqueFd client = control.send(kReload);
  REQUIRE(control.target.reloads.size() == 1);
  CHECK(Control::received(client).empty());
  control.target.reloads[0](ReloadReport{.ok = false, .problems = {"site.yaml:1:1: wrong"}});
  control.turn();
  const std::string answer = Control::received(client);
  CHECK(answer.starts_with("HTTP/1.1 422 "));
  CHECK(holds(answer, "site.yaml:1:1: wrong"));
}

TEST_CASE("control: when the client leaves, what was asked for goes on, and its answer is dropped") {
  Control control;
  {
    const UniqueFd client = control.send(kReload);
  }
  control.turn();
  REQUIRE(control.target.reloads.size() == 1);
  control.target.reloads[0](ReloadReport{.ok = true});
  CHECK(control.ask("GET /status").starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("control: closing answers what is under way, and does not wait for ever for what never ends") {
  Control control;
  const UniqueFd patient = control.send(kReload);
  bool closed = false;
  control.server->close([&closed] { closed = true; });
  control.turn();
  CHECK(!closed);
  SUBCASE("what ends in time is answered") {
    control.target.reloads.at(0)(ReloadReport{.ok = true});
    control.turn();
    CHECK(Control::received(patient).starts_with("HTTP/1.1 200 OK\r\n"));
  }
  SUBCASE("what does not end is cut, and may answer afterwards") {}
  while (!closed) uv_run(control.loop.uv(), UV_RUN_ONCE);
  control.server.reset();
  for (auto& late : control.target.reloads) {
    if (late) late(ReloadReport{.ok = true});
  }
}

TEST_CASE("control: too many connections at once are closed with a word in the log") {
  test::CapturedLog log;
  Control control;
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 64; ++i) clients.push_back(control.send(kReload));
  const UniqueFd one_more = control.send("");
  char byte;
  for (int i = 0; i < 8; ++i) control.turn();
  CHECK(::recv(one_more.get(), &byte, 1, 0) == 0);
  CHECK(log.contains("64 connections are open"));
  clients.clear();
  control.turn();
  CHECK(control.ask("GET /status").starts_with("HTTP/1.1 200 OK\r\n"));
}
