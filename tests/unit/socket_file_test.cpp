// The files of unix sockets: their mode and owner, and what was put in their place.
#include "core/net/socket_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "core/net/listener.h"
#include "support/captured_log.h"
#include "support/temporary_directory.h"

using namespace edge;
using namespace edge::test;

namespace {

unsigned mode_of(const std::string& path) {
  struct stat found{};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 07777U;
}

}  // namespace

TEST_CASE("a unix listener has the mode that was asked for, whatever the umask") {
  const TemporaryDirectory folder;
  const mode_t before = ::umask(077);
  const Result<UniqueFd> wide = open_unix_listener(folder / "wide.sock", 1, 0666);
  ::umask(0);
  const Result<UniqueFd> narrow = open_unix_listener(folder / "narrow.sock", 1, 0600);
  ::umask(before);
  REQUIRE(wide);
  REQUIRE(narrow);
  CHECK(mode_of(folder / "wide.sock") == 0666);
  CHECK(mode_of(folder / "narrow.sock") == 0600);
  CHECK(set_socket_owner(folder / "wide.sock", ::geteuid(), ::getegid()));
}

TEST_CASE("what was put in the place of a socket keeps its mode and owner") {
  TemporaryDirectory folder;
  folder.write("secret", "x");
  REQUIRE(::chmod((folder / "secret").c_str(), 0600) == 0);
  const Result<UniqueFd> socket = open_unix_listener(folder / "real.sock", 1, 0600);
  REQUIRE(socket);
  std::filesystem::create_symlink(folder / "secret", folder / "to-file");
  std::filesystem::create_symlink(folder / "real.sock", folder / "to-socket");
  for (const char* name : {"to-file", "to-socket", "secret", "missing"}) {
    const std::string path = folder / name;
    const Result<void> moded = set_socket_mode(path, 0666);
    REQUIRE_FALSE(moded);
    CHECK(moded.error().context.starts_with(path + " cannot be given its mode: "));
    const Result<void> owned = set_socket_owner(path, ::geteuid(), ::getegid());
    REQUIRE_FALSE(owned);
    CHECK(owned.error().context.starts_with(path + " cannot be given its owner: "));
  }
  CHECK(mode_of(folder / "secret") == 0600);
  CHECK(mode_of(folder / "real.sock") == 0600);
}

TEST_CASE("a socket's file is removed, but not what stands there in its place") {
  TemporaryDirectory folder;
  const std::string path = folder / "real.sock";
  CHECK_FALSE(find_socket_file(path));
  const Result<UniqueFd> socket = open_unix_listener(path, 1);
  REQUIRE(socket);
  const std::optional<SocketFile> file = find_socket_file(path);
  REQUIRE(file);
  std::filesystem::rename(path, folder / "moved.sock");
  folder.write("real.sock", "x");
  remove_socket_file(*file);
  CHECK(std::filesystem::exists(path));
  std::filesystem::rename(folder / "moved.sock", path);
  remove_socket_file(*file);
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a file that cannot be removed is a warning that names it") {
  CapturedLog log;
  const std::optional<SocketFile> file = find_socket_file("/proc/self/status");
  REQUIRE(file);
  remove_socket_file(*file);
  CHECK(log.contains("the file of a socket, /proc/self/status, cannot be removed: "));
}
