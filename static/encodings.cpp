// Choosing among codings, looking beside a file, compressing it.
#include "static/encodings.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "core/filters/compression.h"
#include "core/filters/compressor.h"
#include "core/filters/header_rules.h"
#include "core/http/header_list.h"
#include "core/http/router.h"
#include "core/log.h"

namespace edge {

namespace {

/// Without `compress`, which says an order.
constexpr std::array kUsualOrder = {Coding::br, Coding::zstd, Coding::gzip};

/// Null: nothing is compressed. A file that lies compressed beside another is no transformation of edge's.
const CompressSettings* settings_of(const Request& request) {
  const Route* const route = request.route;
  return route && route->http.compress ? &*route->http.compress : nullptr;
}

std::string_view suffix_of(Coding coding) {
  switch (coding) {
    case Coding::gzip:
      return ".gz";
    case Coding::br:
      return ".br";
    case Coding::zstd:
      return ".zst";
    case Coding::identity:
      break;
  }
  return {};
}

/// In whole seconds: those who set times often know no smaller ones, or round them.
bool is_fresh(const FileFacts& neighbour, const FileFacts& source) {
  return neighbour.modified >= source.modified;
}

bool read_whole(int fd, std::string& to) {
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t got = pread(fd, to.data() + done, to.size() - done, static_cast<off_t>(done));
    if (got <= 0) return false;
    done += static_cast<std::size_t>(got);
  }
  return true;
}

/// On any thread. Nothing: it gains nothing, or the file was cut short.
struct Compress {
  std::shared_ptr<const FileVersion> version;  // of which only facts and plain form are read, which never change
  Coding coding;
  int level;

  std::optional<FileVersion::Compressed> operator()() const {
    const FileForm& plain = version->plain();
    std::string read;
    std::string_view bytes;
    if (const auto* in_memory = std::get_if<std::string>(&plain.content)) {
      bytes = *in_memory;
    } else {
      read.resize(plain.size);
      const int fd = std::get<SharedFd>(plain.content).get();
      if (!read_whole(fd, read) || !is_untouched(fd, version->facts())) return std::nullopt;
      bytes = read;
    }
    std::string coded;
    if (!compress_whole(coding, level, bytes, coded) || coded.size() >= bytes.size()) return std::nullopt;
    coded.shrink_to_fit();
    const std::uint32_t checksum = checksum_of(coded);
    return FileVersion::Compressed{std::move(coded), checksum};
  }
};

}  // namespace

bool Encodings::compresses(const Request& request, const FileVersion& version) {
  return settings_of(request) && version.manner().compressible && !forbid_transforming(request.route->headers, request);
}

FileVersion::Manner Encodings::manner(const Request& request, std::string_view type, std::uint64_t size) const {
  const CompressSettings* const settings = settings_of(request);
  const bool compressible =
      settings && size >= settings->min_size && size <= kMostCompressed && is_type_among(type, settings->types);
  return {type, compressible, precompressed_ || compressible};
}

bool Encodings::vary(const Request& request, const FileVersion& version) const {
  return precompressed_ || compresses(request, version);
}

Coding Encodings::choose(const Request& request, const FileVersion& version) const {
  if (request.headers.find(HeaderName::range)) return Coding::identity;
  std::array<Coding, kCodings + kUsualOrder.size()> available;
  std::size_t count = 0;
  const auto offer = [&](Coding coding) {
    using Coded = FileVersion::Coded;
    const Coded state = version.coded(coding);
    const bool is_new = std::find(available.begin(), available.begin() + count, coding) == available.begin() + count;
    if (is_new && (state == Coded::here || state == Coded::unknown)) available[count++] = coding;
  };
  if (compresses(request, version)) std::ranges::for_each(settings_of(request)->codings, offer);
  if (precompressed_) std::ranges::for_each(kUsualOrder, offer);
  return choose_coding(request.headers, {available.data(), count}).value_or(Coding::identity);
}

Task<void> Encodings::prepare(const Request& request, Place place, std::shared_ptr<FileVersion> version,
                              Coding coding) const {
  version->is_being_made(coding);
  if (precompressed_) {
    const bool found = co_await find_neighbour(request.loop, place, *version, coding);
    if (found || version->restore(coding)) co_return;
  }
  const CompressSettings* const settings = settings_of(request);
  const bool may_compress =
      compresses(request, *version) && std::ranges::find(settings->codings, coding) != settings->codings.end();
  if (!may_compress) {
    version->has_no(coding, precompressed_);
    co_return;
  }
  std::optional<FileVersion::Compressed> coded;
  const Compress work{version, coding, settings->level};
  const bool on_loop = version->plain().size <= kMostOnLoop && !version->plain().is_open_file();
  log::debug("request {}: {} is compressed ({}) on the {}", request.id(), place.path, coding_name(coding),
             on_loop ? "loop" : "thread pool");
  if (on_loop) {
    coded = work();
  } else {
    coded = co_await request.loop.offload(work);
  }
  if (coded) {
    version->add(coding, std::move(*coded), precompressed_);
  } else {
    version->has_no(coding, precompressed_, true);
  }
}

Task<bool> Encodings::find_neighbour(Loop& loop, const Place& place, FileVersion& version, Coding coding) const {
  std::string path(place.path);
  path += suffix_of(coding);
  const Wanted wanted{path, false, {}, links_};
  Resolved resolved;
  resolved.outcome = Resolved::Outcome::waits;
  if (support_.cached) resolved = resolve(place.directory->get(), wanted, OpenStep::cached);
  if (resolved.outcome == Resolved::Outcome::waits) {
    const PooledResolve work{place.directory, wanted, support_.blocking};
    resolved = co_await loop.offload(work);
  }
  if (resolved.outcome != Resolved::Outcome::file || resolved.facts.size == 0) co_return false;
  if (!is_fresh(resolved.facts, version.facts())) co_return false;
  version.add_neighbour(coding, std::move(resolved));
  co_return true;
}

}  // namespace edge
