// From what is remembered, over the queue, to the thread pool.
#include "core/access/password_checks.h"

#include <string>
#include <utility>

#include "core/access/password_hash.h"

namespace edge {

Task<PasswordChecks::Outcome> PasswordChecks::check(Request& request, std::shared_ptr<const UserTable> users,
                                                    BasicCredentials claimed) {
  const KeyedHash::Digest digest = verified_.digest(*users, claimed);
  if (verified_.holds(digest, request.loop.now())) co_return Outcome::right;
  const std::string* const own_hash = users->hash_of(claimed.name);
  const std::string* const hash = own_hash ? own_hash : users->decoy(verified_.number_of(claimed.name));
  if (!hash || !can_be_checked(claimed.password)) co_return Outcome::wrong;
  const Turns::Entry entry = co_await turns_.enter(request.loop, request.cancellation);
  if (entry == Turns::Entry::full) co_return Outcome::too_many;
  if (entry == Turns::Entry::gone) co_return Outcome::gone;
  if (verified_.holds(digest, request.loop.now())) {  // by another request of that client, which was quicker
    turns_.leave();
    co_return Outcome::right;
  }
  const auto look = [hash, password = std::string(claimed.password)] { return check_password(*hash, password); };
  const PasswordVerdict verdict = co_await request.loop.offload(look);
  turns_.leave();
  if (verdict == PasswordVerdict::failed) co_return Outcome::failed;
  if (verdict == PasswordVerdict::wrong || !own_hash) co_return Outcome::wrong;
  verified_.add(digest, request.loop.now());
  co_return Outcome::right;
}

}  // namespace edge
