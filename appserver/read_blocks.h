// ReadBlocks: memory into which a loop reads answers, shared by reference with those who still send what is in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace edge {

class ReadBlocks;

/// A counted reference to one block. One thread.
class BlockRef {
 public:
  BlockRef() = default;
  BlockRef(const BlockRef& other) : block_(other.block_) {
    if (block_) ++block_->references;
  }
  BlockRef(BlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  BlockRef& operator=(BlockRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  inline ~BlockRef();

  explicit operator bool() const { return block_ != nullptr; }
  std::size_t room() const { return kBlockSize - block_->used; }
  char* free() { return block_->bytes + block_->used; }
  /// `size` bytes were written at free().
  void commit(std::size_t size) { block_->used += size; }

  // Half of it is read at a time at least: the usual large answer, and 1 MiB in 9 reads and sends instead of 18.
  static constexpr std::size_t kBlockSize = 128 * 1024;

 private:
  friend class ReadBlocks;
  struct Block {
    ReadBlocks* home;
    std::size_t used;
    std::uint32_t references;
    char bytes[kBlockSize];
  };
  explicit BlockRef(Block* block) : block_(block) { ++block_->references; }
  Block* block_ = nullptr;
};

/// Must outlive every reference.
class ReadBlocks {
 public:
  ReadBlocks() = default;
  ReadBlocks(const ReadBlocks&) = delete;
  ReadBlocks& operator=(const ReadBlocks&) = delete;
  ~ReadBlocks() { current_ = {}; }

  /// Room to read into, half a block at least. Everybody reads into the same block until it is that full, and from
  /// its beginning again when nobody refers to it.
  BlockRef current() {
    if (current_ && current_.block_->references == 1) current_.block_->used = 0;
    if (!current_ || current_.room() < BlockRef::kBlockSize / 2) current_ = fresh();
    return current_;
  }

  /// An empty block that nobody else writes to.
  BlockRef fresh() {
    if (kept_.empty()) kept_.emplace_back(new BlockRef::Block);  // its bytes are not touched
    BlockRef::Block* const block = kept_.back().release();
    kept_.pop_back();
    block->home = this;
    block->used = 0;
    block->references = 0;
    return BlockRef(block);
  }

 private:
  friend class BlockRef;
  static constexpr std::size_t kMostKept = 8;
  void take_back(BlockRef::Block* block) {
    std::unique_ptr<BlockRef::Block> owned(block);
    if (kept_.size() < kMostKept) kept_.push_back(std::move(owned));
  }

  std::vector<std::unique_ptr<BlockRef::Block>> kept_;
  BlockRef current_;
};

inline BlockRef::~BlockRef() {
  if (block_ && --block_->references == 0) block_->home->take_back(block_);
}

}  // namespace edge
