// Patterns by PCRE2. A subject is bytes, not UTF-8, and "$" is the very end: a path "/x.php%0a" is no "/x.php".
#include "core/http/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <new>

namespace edge {

namespace {

// A match that needs more is given up: about ten milliseconds in the interpreter, less in JIT code.
constexpr std::uint32_t kMatchLimit = 200'000;
constexpr std::uint32_t kDepthLimit = 20'000;
constexpr std::uint32_t kHeapLimit = 4'096;  // KiB

/// What matching needs besides the code, once a thread.
struct Scratch {
  Scratch() : data(pcre2_match_data_create(1, nullptr)), context(pcre2_match_context_create(nullptr)) {
    if (!data || !context) throw std::bad_alloc();
    pcre2_set_match_limit(context, kMatchLimit);
    pcre2_set_depth_limit(context, kDepthLimit);
    pcre2_set_heap_limit(context, kHeapLimit);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
  }

  pcre2_match_data* data;
  pcre2_match_context* context;
};

std::string message_of(int code) {
  PCRE2_UCHAR text[256];
  const int size = pcre2_get_error_message(code, text, sizeof text);
  if (size < 0) return "error " + std::to_string(code);
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
}

}  // namespace

struct Pattern::Code {
  explicit Code(pcre2_code* compiled) : pcre(compiled) {}
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  ~Code() { pcre2_code_free(pcre); }
  pcre2_code* pcre;
};

Pattern::Pattern(std::unique_ptr<Code> code) : code_(std::move(code)) {}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

std::expected<Pattern, Pattern::Error> Pattern::compile(std::string_view source, bool ignore_case) {
  const std::uint32_t options = PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | (ignore_case ? PCRE2_CASELESS : 0U);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(), options, &error, &offset, nullptr);
  if (!code) return std::unexpected(Error{offset, message_of(error)});
  // Where the system forbids executable memory this fails, and the interpreter does the work.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  return Pattern(std::make_unique<Code>(code));
}

std::optional<bool> Pattern::try_match(std::string_view subject) const {
  thread_local const Scratch scratch;
  const auto match = [&](std::uint32_t options) {
    return pcre2_match(code_->pcre, reinterpret_cast<PCRE2_SPTR>(subject.data()), subject.size(), 0, options,
                       scratch.data, scratch.context);
  };
  int result = match(0);
  // JIT code has 32 KiB of stack; the interpreter is slower, but takes memory up to its own limit.
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = match(PCRE2_NO_JIT);
  if (result < 0 && result != PCRE2_ERROR_NOMATCH) return std::nullopt;
  return result >= 0;
}

}  // namespace edge
