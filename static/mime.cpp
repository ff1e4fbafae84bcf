// Content types: the built-in table, the system's file, and the look-up.
#include "static/mime.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "core/http/media_type.h"

namespace edge {

namespace {

constexpr std::size_t kMaxExtension = 31;
constexpr std::size_t kMaxFile = 4 << 20;  // bytes; Debian's has 70 KiB
constexpr std::string_view kUnknown = "application/octet-stream";
constexpr std::string_view kBlank = " \t\r\f\v";

struct BuiltIn {
  std::string_view type;
  std::string_view extensions;
};

constexpr BuiltIn kBuiltIn[] = {
    // What browsers load, by WHATWG's MIME Sniffing and RFC 9239.
    {"text/html", "html htm shtml"},
    {"text/css", "css"},
    {"text/javascript", "js mjs cjs"},
    {"application/json", "json map topojson"},
    {"application/ld+json", "jsonld"},
    {"application/geo+json", "geojson"},
    {"application/manifest+json", "webmanifest"},
    {"application/wasm", "wasm"},
    {"application/xml", "xml xsd xsl xslt"},
    {"application/xhtml+xml", "xhtml"},
    {"application/rss+xml", "rss"},
    {"application/atom+xml", "atom"},
    {"text/plain", "txt text log conf ini"},
    {"text/markdown", "md markdown"},
    {"text/csv", "csv"},
    {"text/calendar", "ics"},
    {"text/vcard", "vcf"},
    {"text/vtt", "vtt"},
    {"image/svg+xml", "svg"},
    {"image/png", "png"},
    {"image/apng", "apng"},
    {"image/jpeg", "jpg jpeg jfif pjpeg"},
    {"image/gif", "gif"},
    {"image/webp", "webp"},
    {"image/avif", "avif"},
    {"image/heic", "heic"},
    {"image/jxl", "jxl"},
    {"image/bmp", "bmp"},
    {"image/tiff", "tif tiff"},
    {"image/vnd.microsoft.icon", "ico cur"},
    {"font/woff", "woff"},
    {"font/woff2", "woff2"},
    {"font/ttf", "ttf"},
    {"font/otf", "otf"},
    {"font/collection", "ttc"},
    {"application/vnd.ms-fontobject", "eot"},
    {"audio/mpeg", "mp3"},
    {"audio/mp4", "m4a"},
    {"audio/aac", "aac"},
    {"audio/ogg", "ogg oga opus"},
    {"audio/flac", "flac"},
    {"audio/wav", "wav"},
    {"audio/midi", "mid midi"},
    {"video/mp4", "mp4 m4v"},
    {"video/webm", "webm"},
    {"video/ogg", "ogv"},
    {"video/mpeg", "mpg mpeg"},
    {"video/quicktime", "mov"},
    {"video/x-msvideo", "avi"},
    {"video/x-matroska", "mkv"},
    {"video/mp2t", "ts m2ts"},
    {"application/vnd.apple.mpegurl", "m3u8"},
    {"application/dash+xml", "mpd"},
    {"application/pdf", "pdf"},
    {"application/epub+zip", "epub"},
    {"application/rtf", "rtf"},
    {"application/postscript", "ps eps"},
    {"application/zip", "zip"},
    {"application/gzip", "gz tgz"},
    {"application/x-bzip2", "bz2"},
    {"application/x-xz", "xz"},
    {"application/zstd", "zst"},
    {"application/x-7z-compressed", "7z"},
    {"application/vnd.rar", "rar"},
    {"application/x-tar", "tar"},
    {"application/java-archive", "jar war ear"},
    {"application/vnd.debian.binary-package", "deb"},
    {"application/x-rpm", "rpm"},
    {"application/x-apple-diskimage", "dmg"},
    {"application/x-iso9660-image", "iso"},
    {"application/vnd.android.package-archive", "apk"},
    {"application/octet-stream", "bin dll exe img msi so"},
    {"application/msword", "doc"},
    {"application/vnd.ms-excel", "xls"},
    {"application/vnd.ms-powerpoint", "ppt"},
    {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"},
    {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"},
    {"application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"},
    {"application/vnd.oasis.opendocument.text", "odt"},
    {"application/vnd.oasis.opendocument.spreadsheet", "ods"},
    {"application/vnd.oasis.opendocument.presentation", "odp"},
};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// Takes the next word off the front; empty at the end.
std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(kBlank));
  text.remove_prefix(word.size());
  return word;
}

bool is_text(std::string_view type) {
  return type.starts_with("text/") || type == "application/javascript" || type == "application/x-javascript" ||
         type == "application/ecmascript";
}

/// Without its dot; empty when there is none. A dot at the beginning of a name begins no extension.
std::string_view extension_of(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const std::size_t dot = name.rfind('.');
  if (dot == 0 || dot == name.npos) return {};
  return name.substr(dot + 1);
}

std::string read_file(const char* path) {
  std::ifstream stream(path, std::ios::binary);
  std::string text;
  char piece[8'192];
  while (text.size() < kMaxFile && (stream.read(piece, sizeof piece), stream.gcount() > 0)) {
    text.append(piece, static_cast<std::size_t>(stream.gcount()));
  }
  return text;
}

}  // namespace

MimeTypes::MimeTypes() {
  for (const BuiltIn& entry : kBuiltIn) {
    std::string_view rest = entry.extensions;
    for (std::string_view extension = next_word(rest); !extension.empty(); extension = next_word(rest)) {
      add(extension, entry.type);
    }
  }
}

MimeTypes::MimeTypes(std::string_view text) : MimeTypes() {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    add_line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

MimeTypes::MimeTypes(const std::map<std::string, std::string>& overrides, const MimeTypes& base) : base_(&base) {
  for (const auto& [extension, type] : overrides) add(extension, type);
}

const MimeTypes& MimeTypes::of_system() {
  static const MimeTypes types(read_file("/etc/mime.types"));
  return types;
}

void MimeTypes::add_line(std::string_view line) {
  line = line.substr(0, line.find('#'));
  const std::string_view type = next_word(line);
  if (!is_media_type(type)) return;
  for (std::string_view extension = next_word(line); !extension.empty(); extension = next_word(line)) {
    add(extension, type);
  }
}

void MimeTypes::add(std::string_view extension, std::string_view type) {
  if (extension.size() > kMaxExtension) return;
  std::string key(extension);
  std::ranges::transform(key, key.begin(), lower);
  std::string value(type);
  if (is_text(type) && type.find(';') == type.npos) value += "; charset=utf-8";
  types_.emplace(std::move(key), std::move(value));
}

std::string_view MimeTypes::type_of(std::string_view path) const {
  if (base_ && types_.empty()) return base_->type_of(path);
  const std::string_view extension = extension_of(path);
  if (extension.empty() || extension.size() > kMaxExtension) return kUnknown;
  char key[kMaxExtension];
  std::ranges::transform(extension, key, lower);
  const auto found = types_.find(std::string_view(key, extension.size()));
  if (found != types_.end()) return found->second;
  return base_ ? base_->type_of(path) : kUnknown;
}

}  // namespace edge
