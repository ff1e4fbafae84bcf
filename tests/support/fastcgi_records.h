// FastCGI records as a server writes them, with any padding; and what a client's records say.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "proxy/fastcgi_records.h"

namespace edge::test {

inline std::string record(std::uint8_t type, std::string_view content, std::size_t padding = 0,
                          std::uint16_t request = fastcgi::kRequest) {
  const auto low = [](std::size_t number) { return static_cast<char>(number & 0xffU); };
  std::string made{1,
                   static_cast<char>(type),
                   low(request >> 8U),
                   low(request),
                   low(content.size() >> 8U),
                   low(content.size()),
                   low(padding),
                   0};
  return made.append(content).append(padding, 'p');
}

inline std::string output(std::string_view content, std::size_t padding = 0) {
  return record(6, content, padding);
}

inline std::string end_request(std::uint8_t protocol_status = 0, std::size_t padding = 0) {
  std::string content(fastcgi::kEndSize, '\0');
  content[fastcgi::kEndStatus] = static_cast<char>(protocol_status);
  return record(3, content, padding);
}

/// What a whole request says; `order` has a letter for each record: b(egin), p(arams), i(nput), ? for another.
struct FastCgiRequest {
  explicit FastCgiRequest(std::string_view bytes) {
    fastcgi::RecordReader reader;
    fastcgi::RecordReader::Piece piece;
    std::string parameters;
    while (reader.next(bytes, piece) == fastcgi::RecordReader::Step::piece) {
      whole = whole && piece.last && piece.request == fastcgi::kRequest;
      if (piece.type == fastcgi::Type::begin_request) {
        order += 'b';
        begin = piece.bytes;
      } else if (piece.type == fastcgi::Type::params) {
        order += piece.bytes.empty() ? "p." : "p";
        parameters += piece.bytes;
      } else if (piece.type == fastcgi::Type::input) {
        order += piece.bytes.empty() ? "i." : "i";
        content += piece.bytes;
      } else {
        order += '?';
      }
    }
    whole = whole && bytes.empty();
    read_parameters(parameters);
  }

  bool whole = true;  // every record, and the variables with names that occur once
  std::string order;
  std::string begin;
  std::string content;
  std::map<std::string, std::string> variables;

 private:
  std::size_t take_size(std::string_view& from) {
    const auto byte = [from](std::size_t at) -> std::size_t {
      return at < from.size() ? static_cast<unsigned char>(from[at]) : 0;
    };
    const bool is_long = (byte(0) & 0x80U) != 0;
    const std::size_t size = is_long ? (byte(0) & 0x7fU) << 24U | byte(1) << 16U | byte(2) << 8U | byte(3) : byte(0);
    from.remove_prefix(std::min<std::size_t>(is_long ? 4 : 1, from.size()));
    return size;
  }
  void read_parameters(std::string_view from) {
    while (!from.empty()) {
      const std::size_t name = take_size(from);
      const std::size_t value = take_size(from);
      if (name + value > from.size()) {
        whole = false;
        return;
      }
      whole = variables.emplace(from.substr(0, name), from.substr(name, value)).second && whole;
      from.remove_prefix(name + value);
    }
  }
};

}  // namespace edge::test
