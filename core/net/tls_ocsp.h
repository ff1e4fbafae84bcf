// OcspStapling: keeps the OCSP answer of one certificate fresh, from the responder or from a file.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "core/net/deadline.h"
#include "core/net/loop.h"
#include "core/net/tls_ocsp_response.h"
#include "core/net/tls_ocsp_schedule.h"

namespace edge {

/// Shared by the staplings of a loop, so that responders which hang keep one thread of the pool and not all of them.
struct OcspTurn {
  bool taken = false;
};

/// On its loop's thread; it asks on the thread pool, and never twice at once. Nothing waits for it: until there is an
/// answer, nothing is stapled. What is stapled was checked, and is withdrawn before it is too old, or when the
/// certificate turns out to be revoked. Each success is logged (info), each failure too (warn), which is at most once a
/// minute and, when it lasts, once an hour.
class OcspStapling final : Deadline {
 public:
  /// DER, unchecked, for a request in DER. Runs on the thread pool, may block for seconds, and gives up once `unwanted`
  /// turns true. Must not touch what belongs to a loop.
  using Source = std::function<Result<std::string>(const std::string& request, const std::atomic<bool>& unwanted)>;
  /// `der`: what is to be stapled from now on; empty: nothing any more.
  using Staple = std::move_only_function<void(std::string der)>;

  /// Looks as soon as nobody else with the same turn does, and then as OcspSchedule says.
  OcspStapling(Loop& loop, std::shared_ptr<OcspTurn> turn, OcspSubject subject, Source source, Staple staple);
  OcspStapling(const OcspStapling&) = delete;
  OcspStapling& operator=(const OcspStapling&) = delete;
  /// At any time but within `staple`: a look that is under way ends by itself, soon and without effect.
  ~OcspStapling();

  /// From now on it is for another place where the same certificate is shown: `staple` takes the place of the one
  /// before, and is given at once what is stapled.
  void go_on_for(OcspSubject subject, Staple staple);

  /// Looks again soon, for instance because the file changed.
  void look_again();

 private:
  struct Look;

  void on_deadline() override;
  void look_if_due();
  void look();
  void looked(Look& look);
  void failed(const Error& error);
  void drop_if_stale();
  void drop();

  Loop& loop_;
  std::shared_ptr<OcspTurn> turn_;              // shared with the look
  std::shared_ptr<const OcspSubject> subject_;  // shared with the look
  std::shared_ptr<const Source> source_;        // shared with the look
  Staple staple_;
  std::string stapled_;  // DER
  OcspSchedule schedule_;
  Look* look_ = nullptr;  // under way; owned by the thread pool's answer
  bool looks_again_ = false;
};

/// Where the answer of `subject` comes from: `setting` is "fetch", or the absolute path of a file in DER. Error: the
/// certificate names no responder that could be asked over plain http.
Result<OcspStapling::Source> ocsp_source(const std::string& setting, const OcspSubject& subject);

/// The file's answer, checked; for `edge check`, and to begin with. Blocking. Errors name the file. `now`: seconds
/// since the epoch.
Result<OcspResponse> read_ocsp_file(const std::string& path, const OcspSubject& subject, std::int64_t now);

}  // namespace edge
