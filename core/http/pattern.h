// Pattern: a regular expression (PCRE2 with JIT), compiled at load, matched with bounded effort.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
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

  /// Nothing when it was given up, because the match limit was reached.
  std::optional<bool> try_match(std::string_view subject) const;
  /// False also when it was given up.
  bool matches(std::string_view subject) const { return try_match(subject).value_or(false); }

 private:
  struct Code;
  explicit Pattern(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

}  // namespace edge
