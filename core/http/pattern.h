// Pattern: a regular expression (PCRE2 with JIT), compiled at load, matched with bounded effort.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace edge {

class Pattern {
 public:
  struct Error {
    std::size_t offset;  // in the source, in bytes
    std::string message;
  };
  static std::expected<Pattern, Error> compile(std::string_view source, bool ignore_case);

  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  /// False also when the match limit was reached.
  bool matches(std::string_view subject) const;

 private:
  struct Code;
  explicit Pattern(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

}  // namespace edge
