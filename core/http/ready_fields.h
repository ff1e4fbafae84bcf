// ReadyFields: header fields that many answers begin with, and their lines, made once for all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/http/header_list.h"

namespace edge {

/// Immutable once made, so any thread may read it.
class ReadyFields {
 public:
  /// Copies names and values. None may be the door's own (core/http/own_fields.h).
  explicit ReadyFields(std::span<const HeaderField> fields);

  /// The first of them, at least one, for a HeaderList; they live as long as this.
  LentFields first(std::size_t count) const;
  LentFields all() const { return first(fields_.size()); }
  std::size_t size() const { return fields_.size(); }
  std::string_view value(std::size_t i) const { return fields_[i].value; }
  /// Bytes on the heap.
  std::size_t memory() const { return lines_size_ + fields_.size() * sizeof(HeaderField); }

 private:
  std::size_t lines_size_ = 0;
  std::unique_ptr<char[]> lines_;
  std::vector<HeaderField> fields_;  // in lines_
  HeaderNames names_;
};

}  // namespace edge
