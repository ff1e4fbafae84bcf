// RunningPool: an AppPool with a real Python behind it, for tests of its life. Header only.
#pragma once

#include <csignal>
#include <deque>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "appserver/app_pool.h"
#include "support/fake_request.h"
#include "support/temporary_directory.h"

namespace edge::test {

inline constexpr const char* kHello = R"(
import os, signal, sys
def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/die":
        os.kill(os.getpid(), signal.SIGKILL)
    if path == "/print":
        print("a line for the log")
    if path == "/slow":
        signal.sigtimedwait([signal.SIGUSR2], 0.3)
    if path == "/hang":
        print("hanging")
        signal.sigwait([signal.SIGUSR2])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
)";

/// A pool with two loops on threads of their own; the main loop is the test's thread.
class Pool {
 public:
  explicit Pool(config::App app, const AppPool::Habits& habits = {}) {
    std::vector<Loop*> pointers;
    for (int i = 0; i < 2; ++i) pointers.push_back(&loops_.emplace_back(i));
    pool = std::make_unique<AppPool>(main, pointers, app, folder.path().string(), "/proc/self/exe", habits);
    for (Loop& loop : loops_) threads_.emplace_back([&loop] { loop.run(); });
  }
  ~Pool() {
    stop();
    for (Loop& loop : loops_) loop.post([&loop] { loop.stop(); });
    for (std::thread& thread : threads_) thread.join();
  }

  bool start() {
    bool result = false;
    pool->start([&](bool started) {
      result = started;
      main.stop();
    });
    main.run();
    return result;
  }
  void stop() {
    if (std::exchange(stopped_, true)) return;
    pool->stop([this] { main.stop(); });
    main.run();
  }

  /// Runs the main loop turn by turn.
  template <class Condition>
  void run_until(Condition holds) {
    while (!holds()) {
      main.post([this] { main.stop(); });
      main.run();
    }
  }

  struct Got {
    int status;
    std::string body;
  };
  /// One request on one of the loops; the main loop goes on supervising meanwhile.
  Got get(std::string_view target, std::size_t loop = 0) {
    Got got{};
    begin(target, loop, [this, &got](Got answer) {
      got = std::move(answer);
      main.stop();
    });
    main.run();
    return got;
  }
  /// `then` runs on the main loop.
  void begin(std::string_view target, std::size_t loop, std::move_only_function<void(Got)> then) {
    auto* const client = new Client{*this, std::string(target), std::move(then), {}, {}, {}};
    loops_[loop].post([client, on = &loops_[loop]] { client->begin(*on); });
  }

  /// Everything posted to that loop before has been done.
  void settle(std::size_t loop) {
    loops_[loop].post([this] { main.post([this] { main.stop(); }); });
    main.run();
  }

  TemporaryDirectory folder;
  Loop main;
  std::unique_ptr<AppPool> pool;

 private:
  struct Client {
    Pool& in;
    std::string target;
    std::move_only_function<void(Got)> then;
    std::unique_ptr<FakeRequest> fake;
    std::unique_ptr<Handler> handler;
    Task<Response> task;

    void begin(Loop& loop) {
      fake = std::make_unique<FakeRequest>(loop, "GET", target);
      handler = in.pool->handler(loop, "");
      task = handler->handle(fake->request);
      if (task.done()) return end();
      task.on_done({[](void* self) { static_cast<Client*>(self)->end(); }, this});
    }
    void end() {
      const Response response = task.take();
      Got got{response.status, {}};
      if (const auto* bytes = std::get_if<std::string_view>(&response.body)) got.body = *bytes;
      in.main.post([tell = std::move(then), got = std::move(got)]() mutable { tell(std::move(got)); });
      fake->request.loop.post([this] { delete this; });
    }
  };

  std::deque<Loop> loops_;
  std::vector<std::thread> threads_;
  bool stopped_ = false;
};

struct HelloApp {
  HelloApp() {
    app.name = "hello";
    app.place = {"site.yaml", 3, 7};
    app.wsgi_file = folder.write("hello.py", kHello).string();
    app.chdir = folder.path().string();
    app.python = "/usr/bin/python3";
    app.processes = 2;
    app.restart_delay = Milliseconds(1);
  }
  TemporaryDirectory folder;
  config::App app;
};

/// Not so much as a zombie counts: an orphan is init's to reap.
inline bool is_alive(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string stat;
  return std::getline(file, stat) && stat[stat.rfind(')') + 2] != 'Z';
}

}  // namespace edge::test
