// Addresses: what is opened beside what is open, given another owner, adjusted and closed.
#include "cmd/addresses.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <utility>

#include "support/as_nobody.h"
#include "support/captured_log.h"
#include "support/temporary_directory.h"

using namespace edge;
using edge::test::AsNobody;
using edge::test::CapturedLog;
using edge::test::TemporaryDirectory;

namespace {

config::Listen tcp(const char* address, int line = 1) {
  config::Listen listen;
  listen.place = {"site.yaml", line, 1};
  listen.address = *Address::parse(address);
  listen.text = address;
  return listen;
}

config::Listen unix_socket(const std::string& path) {
  config::Listen listen;
  listen.place = {"site.yaml", 1, 1};
  listen.unix_path = path;
  return listen;
}

config::Snapshot with_site(std::vector<config::Listen> listen) {
  config::Snapshot snapshot;
  snapshot.sites.emplace_back().listen = std::move(listen);
  return snapshot;
}

config::Snapshot with_app(const std::string& name, config::Listen socket) {
  config::Snapshot snapshot;
  config::App& app = snapshot.apps.emplace_back();
  app.name = name;
  app.socket = std::move(socket);
  return snapshot;
}

Inheritance nothing;

Addresses::Change change(Addresses& addresses, const config::Snapshot& to) {
  Result<Addresses::Added> added = addresses.open(to, 2);
  REQUIRE_MESSAGE(added, added.error().context);
  return addresses.turn_to(to, std::move(added->addresses));
}

/// How many clients may wait.
unsigned backlog(const UniqueFd& listening) {
  tcp_info info{};
  socklen_t size = sizeof info;
  REQUIRE(getsockopt(listening.get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
  return info.tcpi_sacked;
}

}  // namespace

TEST_CASE("addresses: what both configurations have stays open, the rest comes and goes") {
  CapturedLog log;
  Addresses addresses(nothing);
  const config::Snapshot first = with_site({tcp("127.0.0.1:0"), tcp("127.0.0.2:0")});
  CHECK(change(addresses, first).opened == 2);
  const std::string http = addresses.http();
  CHECK(http.starts_with("http://127.0.0.1:"));

  const config::Snapshot second = with_site({tcp("127.0.0.1:0"), tcp("127.0.0.3:0")});
  Result<Addresses::Added> added = addresses.open(second, 2);
  REQUIRE(added);
  CHECK(added->listeners.size() == 2);
  CHECK(added->listeners[0].size() == 1);
  CHECK(added->listeners[0][0].address == added->listeners[1][0].address);
  const Addresses::Change done = addresses.turn_to(second, std::move(added->addresses));
  CHECK(done.opened == 1);
  CHECK(done.closed == 1);
  CHECK(addresses.http() == http);
  CHECK(log.contains("no longer listening on http://127.0.0.2:"));
  CHECK(change(addresses, second).opened == 0);
}

TEST_CASE("addresses: what was opened in vain is closed again, its file removed") {
  const TemporaryDirectory folder;
  Addresses addresses(nothing);
  const config::Snapshot good = with_site({unix_socket(folder / "a.sock")});
  {
    const Result<Addresses::Added> added = addresses.open(good, 2);
    REQUIRE(added);
    CHECK(std::filesystem::exists(folder / "a.sock"));
  }
  CHECK_FALSE(std::filesystem::exists(folder / "a.sock"));
  const config::Snapshot half = with_site({unix_socket(folder / "a.sock"), unix_socket(folder / "no" / "b.sock")});
  CHECK_FALSE(addresses.open(half, 2));
  CHECK_FALSE(std::filesystem::exists(folder / "a.sock"));
}

TEST_CASE("addresses: a socket gets another owner without being closed") {
  CapturedLog log;
  const TemporaryDirectory folder;
  const std::string path = folder / "a.sock";
  Addresses addresses(nothing);
  change(addresses, with_app("blog", unix_socket(path)));
  const config::Snapshot to = with_app("shop", unix_socket(path));
  Result<Addresses::Added> added = addresses.open(to, 2);
  REQUIRE_MESSAGE(added, added.error().context);
  CHECK(added->listeners[1].at(0).app == &to.apps[0]);
  const Addresses::Change done = addresses.turn_to(to, std::move(added->addresses));
  CHECK(done.opened == 1);
  CHECK(done.closed == 1);
  CHECK(std::filesystem::exists(path));
  CHECK(log.contains("(app shop)"));
  change(addresses, with_site({tcp("127.0.0.1:0")}));
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("addresses: another process may be given each socket once, and then has its file") {
  const TemporaryDirectory folder;
  const std::string path = folder / "a.sock";
  config::Listen gone = tcp("127.0.0.2:0");
  Addresses addresses(nothing);
  change(addresses, with_site({gone, unix_socket(path)}));
  config::Snapshot both = with_app("blog", tcp("127.0.0.1:0"));
  both.sites = with_site({unix_socket(path)}).sites;
  change(addresses, both);
  const std::vector<Addresses::Shared> shared = addresses.to_share();
  REQUIRE(shared.size() == 2);
  CHECK(shared[0].key == "unix:" + path);
  CHECK(shared[0].sockets.size() == 1);
  CHECK(shared[1].key == "127.0.0.1:0 of app blog");
  CHECK(shared[1].sockets.size() == 2);
  addresses.leave({shared[0].key});
  addresses.close();
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("addresses: files that another process had are this one's from then on") {
  const TemporaryDirectory folder;
  const std::string path = folder / "a.sock";
  Addresses addresses(nothing);
  change(addresses, with_site({unix_socket(path)}));
  addresses.leave({"unix:" + path});
  addresses.own_files();
  addresses.close();
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("addresses: the backlog and the mode of what stays change in place") {
  const TemporaryDirectory folder;
  Addresses addresses(nothing);
  config::Snapshot snapshot = with_app("blog", unix_socket(folder / "a.sock"));
  snapshot.sites.emplace_back().listen = {tcp("127.0.0.1:0")};
  snapshot.sites[0].listen[0].backlog = 7;
  Result<Addresses::Added> added = addresses.open(snapshot, 1);
  REQUIRE(added);
  const UniqueFd of_loop = std::move(added->listeners[0].at(0).socket);
  addresses.turn_to(snapshot, std::move(added->addresses));
  CHECK(backlog(of_loop) == 7);
  snapshot.sites[0].listen[0].backlog = 9;
  snapshot.apps[0].socket_mode = 0606;
  CHECK(change(addresses, snapshot).problems.empty());
  CHECK(backlog(of_loop) == 9);
  const auto mode = std::filesystem::status(folder / "a.sock").permissions();
  CHECK(static_cast<unsigned>(mode) == 0606);
  std::filesystem::remove(folder / "a.sock");
  snapshot.apps[0].socket_mode = 0600;
  CHECK(change(addresses, snapshot).problems.size() == 1);
}

TEST_CASE("addresses: of two that share a port one cannot take the place of the other") {
  Addresses addresses(nothing);
  change(addresses, with_site({tcp("127.0.0.1:0")}));
  const std::string port = addresses.http().substr(addresses.http().rfind(':'));
  const Result<Addresses::Added> added = addresses.open(with_site({tcp(("0.0.0.0" + port).c_str(), 5)}), 1);
  REQUIRE_FALSE(added);
  CHECK(added.error().context.starts_with("site.yaml:5:1: cannot listen on 0.0.0.0" + port));
  CHECK(added.error().context.find("; edge itself listens on " + addresses.http()) != std::string::npos);
}

TEST_CASE("addresses: one that turns to TLS, or from it, is called by its new name") {
  CapturedLog log;
  Addresses addresses(nothing);
  change(addresses, with_site({tcp("127.0.0.1:0")}));
  const std::string where = addresses.http().substr(7);
  config::Snapshot secure = with_site({tcp("127.0.0.1:0")});
  secure.sites[0].listen[0].tls = true;
  CHECK(change(addresses, secure).opened == 0);
  CHECK(addresses.http() == "https://" + where);
  CHECK(log.contains("listening on https://" + where + ", no longer on http://" + where));
  change(addresses, with_site({tcp("127.0.0.1:0")}));
  CHECK(addresses.http() == "http://" + where);
}

TEST_CASE("addresses: a socket in a folder that edge may write to no more says so, and what to do") {
  const TemporaryDirectory folder;
  REQUIRE(chmod(folder.path().c_str(), 0755) == 0);
  std::filesystem::create_directory(folder / "shut");
  Addresses addresses(nothing);
  config::Snapshot app = with_app("blog", unix_socket(folder / "shut" / "a.sock"));
  change(addresses, app);
  REQUIRE(chmod((folder / "shut").c_str(), 0) == 0);
  {
    const AsNobody nobody;
    app.process.user = "www-data";
    app.sites = with_site({unix_socket(folder / "shut" / "b.sock")}).sites;
    const std::string path = folder / "shut" / "b.sock";
    CHECK(addresses.open(app, 1).error().context ==
          "site.yaml:1:1: cannot listen on unix:" + path + ": Permission denied: the folder " +
              (folder / "shut").string() +
              " cannot be written to; edge has given up the rights of root since it was started: let www-data write to "
              "that folder, or restart edge");
    app.sites.clear();
    REQUIRE(addresses.open(app, 1));
    app.apps[0].socket_mode = 0606;
    const std::vector<std::string> problems = change(addresses, app).problems;
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].ends_with("; let edge's user write to that folder, or restart edge"));
  }
  REQUIRE(chmod((folder / "shut").c_str(), 0700) == 0);
}

TEST_CASE("addresses: a socket whose folder is missing says so") {
  const TemporaryDirectory folder;
  const std::string missing = folder / "no";
  Addresses addresses(nothing);
  const Result<Addresses::Added> added = addresses.open(with_site({unix_socket(missing + "/a.sock")}), 1);
  REQUIRE_FALSE(added);
  CHECK(added.error().context.ends_with("No such file or directory; make the folder " + missing));
}
