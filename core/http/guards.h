// Guards: what a request has to pass before the handler of its route sees it: rules and authorizers.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/http/authorizer.h"
#include "core/http/response.h"
#include "core/task.h"

namespace edge {

class RequestRules;

/// Of one route and loop, or of a site and loop for requests that no route answers.
struct Guards {
  std::shared_ptr<const RequestRules> rules;  // null: none
  std::vector<std::unique_ptr<Authorizer>> authorizers;
  bool tags = false;  // rules of the site tag requests, so no client may: X-Edge-Rule is taken off

  bool any() const { return rules || tags || !authorizers.empty(); }
};

/// In this order: rules that look at the head, the authorizers, rules that look at the body. Nothing: the request may
/// pass; else what answers in its place. Authorizers find out anew who the client is; without any, the user stays whom
/// those of the route before have found. `with_rules`: false where the request was judged before, under another path.
/// Everything outlives the task.
Task<std::optional<Response>> pass(const Guards& guards, Request& request, bool with_rules);

/// For a request that need not pass: what its client says in the name of edge or of an authorizer is not believed
/// either.
void take_off_claims(const Guards& guards, Request& request);

}  // namespace edge
