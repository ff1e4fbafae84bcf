// BasicAuth: lets those pass who know a name and its password (RFC 7617).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/access/password_checks.h"
#include "core/access/users_file.h"
#include "core/http/authorizer.h"

namespace edge {

class BasicAuth final : public Authorizer {
 public:
  BasicAuth(std::string_view realm, std::shared_ptr<const UsersFile> users, std::shared_ptr<PasswordChecks> checks);

  /// 401 with a challenge; 503 when too many passwords wait to be looked at.
  Task<std::optional<Response>> authorize(Request& request) override;

 private:
  Response challenge(Request& request) const;

  const std::string challenge_;
  std::shared_ptr<const UsersFile> users_;
  std::shared_ptr<PasswordChecks> checks_;
};

}  // namespace edge
