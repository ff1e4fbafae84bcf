// Bans: keeps the bans of the edge, brings them to every loop, and to the file in which they outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cmd/ban_list.h"
#include "cmd/control_target.h"
#include "cmd/running.h"
#include "core/net/alarm.h"

namespace edge {

/// On the main loop's thread. Changes that come close together are made known as one; what is costly about it happens
/// on the thread pool.
class Bans {
 public:
  using Done = std::move_only_function<void(BanReport)>;

  /// `running` outlives it. From now on clients can earn bans.
  explicit Bans(Running& running);
  Bans(const Bans&) = delete;
  Bans& operator=(const Bans&) = delete;

  /// Before the loops start: takes up what the file holds. Blocking. An error: the file cannot be read at all.
  Result<void> open();
  /// Takes up what the predecessor has added to the file since. Blocking.
  void take_over();
  /// Others keep the file from now on.
  void leave();
  /// The last change is in the file when it returns. Blocking; when nobody is served any more.
  void close();

  /// The answers come when every loop goes by it, and the file is written.
  void ban(const BanOrder& order, Done done);
  void lift(const AddressRange& range, Done done);
  BansReport report() const;
  std::size_t size() const { return list_.all().size(); }

 private:
  void earned(const Address& client, const BanRule& rule);
  void changed();
  void publish();
  void publish_to_loops(const std::shared_ptr<const AddressSet>& banned, const std::function<void()>& done);
  void write();
  void written(const Result<void>& result);
  void settled(const std::string& problem);
  void expire();
  std::vector<Ban> copied() const;
  bool is_kept() const { return !folder_.empty() && !left_; }
  std::string cannot_ban(const AddressRange& range) const;

  Running& running_;
  BanList list_;
  std::string folder_;                             // empty: in memory only
  std::shared_ptr<const AddressSet> published_{};  // what loops go by, or are about to
  std::vector<Done> waiting_;                      // for the changes that are not published yet
  std::vector<Done> publishing_for_;
  bool dirty_ = false;  // since the last publishing began
  bool under_way_ = false;
  bool left_ = false;
  std::string problem_;  // of the last write; empty: none
  Alarm next_{[this] { publish(); }};
  Alarm look_{[this] { expire(); }};
  std::shared_ptr<char> alive_ = std::make_shared<char>();  // expires with it, for what ends on other threads
};

}  // namespace edge
