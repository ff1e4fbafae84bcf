// Making upstreams of their settings.
#include "cmd/upstreams.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "core/log.h"
#include "core/net/tls_file_state.h"

namespace edge {

namespace {

using TlsOfUpstream = std::shared_ptr<const TlsClientContext>;

/// What was read as root, when it cannot be read any more; in a renewal, whatever was read before.
TlsOfUpstream kept_tls(const config::Upstream& upstream, const Upstream* before, const std::string& problem,
                       std::vector<std::string>* broken) {
  if (!before || !before->tls() || !(before->settings().tls == upstream.tls)) return {};
  if (has_denied_file(before->tls()->files())) {
    log::warn("{}; what was read before stays: let edge's user read the files, or restart edge when they have changed",
              problem);
  } else if (broken) {
    broken->push_back(problem);
  } else {
    return {};
  }
  return before->tls();
}

/// `before`: the upstream of that name in force, or null.
Result<TlsOfUpstream> tls_of(const config::Upstream& upstream, const Upstream* before,
                             std::vector<std::string>* broken) {
  if (upstream.protocol != config::UpstreamProtocol::https) return TlsOfUpstream();
  const config::UpstreamTls& tls = upstream.tls;
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  CertificateCheck check;
  Result<TlsOfUpstream> made = TlsClientContext::make({tls.verify, tls.ca, tls.certificate, tls.key}, now, check);
  if (!made) {
    Error error = std::move(made.error());
    error.context = upstream.place.text() + ": upstreams." + upstream.name + ".tls: " + error.context;
    if (TlsOfUpstream kept = kept_tls(upstream, before, error.context, broken)) return kept;
    return std::unexpected(std::move(error));
  }
  for (const std::string& warning : check.warnings) log::warn("upstreams.{}.tls: {}", upstream.name, warning);
  return made;
}

bool has_current_files(const Upstream& upstream) {
  return !upstream.tls() || upstream.tls()->is_current();
}

}  // namespace

Result<UpstreamsByName> make_upstreams(const config::Snapshot& to, const UpstreamsByName& before,
                                       const std::vector<Loop*>& loops, std::vector<std::string>* broken) {
  UpstreamsByName made;
  for (const config::Upstream& settings : to.upstreams) {
    const auto at = before.find(settings.name);
    const std::shared_ptr<Upstream> known = at == before.end() ? nullptr : at->second;
    const bool is_same = known && known->settings() == settings;
    if (is_same && has_current_files(*known)) {
      made.emplace(settings.name, known);
      continue;
    }
    Result<TlsOfUpstream> tls = tls_of(settings, known.get(), broken);
    if (!tls) return std::unexpected(std::move(tls.error()));
    const bool is_kept = is_same && *tls == known->tls();
    made.emplace(settings.name, is_kept ? known : std::make_shared<Upstream>(settings, std::move(*tls), loops));
  }
  return made;
}

bool have_current_files(const UpstreamsByName& upstreams) {
  return std::ranges::all_of(upstreams, [](const auto& one) { return has_current_files(*one.second); });
}

bool have_new_files(const UpstreamsByName& upstreams, const UpstreamsByName& before) {
  return std::ranges::any_of(upstreams, [&before](const auto& one) {
    const auto was = before.find(one.first);
    return was != before.end() && was->second != one.second && was->second->settings() == one.second->settings();
  });
}

const UpstreamKeeper* UpstreamKeepers::find(const std::string& name) const {
  const auto at = keepers_.find(name);
  return at == keepers_.end() ? nullptr : at->second.get();
}

UpstreamKeepers::ByName UpstreamKeepers::make(const UpstreamsByName& upstreams) {
  ByName made;
  for (const auto& [name, upstream] : upstreams) {
    const UpstreamKeeper* const before = find(name);
    if (before && before->upstream() == upstream) continue;
    made.emplace(name, std::make_unique<UpstreamKeeper>(main_, resolver_, upstream,
                                                        before ? before->upstream()->group() : nullptr));
  }
  return made;
}

void UpstreamKeepers::turn_to(const UpstreamsByName& upstreams, ByName made) {
  for (auto& [name, keeper] : made) keepers_[name] = std::move(keeper);
  std::erase_if(keepers_, [&upstreams](const auto& one) { return !upstreams.contains(one.first); });
}

std::vector<UpstreamStatus> UpstreamKeepers::status() const {
  std::vector<UpstreamStatus> all;
  for (const auto& [name, keeper] : keepers_) all.push_back(keeper->status());
  return all;
}

}  // namespace edge
