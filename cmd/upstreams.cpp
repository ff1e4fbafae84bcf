// Making upstreams of their settings.
#include "cmd/upstreams.h"

#include <chrono>
#include <optional>
#include <utility>

#include "core/log.h"

namespace edge {

namespace {

using TlsOfUpstream = std::shared_ptr<const TlsClientContext>;

Result<TlsOfUpstream> tls_of(const config::Upstream& upstream) {
  if (upstream.protocol != config::UpstreamProtocol::https) return TlsOfUpstream();
  const config::UpstreamTls& tls = upstream.tls;
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  CertificateCheck check;
  Result<TlsOfUpstream> made = TlsClientContext::make({tls.verify, tls.ca, tls.certificate, tls.key}, now, check);
  if (!made) {
    Error error = std::move(made.error());
    error.context = upstream.place.text() + ": upstreams." + upstream.name + ".tls: " + error.context;
    return std::unexpected(std::move(error));
  }
  for (const std::string& warning : check.warnings) log::warn("upstreams.{}.tls: {}", upstream.name, warning);
  return made;
}

}  // namespace

Result<UpstreamsByName> make_upstreams(const config::Snapshot& to, const UpstreamsByName& before,
                                       const std::vector<Loop*>& loops) {
  UpstreamsByName made;
  for (const config::Upstream& settings : to.upstreams) {
    const auto known = before.find(settings.name);
    if (known != before.end() && known->second->settings() == settings) {
      made.emplace(settings.name, known->second);
      continue;
    }
    Result<TlsOfUpstream> tls = tls_of(settings);
    if (!tls) return std::unexpected(std::move(tls.error()));
    made.emplace(settings.name, std::make_shared<Upstream>(settings, std::move(*tls), loops));
  }
  return made;
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
