// A uwsgi packet from a list of variables, as a server in front sends it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "core/uwsgi/packet.h"

namespace edge::test {

using PacketVariables = std::initializer_list<std::pair<std::string_view, std::string_view>>;

inline std::string uwsgi_block(PacketVariables variables) {
  std::string block(uwsgi::kMaxBlock, '\0');
  uwsgi::BlockWriter writer(block.data(), block.size());
  for (const auto& [name, value] : variables) writer.add(name, value);
  block.resize(writer.size());
  return block;
}

inline std::string uwsgi_packet(const std::string& block, std::uint8_t modifier1 = 0) {
  std::string packet(uwsgi::kHeaderSize, '\0');
  uwsgi::encode_header({modifier1, static_cast<std::uint16_t>(block.size()), 0}, packet.data());
  return packet + block;
}

inline std::string uwsgi_packet(PacketVariables variables) {
  return uwsgi_packet(uwsgi_block(variables));
}

}  // namespace edge::test
