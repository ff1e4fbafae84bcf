// Writing records, and taking them back.
#include "appserver/request_ring.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace edge {

namespace {

constexpr std::size_t kSize = wire::RequestRing::kSize;

constexpr std::uint64_t next_record(std::uint64_t position) {
  return (position + 7) / 8 * 8;
}

char* copy(std::string_view bytes, char* to) {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}

}  // namespace

bool RequestRing::is_open() const {
  return std::atomic_ref(shared_.open).load(std::memory_order_relaxed) != 0;
}

bool RequestRing::push(const wire::RequestHeader& header, std::string_view packet, std::string_view body) {
  const std::size_t size = sizeof(wire::RecordHeader) + sizeof header + packet.size() + body.size();
  const std::lock_guard lock(mutex_);
  if (!has_room(2 * next_record(size) + kKeptFree)) return false;  // no more than its size is passed over
  char* to = append(size, wire::RecordKind::message, header.sequence);
  std::memcpy(to, &header, sizeof header);
  copy(body, copy(packet, to + sizeof header));
  publish();
  return true;
}

void RequestRing::push_in_socket() {
  const std::lock_guard lock(mutex_);
  if (!has_room(sizeof(wire::RecordHeader))) return;  // a worker that has spoilt its ring
  append(sizeof(wire::RecordHeader), wire::RecordKind::in_socket, 0);
  publish();
}

/// For so many bytes, and for one record more.
bool RequestRing::has_room(std::uint64_t size) {
  if (tail_ + size <= free_to_ && last_ - first_ < kMostRecords) return true;
  forget_taken();
  return tail_ + size <= free_to_ && last_ - first_ < kMostRecords;
}

/// Looks at how far the worker is. What makes no sense changes nothing.
void RequestRing::forget_taken() {
  // In this order: who sees a record as taken sees that it is still being copied, too.
  const std::uint64_t head = std::atomic_ref(shared_.head).load();
  const std::uint64_t reading = std::atomic_ref(shared_.reading).load();
  if (head < head_ || head > tail_) return;
  head_ = head;
  while (first_ != last_ && oldest().end <= head) ++first_;
  const std::uint64_t free_to = (reading != 0 ? std::min(head, reading - 1) : head) + kSize;
  if (free_to >= free_to_ && free_to <= tail_ + kSize) free_to_ = free_to;
}

/// Where the content goes.
char* RequestRing::append(std::size_t size, wire::RecordKind kind, std::uint64_t sequence) {
  Record& record = records_[last_++ % kMostRecords];
  record.begin = tail_;
  record.sequence = sequence;
  if (const std::uint64_t left = kSize - tail_ % kSize; left < size) {
    const wire::RecordHeader filler{.size = static_cast<std::uint32_t>(left), .kind = wire::RecordKind::pass_over};
    std::memcpy(shared_.records + tail_ % kSize, &filler, sizeof filler);
    tail_ += left;
  }
  record.place = tail_;
  const wire::RecordHeader header{.size = static_cast<std::uint32_t>(size), .kind = kind};
  char* const to = shared_.records + tail_ % kSize;
  std::memcpy(to, &header, sizeof header);
  tail_ = next_record(tail_ + size);
  record.end = tail_;
  return to + sizeof header;
}

void RequestRing::publish() {
  std::atomic_ref(shared_.tail).store(tail_);
}

bool RequestRing::owes_bell() {
  // Behind publish(), as the worker looks at `tail` behind its word that it waits: one of both sees the other's.
  const std::atomic_ref waiting(shared_.waiting);
  return waiting.load() != 0 && waiting.exchange(0) != 0;
}

std::optional<std::uint64_t> RequestRing::take_back() {
  const std::lock_guard lock(mutex_);
  const std::atomic_ref shared_head(shared_.head);
  for (std::size_t tries = 0; tries <= 2 * kMostRecords; ++tries) {  // the worker may be reading meanwhile
    forget_taken();
    if (first_ == last_) return std::nullopt;
    const Record record = oldest();
    std::uint64_t head = head_;
    if (head != record.begin && head != record.place) return std::nullopt;
    if (!shared_head.compare_exchange_strong(head, record.end)) continue;
    ++first_;
    return record.sequence;
  }
  return std::nullopt;
}

}  // namespace edge
