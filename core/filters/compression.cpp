// The conditions of compression, and the head of a coded answer.
#include "core/filters/compression.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "core/filters/compressed_body.h"

namespace edge {
namespace {

constexpr std::string_view kBlank = " \t";

/// Bytes that are there already.
class WholeBody final : public BodySource {
 public:
  explicit WholeBody(std::string_view bytes) : bytes_(bytes) {}
  Task<Result<Chunk>> pull() override { co_return Chunk{bytes_, true}; }

 private:
  std::string_view bytes_;
};

/// Whether `word` is an item of the fields of that name, which are lists.
bool lists(const HeaderList& headers, HeaderName name, std::string_view word) {
  return std::ranges::any_of(headers,
                             [&](const HeaderField& field) { return field.id == name && list_has(field.value, word); });
}

bool is_whole_content(int status) {
  return status >= 200 && status != 204 && status != 205 && status != 206 && status != 304;
}

/// Such a field is true of the very bytes that the handler gave (RFC 9530, RFC 3230, RFC 1864).
bool has_digest(const HeaderList& headers) {
  constexpr std::array<std::string_view, 4> kDigests = {"Content-Digest", "Repr-Digest", "Digest", "Content-MD5"};
  return std::ranges::any_of(kDigests, [&headers](std::string_view name) { return headers.find(name); });
}

/// Whether the answer may be coded for a client that likes it.
bool may_be_coded(const CompressSettings& settings, const Response& response) {
  const HeaderList& headers = response.headers;
  return is_whole_content(response.status) && !std::holds_alternative<FileRange>(response.body) &&
         is_type_among(headers.get(HeaderName::content_type), settings.types) &&
         !headers.find(HeaderName::content_encoding) && !headers.find(HeaderName::content_range) &&
         !lists(headers, HeaderName::cache_control, "no-transform") && !has_digest(headers);
}

std::optional<std::uint64_t> size_of(const Response& response) {
  if (const auto* bytes = std::get_if<std::string_view>(&response.body)) return bytes->size();
  if (const auto* source = std::get_if<std::unique_ptr<BodySource>>(&response.body)) return (*source)->length();
  return declared_length(response.headers);
}

std::string_view weak(std::string_view tag, Arena& arena) {
  char* const text = arena.allocate_chars(tag.size() + 2);
  std::memcpy(text, "W/", 2);
  std::memcpy(text + 2, tag.data(), tag.size());
  return {text, tag.size() + 2};
}

void weaken_tag(HeaderList& headers) {
  const std::string_view tag = headers.get(HeaderName::etag);
  if (tag.starts_with('"')) headers.set(HeaderName::etag, weak(tag, headers.arena()));
}

/// A cache does not renew the content that it keeps under a weak tag by a 304 that has the strong one (RFC 9111 4.3.4).
void weaken_known_tag(const Request& request, HeaderList& headers) {
  const std::string_view tag = headers.get(HeaderName::etag);
  if (!tag.starts_with('"')) return;
  const std::string_view known = weak(tag, headers.arena());
  for (const HeaderField& field : request.headers) {
    if (field.id != HeaderName::if_none_match || field.value.find(known) == std::string_view::npos) continue;
    headers.set(HeaderName::etag, known);
    vary_by_encoding(headers);
    return;
  }
}

void say_coded(HeaderList& headers, Coding coding) {
  headers.add(HeaderName::content_encoding, coding_name(coding));
  headers.remove(HeaderName::content_length);
  headers.remove(HeaderName::accept_ranges);
  weaken_tag(headers);
}

/// False: there is no compressor, or it gains nothing.
bool code_here(const CompressSettings& settings, Coding coding, Response& response) {
  thread_local std::string coded;
  coded.clear();
  const std::string_view bytes = std::get<std::string_view>(response.body);
  if (!compress_whole(coding, settings.level, bytes, coded) || coded.size() >= bytes.size()) return false;
  response.body = response.headers.arena().copy(coded);
  return true;
}

bool code_while_sent(const CompressSettings& settings, Coding coding, Loop& loop, Response& response) {
  TakenCompressor compressor = take_compressor(coding, settings.level, size_of(response));
  if (!compressor) return false;
  std::unique_ptr<BodySource> inner;
  if (const auto* bytes = std::get_if<std::string_view>(&response.body)) {
    inner = std::make_unique<WholeBody>(*bytes);
  } else {
    inner = std::move(std::get<std::unique_ptr<BodySource>>(response.body));
  }
  response.body = std::make_unique<CompressedBody>(loop, std::move(compressor), std::move(inner));
  return true;
}

}  // namespace

void compress_answer(const CompressSettings& settings, const Request& request, Response& response) {
  if (response.coding_settled) return;
  if (response.status == 304) return weaken_known_tag(request, response.headers);
  if (!may_be_coded(settings, response)) return;
  vary_by_encoding(response.headers);
  const bool has_body = !std::holds_alternative<std::monostate>(response.body);
  const std::optional<std::uint64_t> size = size_of(response);
  if ((request.method != Method::head && !has_body) || (size && *size < settings.min_size)) return;
  const Coding coding = choose_coding(request.headers, settings.codings).value_or(Coding::identity);
  if (coding == Coding::identity) return;

  bool coded = true;
  if (std::holds_alternative<std::string_view>(response.body) && *size <= kMostOnLoop) {
    coded = code_here(settings, coding, response);
  } else if (request.method == Method::head) {
    response.body = std::monostate();
  } else {
    coded = code_while_sent(settings, coding, request.loop, response);
  }
  if (coded) say_coded(response.headers, coding);
}

bool is_type_among(std::string_view content_type, std::span<const std::string> patterns) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  type = type.substr(0, type.find_last_not_of(kBlank) + 1);
  if (type.empty()) return false;
  return std::ranges::any_of(patterns, [type](std::string_view pattern) {
    if (pattern == "*/*") return true;
    if (!pattern.ends_with("/*")) return same_name(type, pattern);
    return same_name(type.substr(0, pattern.size() - 1), pattern.substr(0, pattern.size() - 1));
  });
}

void vary_by_encoding(HeaderList& headers) {
  constexpr std::string_view kName = "Accept-Encoding";
  if (lists(headers, HeaderName::vary, kName) || lists(headers, HeaderName::vary, "*")) return;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const HeaderField field = headers[i];
    if (field.id != HeaderName::vary || field.value.empty()) continue;
    constexpr std::string_view kBetween = ", ";
    const std::size_t size = field.value.size() + kBetween.size() + kName.size();
    char* const joined = headers.arena().allocate_chars(size);
    std::memcpy(joined, field.value.data(), field.value.size());
    std::memcpy(joined + field.value.size(), kBetween.data(), kBetween.size());
    std::memcpy(joined + field.value.size() + kBetween.size(), kName.data(), kName.size());
    return headers.replace(i, {field.name, {joined, size}, field.id});
  }
  headers.add(HeaderName::vary, kName);
}

}  // namespace edge
