// Reading lists of addresses, and making rules of them.
#include "cmd/access_lists.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "core/address_list.h"
#include "core/net/close_elsewhere.h"
#include "core/unique_fd.h"

namespace edge {

namespace {

constexpr std::size_t kMostBytes = std::size_t{256} << 20U;  // of a file: 4,000,000 lines with comments

std::unexpected<Error> failed(const std::string& why) {
  return fail(ErrorKind::internal, Side::ours, why);
}

/// The error is a reason.
std::expected<std::string, std::string> read_list(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat found{};
  if (!file || ::fstat(file.get(), &found) != 0) return std::unexpected(std::strerror(errno));
  if (!S_ISREG(found.st_mode)) return std::unexpected("it is no file");
  if (static_cast<std::uint64_t>(found.st_size) > kMostBytes) return std::unexpected("it is larger than 256M");
  std::string text(static_cast<std::size_t>(found.st_size), '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(std::strerror(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace

class AccessLists::Loader {
 public:
  explicit Loader(AccessLists& to) : to_(to) {}

  Result<void> read_files() {
    for (const auto& [name, list] : to_.snapshot_->lists) {
      std::vector<AddressRange>& entries = entries_[name] = list.addresses;
      if (list.file.empty()) continue;
      to_.files_.push_back({list.file, file_state(list.file)});
      const auto text = read_list(list.file);
      if (!text) {
        return failed(fmt::format("{}: lists.{}.file: {}: {}; give a file that edge's user may read",
                                  list.file_place.text(), name, list.file, text.error()));
      }
      const auto parsed = parse_address_list(*text, entries);
      if (!parsed) {
        const AddressListFault& fault = parsed.error();
        return failed(fmt::format("{}:{}:{}: {}", list.file, fault.line, fault.column, fault.message));
      }
      to_.read_.push_back(fmt::format("{}: {} entries", name, entries.size()));
    }
    return {};
  }

  void make_rules() {
    for (const config::Site& site : to_.snapshot_->sites) {
      make_rules(site.guarding.access);
      for (const config::Route& route : site.routes) make_rules(route.guarding.access);
    }
  }

 private:
  void make_rules(const std::shared_ptr<const config::AccessSettings>& settings) {
    const auto is_known = [&settings](const Made& made) {
      return made.settings == settings || *made.settings == *settings;
    };
    if (!settings || std::ranges::any_of(to_.rules_, is_known)) return;
    AddressSet::Builder addresses;
    if (settings->allow.empty()) {
      each_of(settings->deny, [&](const AddressRange& range) { addresses.add(range); });
      to_.rules_.push_back({settings, AccessRules::denying(addresses.build())});
      return;
    }
    each_of(settings->allow, [&](const AddressRange& range) { addresses.add(range); });
    each_of(settings->deny, [&](const AddressRange& range) { addresses.take_out(range); });
    to_.rules_.push_back({settings, AccessRules::allowing(addresses.build())});
  }

  void each_of(const config::AddressEntries& entries, auto take) const {
    std::ranges::for_each(entries.ranges, take);
    for (const std::string& name : entries.lists) std::ranges::for_each(entries_.at(name), take);
  }

  AccessLists& to_;
  std::map<std::string, std::vector<AddressRange>> entries_;  // by list
};

Result<std::shared_ptr<const AccessLists>> AccessLists::load(std::shared_ptr<const config::Snapshot> snapshot,
                                                             Loop& main) {
  AccessLists lists;
  lists.snapshot_ = std::move(snapshot);
  Loader loader(lists);
  if (Result<void> read = loader.read_files(); !read) return std::unexpected(std::move(read.error()));
  loader.make_rules();
  return ending_elsewhere(main, std::move(lists));
}

std::size_t AccessLists::index_of(const config::AccessSettings& settings) const {
  const auto found = std::ranges::find_if(
      rules_, [&settings](const Made& made) { return made.settings.get() == &settings || *made.settings == settings; });
  return static_cast<std::size_t>(found - rules_.begin());
}

bool AccessLists::are_current() const {
  return std::ranges::all_of(files_, [](const File& file) { return file_state(file.path) == file.state; });
}

std::shared_ptr<const AccessRules> rules_of(const std::shared_ptr<const AccessLists>& lists, std::size_t index) {
  return {lists, &lists->rules(index)};
}

std::vector<std::string> list_files(const config::Snapshot& snapshot) {
  std::vector<std::string> files;
  for (const auto& [name, list] : snapshot.lists) {
    if (!list.file.empty()) files.push_back(list.file);
  }
  std::ranges::sort(files);
  const auto twice = std::ranges::unique(files);
  files.erase(twice.begin(), twice.end());
  return files;
}

}  // namespace edge
