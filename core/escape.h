// Escaping of hostile bytes for what people and programs read afterwards: log lines and JSON.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace edge {

/// Bytes of the UTF-8 character (RFC 3629) that `text` begins with; 0 when it begins with none.
std::size_t utf8_character(std::string_view text);

/// nginx's default escaping in logs: `"`, `\`, control bytes and everything above 126 become \xHH.
void append_log_escaped(std::string_view text, std::string& to);

/// As the inside of a JSON string. Valid JSON for any bytes: one that is not part of UTF-8 becomes \u00HH.
void append_json_escaped(std::string_view text, std::string& to);

/// For a person's terminal: control characters (C0, DEL and C1) and what is no UTF-8 become \xHH, byte by byte; tabs
/// and all other text stay.
void append_printable(std::string_view text, std::string& to);

/// For the path of a URL (RFC 3986 3.3): every byte that may not stand there as itself becomes %HH; "/" stays.
void append_url_path(std::string_view path, std::string& to);

/// For the query of a URL, where it is one already: bytes that no request's query holds (blanks, control bytes, "#")
/// become %HH, all else stays as it is.
void append_url_query(std::string_view query, std::string& to);

/// For HTML, between tags and within quoted attributes: & < > " and '.
void append_html_escaped(std::string_view text, std::string& to);

/// For the value of a header: control bytes become %HH (a line break there would begin another header), and when
/// `url` also every byte that a URL may not hold (RFC 3986 2).
void append_percent_encoded(std::string_view text, bool url, std::string& to);

}  // namespace edge
