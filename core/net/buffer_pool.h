// BufferPool: memory for reading, handed out last in, first out, so that it is warm. One thread.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace edge {

class BufferPool;

/// Bytes [begin, end) of a block are filled. Goes back to its pool when destroyed; the pool must outlive it.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer moved(std::move(other));
    swap(moved);
    return *this;
  }
  inline ~Buffer();

  explicit operator bool() const { return memory_ != nullptr; }
  char* data() { return memory_.get(); }
  std::size_t capacity() const { return capacity_; }

  std::size_t begin = 0;
  std::size_t end = 0;

  std::size_t size() const { return end - begin; }
  std::size_t room() const { return capacity_ - end; }
  const char* first() const { return memory_.get() + begin; }
  char* free() { return memory_.get() + end; }
  inline void reset();

 private:
  friend class BufferPool;
  void swap(Buffer& other) noexcept {
    std::swap(begin, other.begin);
    std::swap(end, other.end);
    std::swap(memory_, other.memory_);
    std::swap(capacity_, other.capacity_);
    std::swap(pool_, other.pool_);
  }
  std::unique_ptr<char[]> memory_;
  std::size_t capacity_ = 0;
  BufferPool* pool_ = nullptr;
};

class BufferPool {
 public:
  /// Blocks of `block` bytes, of which at most `kept` unused ones are kept.
  BufferPool(std::size_t block, std::size_t kept) : block_(block), kept_(kept) {}
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  Buffer acquire() { return acquire(block_); }
  /// An outsize block is not kept when it comes back.
  Buffer acquire(std::size_t capacity) {
    Buffer buffer;
    buffer.pool_ = this;
    buffer.capacity_ = capacity < block_ ? block_ : capacity;
    if (buffer.capacity_ == block_ && !free_.empty()) {
      buffer.memory_ = std::move(free_.back());
      free_.pop_back();
    } else {
      buffer.memory_.reset(new char[buffer.capacity_]);
    }
    return buffer;
  }

 private:
  friend class Buffer;
  void release(std::unique_ptr<char[]> memory, std::size_t capacity) {
    if (capacity == block_ && free_.size() < kept_) free_.push_back(std::move(memory));
  }
  std::size_t block_;
  std::size_t kept_;
  std::vector<std::unique_ptr<char[]>> free_;
};

inline void Buffer::reset() {
  if (memory_) pool_->release(std::move(memory_), capacity_);
  begin = end = capacity_ = 0;
}

inline Buffer::~Buffer() {
  reset();
}

}  // namespace edge
