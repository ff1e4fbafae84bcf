// RequestRules: what configuration forbids, logs or marks of requests, by patterns of method, path, query, headers and
// body.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/pattern.h"
#include "core/http/response.h"
#include "core/http/router.h"
#include "core/task.h"

namespace edge {

/// The header by which apps learn of tags.
inline constexpr std::string_view kRuleHeader = "X-Edge-Rule";

/// All conditions that are given must hold. A text on which a pattern has to be given up counts as one that matches.
struct RequestRule {
  enum class Action : std::uint8_t { deny, log, tag };
  struct Header {
    std::string name;
    Pattern pattern;  // of any field of that name; where there is none, of an empty text
  };

  std::string name;
  std::vector<std::string> methods;  // empty: any
  std::optional<RoutePath> path;     // of the decoded path, or of the path as it was sent
  std::optional<Pattern> query;      // as it was sent, or decoded
  std::vector<Header> headers;
  std::optional<Pattern> body;  // of texts and forms; of forms also decoded
  Action action = Action::deny;
  int status = 403;      // of deny
  std::string tag;       // of tag
  bool dry_run = false;  // says what it would do, and does not
};

/// Immutable, so any thread may ask.
class RequestRules {
 public:
  /// `most_body`: bytes of a body that are looked at.
  RequestRules(std::vector<std::shared_ptr<const RequestRule>> rules, std::uint32_t most_body);

  bool looks_at_bodies() const { return !of_body_.empty(); }
  bool tags() const;

  /// By the rules that do not ask for the body, in their order. Nothing: the request may pass.
  std::optional<Response> judge_head(Request& request) const;
  /// By the others. What was read of the body is handed out again by request.body. A large body is matched on the
  /// thread pool.
  Task<std::optional<Response>> judge_body(Request& request) const;

 private:
  using Rules = std::vector<std::shared_ptr<const RequestRule>>;
  Rules of_head_;
  Rules of_body_;
  std::uint32_t most_body_;
};

}  // namespace edge
