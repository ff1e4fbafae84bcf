// Reading users files, at first and again.
#include "cmd/users_files.h"

#include <utility>
#include <vector>

#include "config/machine.h"
#include "core/log.h"
#include "core/net/close_elsewhere.h"

namespace edge {

namespace {

constexpr Milliseconds kLookForChanges{1'000};

/// Blocks. True: the users are others than before.
Result<bool> read(UsersFile& file) {
  const config::ThisMachine machine([](const std::string&) { return std::nullopt; });
  const auto text = machine.read(file.path());
  if (text) return file.take(*text);
  return fail(ErrorKind::internal, Side::ours,
              file.path() + " cannot be read: " + text.error() + "; let edge's user read it");
}

/// What is wrong is logged, and those who were in the file before stay.
void renew(UsersFile& file) {
  const Result<bool> changed = read(file);
  if (!changed) {
    log::error("basic_auth: {}: what it held before goes on", changed.error().context);
  } else if (*changed) {
    log::info("basic_auth: {} was read again: {} users", file.path(), file.users()->size());
  }
}

}  // namespace

Result<UsersFiles> read_users_files(const config::Snapshot& snapshot, const UsersFiles& before) {
  UsersFiles files;
  const auto add = [&](const std::optional<config::BasicAuth>& auth) -> Result<void> {
    if (!auth || files.contains(auth->users_file)) return {};
    if (const auto known = before.find(auth->users_file); known != before.end()) {
      renew(*known->second);
      files.insert(*known);
      return {};
    }
    const auto file = std::make_shared<UsersFile>(auth->users_file);
    if (const Result<bool> taken = read(*file); !taken) {
      return fail(ErrorKind::internal, Side::ours, auth->place.text() + ": basic_auth: " + taken.error().context);
    }
    files.emplace(auth->users_file, file);
    return {};
  };
  for (const config::Site& site : snapshot.sites) {
    if (Result<void> added = add(site.basic_auth); !added) return std::unexpected(std::move(added.error()));
    for (const config::Route& route : site.routes) {
      if (Result<void> added = add(route.basic_auth); !added) return std::unexpected(std::move(added.error()));
    }
  }
  return files;
}

void UsersWatch::turn_to(const UsersFiles& files) {
  if (files == files_) return;
  files_ = files;
  watch_.reset();
  if (files_.empty()) return;
  std::vector<std::string> patterns;
  for (const auto& [path, file] : files_) patterns.push_back(literal_pattern(path));
  const auto are_current = [] { return false; };  // nobody knows; to read them once more costs little
  watch_ = std::make_unique<PathWatch>(
      main_, patterns, kLookForChanges, [this](const std::string&) { read_again(); }, are_current);
}

void UsersWatch::read_again() const {
  run_elsewhere(main_, [files = files_] {
    for (const auto& [path, file] : files) renew(*file);
  });
}

}  // namespace edge
