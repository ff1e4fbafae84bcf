// Stacks, exception, grace.
#include "appserver/stuck_request.h"

#include <algorithm>
#include <vector>

#include "appserver/stack_text.h"
#include "core/log.h"

namespace edge {

namespace {

// A signal that comes just before the thread begins to wait is seen by CPython only behind that wait: it is sent again.
constexpr Milliseconds kBetweenTries{200};
constexpr int kMostTries = StuckRequest::kGrace / kBetweenTries;

}  // namespace

StuckRequest::StuckRequest(Loop& loop, std::string app, WorkerStacks& stacks, ExpiredRequest request, Done done)
    : loop_(loop), app_(std::move(app)), stacks_(stacks), request_(std::move(request)), done_(std::move(done)) {
  stacks_.ask([this, alive = std::weak_ptr(alive_)](std::string_view dump) {
    if (alive.expired()) return;
    log_stacks(dump);
    if (!request_.worker->is_asgi()) return interrupt();
    loop_.arm(*this, kBetweenTries);
  });
}

void StuckRequest::also(ExpiredRequest request) {
  if (others_.size() < request_.worker->places()) others_.push_back(std::move(request));
}

/// Of those that have expired the one that the thread is at, else the first.
const ExpiredRequest& StuckRequest::culprit() const {
  const std::uint64_t running = request_.worker->running(request_.thread);
  const auto found = std::ranges::find(others_, running, &ExpiredRequest::sequence);
  return found == others_.end() ? request_ : *found;
}

std::string StuckRequest::name() const {
  return fmt::format("[{}] request {}: worker {} (pid {})", app_, culprit().id, request_.worker->number(),
                     request_.worker->pid());
}

/// A thread that is blocked does not read what it is told, whosever code it is that blocks it.
bool StuckRequest::is_stuck() const {
  const WorkerProcess& worker = *request_.worker;
  if (request_.asked != 0) return worker.heard(request_.thread) < request_.asked;
  if (request_.before) return worker.begun(request_.thread) == *request_.before;
  return worker.running(request_.thread) == request_.sequence;
}

void StuckRequest::log_stacks(std::string_view dump) const {
  const std::size_t threads = request_.worker->slots().size();
  std::vector<std::uint64_t> idents;
  for (unsigned thread = 0; thread < threads; ++thread) idents.push_back(request_.worker->thread_ident(thread));
  const std::string_view role = request_.worker->is_asgi() ? "runs the event loop" : "answers this request";
  const std::string text = stack_text(dump, idents, request_.thread, role);
  if (text.empty()) return log::error("{} gave no stacks within {} ms", name(), WorkerStacks::kPatience.count());
  log::error("{} thread {}: stacks of its threads:\n{}", name(), thread_name(request_.thread, threads), text);
}

void StuckRequest::interrupt() {
  ++tries_;
  request_.worker->interrupt(request_.thread, culprit().sequence, wire::kRequestTimeout);
  loop_.arm(*this, kBetweenTries);
}

void StuckRequest::on_deadline() {
  const bool helped = !is_stuck();
  if (!helped && tries_ < kMostTries) return interrupt();
  if (!helped && request_.sequence != 0) {
    log::error("{} {} {} ms after edge_gateway.RequestTimeout", name(),
               request_.before ? "had still not come to it" : "was still at it", kGrace.count());
  }
  Done done = std::exchange(done_, nullptr);
  done(helped);
}

}  // namespace edge
