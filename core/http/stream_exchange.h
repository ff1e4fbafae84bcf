// StreamExchange: one request on a connection that is a byte stream, as far as HTTP/1 and uwsgi have it in common: the
// wait for the socket, and content that is sent as it is.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/http/exchange.h"

namespace edge {

class StreamExchange : public Exchange {
 public:
  using Exchange::Exchange;

  // ResponseWriter
  bool try_write_file(int fd, std::uint64_t offset, std::uint64_t length) override;
  Task<Result<void>> write_file(int fd, std::uint64_t offset, std::uint64_t length) override;
  Task<Result<void>> flush() override;

  bool waits_to_read() const { return waits(For::input); }
  bool waits_to_write() const { return waits(For::room); }
  /// Each resumes that wait for the socket, if there is one.
  void wake_reader(Result<void> with);
  void wake_writer(Result<void> with);

 protected:
  ~StreamExchange() = default;

  /// Arms the deadline and the socket for a Wait.
  void expect_input();
  void expect_room();
  Task<Result<void>> send_all(std::string_view content);
};

}  // namespace edge
