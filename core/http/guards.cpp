// The order of the guards.
#include "core/http/guards.h"

#include <utility>

#include "core/http/claimed_fields.h"
#include "core/http/request_rules.h"

namespace edge {

Task<std::optional<Response>> pass(const Guards& guards, Request& request, bool with_rules) {
  if (guards.tags && with_rules) forget_claims(request.headers, kRuleHeader);
  const RequestRules* const rules = with_rules ? guards.rules.get() : nullptr;
  if (rules) {
    if (std::optional<Response> refusal = rules->judge_head(request)) co_return refusal;
  }
  if (!guards.authorizers.empty()) request.user = request.auth_type = {};
  for (const auto& authorizer : guards.authorizers) {
    std::optional<Response> refusal = co_await authorizer->authorize(request);
    if (refusal) co_return refusal;
  }
  if (!rules || !rules->looks_at_bodies()) co_return std::nullopt;
  std::optional<Response> refusal = co_await rules->judge_body(request);
  co_return refusal;
}

void take_off_claims(const Guards& guards, Request& request) {
  if (guards.tags) forget_claims(request.headers, kRuleHeader);
  if (guards.tags && !request.rule_tag.empty()) request.headers.add(kRuleHeader, request.rule_tag);
  for (const auto& authorizer : guards.authorizers) authorizer->take_off_claims(request);
}

}  // namespace edge
