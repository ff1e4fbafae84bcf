// Running programs: as whom, with which limits, and what goes wrong.
#include "core/net/program.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "core/account.h"
#include "core/capabilities.h"
#include "core/unique_fd.h"

namespace edge {
namespace {

std::string rest_of(int descriptor) {
  std::string text;
  char block[512];
  for (ssize_t size = 1; size > 0;) {
    size = read(descriptor, block, sizeof block);
    if (size > 0) text.append(block, static_cast<std::size_t>(size));
  }
  return text;
}

/// What the shell prints for `script`, run as `program` says.
std::string output_of(Program program, const std::string& script) {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  program.file = "sh";  // from PATH
  program.arguments = {"sh", "-c", script};
  program.environment = {"PATH=/usr/bin:/bin"};
  program.descriptors = {-1, write_end.get(), write_end.get()};
  const Result<pid_t> pid = program.start();
  REQUIRE(pid);
  write_end.reset();
  std::string text = rest_of(read_end.get());
  CHECK(waitpid(*pid, nullptr, 0) == *pid);
  return text;
}

}  // namespace

TEST_CASE("a program's signals are as by default, whatever ours are") {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  const auto before = std::signal(SIGUSR2, SIG_IGN);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  CHECK(output_of({}, "grep -E 'SigBlk|SigIgn' /proc/self/status") ==
        "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
  std::signal(SIGUSR2, before);
}

TEST_CASE("descriptors find their places though they stand in each other's") {
  const UniqueFd one(memfd_create("one", MFD_CLOEXEC));
  const UniqueFd two(memfd_create("two", MFD_CLOEXEC));
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const auto place = [](int descriptor) { return static_cast<std::size_t>(descriptor); };
  Program program{.file = "/bin/sh", .arguments = {"sh", "-c", ""}, .environment = {}, .descriptors = {}};
  program.descriptors.assign(place(std::max(one.get(), two.get())) + 1, -1);
  program.descriptors[1] = write_end.get();
  program.descriptors[place(one.get())] = two.get();
  program.descriptors[place(two.get())] = one.get();
  program.arguments[2] = "readlink /proc/$$/fd/" + std::to_string(one.get()) + " /proc/$$/fd/" +
                         std::to_string(two.get()) + " /proc/$$/fd/0";
  program.environment = {"PATH=/usr/bin:/bin"};
  const Result<pid_t> pid = program.start();
  REQUIRE(pid);
  write_end.reset();
  CHECK(rest_of(read_end.get()) == "/memfd:two (deleted)\n/memfd:one (deleted)\n/dev/null\n");
  CHECK(waitpid(*pid, nullptr, 0) == *pid);
}

TEST_CASE("a program's memory is limited, and it may lead a group of its own") {
  Program limited;
  limited.data_limit = 64 << 20;
  CHECK(output_of(limited, "ulimit -S -d; ulimit -H -d") == "65536\n65536\n");
  const std::string leads = "read pid name state parent group rest < /proc/$$/stat; echo $((group == $$))";
  CHECK(output_of({}, leads) == "0\n");
  Program leader;
  leader.own_group = true;
  CHECK(output_of(leader, leads) == "1\n");
}

TEST_CASE("a program runs as an account, with its groups and without rights") {
  if (!may_change_user()) return;
  Program program;
  program.account = Account{5, 60, {60, 54321}, "games", "/"};
  CHECK(output_of(program, "id -u; id -g; id -G; grep -E 'CapInh|CapPrm|CapAmb' /proc/self/status") ==
        "5\n60\n60 54321\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapAmb:\t0000000000000000\n");
}

TEST_CASE("who cannot become an account does not run") {
  Program program{.file = "/bin/true", .arguments = {"true"}, .environment = {}, .descriptors = {}};
  program.account = Account{5, 60, std::vector<gid_t>(70'000, 60), "games", "/"};  // more than the kernel takes
  const Result<pid_t> named = program.start();
  REQUIRE_FALSE(named);
  CHECK(named.error().context.starts_with("cannot run /bin/true as user games: "));
  program.account->name.clear();
  const Result<pid_t> unnamed = program.start();
  REQUIRE_FALSE(unnamed);
  CHECK(unnamed.error().context.starts_with("cannot run /bin/true with group 60: "));
  program.account.reset();
  program.descriptors = {1'000'000};
  const Result<pid_t> without = program.start();
  REQUIRE_FALSE(without);
  CHECK(without.error().context == "cannot run /bin/true: its descriptors: bad file descriptor");
}

TEST_CASE("accounts") {
  const Result<Account> user = Account::find("games", "");
  REQUIRE(user);
  CHECK(user->user == 5);
  CHECK(user->group == 60);
  CHECK(user->groups == std::vector<gid_t>{60});
  CHECK(user->name == "games");
  CHECK(user->home == "/usr/games");
  const Result<Account> both = Account::find("games", "daemon");
  REQUIRE(both);
  CHECK(both->user == 5);
  CHECK(both->group == 1);
  CHECK(both->groups.front() == 1);
  const Result<Account> group = Account::find("", "daemon");
  REQUIRE(group);
  CHECK(group->user == geteuid());
  CHECK(group->groups == std::vector<gid_t>{1});
  CHECK(group->name.empty());
  CHECK(Account::find("no-such-user", "").error().context == "there is no user no-such-user");
  CHECK(Account::find("games", "no-such-group").error().context == "there is no group no-such-group");
}

}  // namespace edge
