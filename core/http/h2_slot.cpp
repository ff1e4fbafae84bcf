// The addresses of a thread's slots, and how the memory of one is put by.
#include "core/http/h2_slot.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <vector>

namespace edge {

namespace {

constexpr std::size_t kTogether = 64;  // slots whose addresses are got at once
constexpr std::size_t kGroup = 64;     // words whose bits are in one

/// Of one thread: addresses of slots that nobody uses, without pages.
struct FreeSlots {
  std::vector<char*> slots;
  std::vector<char*> mapped;
  std::size_t put_by = 0;  // of those in use
  ~FreeSlots() {
    for (char* const block : mapped) ::munmap(block, kTogether * H2Slot::kSize);
  }
  void map_more() {
    if (H2Slot::kSize % static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) != 0) return;  // it would share a page
    void* const block = ::mmap(nullptr, kTogether * H2Slot::kSize, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED) return;
    ::madvise(block, kTogether * H2Slot::kSize, MADV_NOHUGEPAGE);  // or one slot would take the pages of all
    mapped.push_back(static_cast<char*>(block));
    slots.reserve(mapped.size() * kTogether);  // so that giving one back takes no memory
    for (std::size_t i = kTogether; i > 0; --i) slots.push_back(mapped.back() + (i - 1) * H2Slot::kSize);
  }
};

thread_local FreeSlots free_slots;

bool give_pages_back(char* begin) {
  return ::madvise(begin, H2Slot::kSize, MADV_DONTNEED) == 0;
}

/// Most groups are zeros, which is seen several words at a time.
bool are_zeros(std::span<const std::uint64_t> words) {
  std::uint64_t all = 0;
  for (const std::uint64_t word : words) all |= word;
  return all == 0;
}

std::uint64_t bits_of(std::span<const std::uint64_t> words) {
  if (are_zeros(words)) return 0;
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < words.size(); ++i) bits |= std::uint64_t{words[i] != 0} << i;
  return bits;
}

/// What bring_back() puts into words that are zero. What ends in zeros ends before them.
std::vector<std::uint64_t> without_zeros(std::span<const std::uint64_t> words) {
  std::vector<std::uint64_t> kept;
  std::size_t end = 0;
  for (std::size_t i = 0; i < words.size(); i += kGroup) {
    const std::span group = words.subspan(i, std::min(kGroup, words.size() - i));
    const std::size_t mask_at = kept.size();
    kept.push_back(bits_of(group));
    for (std::uint64_t bits = kept.back(); bits != 0; bits &= bits - 1)
      kept.push_back(group[static_cast<std::size_t>(std::countr_zero(bits))]);
    if (kept[mask_at] != 0) end = kept.size();
  }
  kept.resize(end);
  return kept;
}

}  // namespace

H2Slot::H2Slot() : begin_(nullptr) {
  if (free_slots.slots.empty()) free_slots.map_more();
  if (free_slots.slots.empty()) return;
  begin_ = free_slots.slots.back();
  free_slots.slots.pop_back();
}

H2Slot::~H2Slot() {
  if (!begin_) return;
  if (is_put_by()) {
    --free_slots.put_by;
  } else if (!give_pages_back(begin_)) {
    std::memset(begin_, 0, used_);
  }
  free_slots.slots.push_back(begin_);
}

void* H2Slot::allocate(std::size_t bytes) {
  constexpr std::size_t kAlignment = alignof(std::max_align_t);
  if (!begin_ || bytes > kSize - used_) return nullptr;
  char* const memory = begin_ + used_;
  used_ = std::min(kSize, (used_ + bytes + kAlignment - 1) / kAlignment * kAlignment);
  return memory;
}

void H2Slot::put_by() {
  if (!begin_ || is_put_by()) return;
  const std::vector<std::uint64_t> kept =
      without_zeros({reinterpret_cast<const std::uint64_t*>(begin_), used_ / sizeof(std::uint64_t)});
  if (!give_pages_back(begin_)) return;
  kept_ = std::make_unique_for_overwrite<std::uint64_t[]>(kept.size());
  std::ranges::copy(kept, kept_.get());
  kept_words_ = kept.size();
  ++free_slots.put_by;
}

void H2Slot::bring_back() {
  if (!is_put_by()) return;
  auto* group = reinterpret_cast<std::uint64_t*>(begin_);
  for (std::size_t i = 0; i < kept_words_; group += kGroup) {
    for (std::uint64_t bits = kept_[i++]; bits != 0; bits &= bits - 1) group[std::countr_zero(bits)] = kept_[i++];
  }
  kept_.reset();
  --free_slots.put_by;
}

std::size_t H2Slot::count_put_by() {
  return free_slots.put_by;
}

}  // namespace edge
