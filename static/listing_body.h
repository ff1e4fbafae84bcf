// ListingBody: a folder's listing as a page for people or as JSON for programs, written while it is sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/http/header_list.h"
#include "core/http/response.h"
#include "static/folder_listing.h"

namespace edge {

enum class ListingFormat : std::uint8_t { page, json };

/// JSON when the client's Accept fields (RFC 9110 12.5.1) rate application/json above text/html, or name it and not the
/// other.
ListingFormat listing_format(const HeaderList& request);

/// The page is whole by itself: no script, no other file. JSON:
///   {"path": "/pub/", "entries": [{"name": "a b", "url": "a%20b", "type": "file", "size": 5,
///    "modified": "2026-11-21T10:55:00Z"}, {"type": "folder", …}], "complete": true}
/// A folder has no size. `url` is relative to the folder and stands for the very bytes of the name; in `name`, and on
/// the page, bytes that are no UTF-8 are escaped.
class ListingBody final : public BodySource {
 public:
  /// `path` is that of the request and lives as long.
  ListingBody(FolderListing listing, ListingFormat format, ListingOrder order, std::string_view path);

  static std::string_view content_type(ListingFormat format);
  Task<Result<Chunk>> pull() override;

 private:
  void begin_page();
  void put_column(ListingOrder::By by, std::string_view word, std::string_view title);
  void put_row(const FolderEntry& entry);
  void end_page();
  void begin_json();
  void put_object(const FolderEntry& entry);
  void end_json();

  FolderListing listing_;
  ListingFormat format_;
  ListingOrder order_;
  std::string_view path_;
  bool begun_ = false;
  std::size_t next_ = 0;  // of the entries
  std::string text_;      // what is sent next
};

}  // namespace edge
