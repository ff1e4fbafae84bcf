// Looks on libuv's thread pool, when a clock that ticks each minute finds that it is time.
#include "core/net/tls_ocsp.h"

#include <ctime>
#include <utility>

#include "core/log.h"
#include "core/net/tls_ocsp_fetch.h"
#include "core/net/tls_pem.h"
#include "core/net/tls_thread.h"
#include "core/net/tls_x509_text.h"

namespace edge {
namespace {

// Deadlines of a loop are of few durations, and waking by wall-clock time survives a machine that slept.
constexpr Milliseconds kTick{60'000};
constexpr Milliseconds kUntilTurn{1'000};

Result<std::string> read_answer(const std::string& path) {
  return read_small_file(path, kMostOcspBytes, "an OCSP answer in DER");
}

}  // namespace

struct OcspStapling::Look {
  explicit Look(OcspStapling& asked_by)
      : stapling(&asked_by), turn(asked_by.turn_), subject(asked_by.subject_), source(asked_by.source_) {
    request.data = this;
    turn->taken = true;
  }

  void run() {
    Result<std::string> der = (*source)(make_ocsp_request(*subject), unwanted);
    response = der ? check_ocsp_response(std::move(*der), *subject, std::time(nullptr)) : std::unexpected(der.error());
    leave_tls_thread();
  }

  uv_work_t request{};
  OcspStapling* stapling;          // null: it was destroyed meanwhile; the loop's thread only
  std::shared_ptr<OcspTurn> turn;  // the loop's thread only
  std::shared_ptr<const OcspSubject> subject;
  std::shared_ptr<const Source> source;
  std::atomic<bool> unwanted = false;
  Result<OcspResponse> response;
};

OcspStapling::OcspStapling(Loop& loop, std::shared_ptr<OcspTurn> turn, OcspSubject subject, Source source,
                           Staple staple)
    : loop_(loop),
      turn_(std::move(turn)),
      subject_(std::make_shared<const OcspSubject>(std::move(subject))),
      source_(std::make_shared<const Source>(std::move(source))),
      staple_(std::move(staple)) {
  look_if_due();
}

OcspStapling::~OcspStapling() {
  if (!look_) return;
  look_->stapling = nullptr;
  look_->unwanted = true;
}

void OcspStapling::go_on_for(OcspSubject subject, Staple staple) {
  subject_ = std::make_shared<const OcspSubject>(std::move(subject));
  staple_ = std::move(staple);
  drop_if_stale();
  if (!stapled_.empty()) staple_(stapled_);
}

void OcspStapling::look_again() {
  looks_again_ = true;
  look_if_due();
}

void OcspStapling::on_deadline() {
  drop_if_stale();
  look_if_due();
}

void OcspStapling::look_if_due() {
  const bool due = !look_ && (looks_again_ || schedule_.is_due(loop_.unix_seconds()));
  loop_.arm(*this, due && turn_->taken ? kUntilTurn : kTick);
  if (due && !turn_->taken) look();
}

void OcspStapling::look() {
  looks_again_ = false;
  look_ = new Look(*this);
  const auto run = [](uv_work_t* request) { static_cast<Look*>(request->data)->run(); };
  const auto done = [](uv_work_t* request, int) {
    const std::unique_ptr<Look> look(static_cast<Look*>(request->data));
    look->turn->taken = false;
    if (look->stapling) look->stapling->looked(*look);
  };
  uv_queue_work(loop_.uv(), &look_->request, run, done);
}

void OcspStapling::looked(Look& look) {
  look_ = nullptr;
  if (look.response) {
    schedule_.succeeded(*look.response, loop_.unix_seconds());
    log::info("{}: an OCSP answer is stapled, good until {}", subject_->file, utc_text(look.response->until));
    stapled_ = std::move(look.response->der);
    staple_(stapled_);
  } else {
    failed(look.response.error());
  }
  drop_if_stale();
  look_if_due();
}

void OcspStapling::failed(const Error& error) {
  schedule_.failed(loop_.unix_seconds());
  log::warn("{}: no new OCSP answer: {}", subject_->file, error.context);
  if (error.kind == ErrorKind::forbidden) drop();
}

void OcspStapling::drop_if_stale() {
  if (!schedule_.is_stale(loop_.unix_seconds())) return;
  log::warn("{}: the OCSP answer is too old and no longer stapled", subject_->file);
  drop();
}

void OcspStapling::drop() {
  schedule_.dropped();
  stapled_.clear();
  staple_({});
}

Result<OcspStapling::Source> ocsp_source(const std::string& setting, const OcspSubject& subject) {
  if (setting != "fetch")
    return [path = setting](const std::string&, const std::atomic<bool>&) { return read_answer(path); };
  std::string address = ocsp_address(subject);
  if (address.empty()) {
    return tls_failure(subject.file +
                       ": the certificate names no OCSP responder at http://, so nothing can be fetched and stapled; "
                       "turn `ocsp` off");
  }
  return [address = std::move(address)](const std::string& request, const std::atomic<bool>& unwanted) {
    return fetch_ocsp(address, request, unwanted);
  };
}

Result<OcspResponse> read_ocsp_file(const std::string& path, const OcspSubject& subject, std::int64_t now) {
  Result<std::string> der = read_answer(path);
  if (!der) return std::unexpected(der.error());
  Result<OcspResponse> response = check_ocsp_response(std::move(*der), subject, now);
  if (!response) return std::unexpected(Error{.context = path + ", " + response.error().context});
  return response;
}

}  // namespace edge
