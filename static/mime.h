// MimeTypes: from a file name's extension to the value of Content-Type. Immutable once built; any thread may read it.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

namespace edge {

class MimeTypes {
 public:
  /// Only the built-in types: those of the web and the most common others.
  MimeTypes();
  /// The built-in types, and those that `text` (the format of /etc/mime.types) has beside them. Where both know an
  /// extension the built-in type holds, so that a page works alike on every machine.
  explicit MimeTypes(std::string_view text);

  /// Those of this machine's /etc/mime.types, or the built-in ones where there is none. Read at the first call, which
  /// blocks: make it at start.
  static const MimeTypes& of_system();

  /// `overrides` (from an extension to its type) before those of `base`, which outlives this.
  MimeTypes(const std::map<std::string, std::string>& overrides, const MimeTypes& base);

  /// By the extension of the last segment of `path`, in any case; "application/octet-stream" when it is not known.
  /// Texts have "; charset=utf-8". The view lives as long as this object.
  std::string_view type_of(std::string_view path) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  void add_line(std::string_view line);
  void add(std::string_view extension, std::string_view type);

  std::unordered_map<std::string, std::string, Hash, std::equal_to<>> types_;  // by lower-case extension
  const MimeTypes* base_ = nullptr;
};

}  // namespace edge
