// LoneWork: work that may hang for long, on a thread of its own that can be left alone with it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "core/duration.h"
#include "core/result.h"

namespace edge {

/// For calls that have no deadline and cannot be stopped. The thread ends by itself when the work does; nobody waits
/// for it, also not the end of the process. Asked from one thread at a time; whoever loses interest destroys it.
template <class Value>
class LoneWork {
 public:
  /// `work` owns all that it uses, and throws nothing. Error: the system has no thread for it.
  static Result<LoneWork> start(std::function<Value()> work) {
    auto shared = std::make_shared<Shared>();
    try {
      std::thread([shared, call = std::move(work)] {
        Value value = call();
        const std::scoped_lock lock(shared->mutex);
        shared->value.emplace(std::move(value));
        shared->ended.notify_one();
      }).detach();
    } catch (const std::system_error& error) {
      return fail(ErrorKind::internal, Side::ours, error.what());
    }
    return LoneWork(std::move(shared));
  }

  /// What came of it, once, after waiting for at most `longest`; nothing: it still runs.
  std::optional<Value> take(Milliseconds longest = Milliseconds(0)) {
    std::unique_lock lock(shared_->mutex);
    shared_->ended.wait_for(lock, longest, [this] { return shared_->value.has_value(); });
    return std::exchange(shared_->value, std::nullopt);
  }

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable ended;
    std::optional<Value> value;  // under mutex
  };
  explicit LoneWork(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  std::shared_ptr<Shared> shared_;
};

}  // namespace edge
