// A client of an HTTP/2 door: an H2Client whose bytes go over a Wire.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "support/h2_client.h"
#include "unit/h1_wire.h"

namespace edge::h2_test {

using h1_test::EchoHandler;
using test::H2Answer;
using test::H2Client;

class H2Wire : public H2Client {
 public:
  explicit H2Wire(HttpSettings http = {}, std::unique_ptr<Handler> handler = std::make_unique<EchoHandler>(),
                  std::vector<nghttp2_settings_entry> client = {}, bool opens_windows = true, bool with_tls = false)
      : H2Client(std::move(client), opens_windows), wire(http, std::move(handler), h1_test::Speaks::http2, with_tls) {}

  /// Carries bytes both ways until nothing more comes without a deadline.
  void run() {
    for (int quiet = 0; quiet < 10; ++quiet) {
      unsent_ += bytes();
      unsent_.erase(0, wire.offer(unsent_));
      wire.turn();
      const std::string came = wire.take_bytes();
      if (!came.empty()) quiet = 0;
      feed(came);
    }
  }
  /// run() until `done`, for what takes real time.
  template <class Done>
  bool run_until(Done done) {
    for (int i = 0; i < 5000 && !done(); ++i) {
      run();
      if (!done()) ::poll(nullptr, 0, 1);
    }
    return done();
  }
  /// Puts what there is to say behind what was said, and `raw` after it, unsent.
  void put(std::string_view raw = {}) { (unsent_ += bytes()) += raw; }
  /// The answer to a request, when it has come.
  H2Answer ask(std::string_view method, std::string_view path, const test::H2Fields& fields = {},
               std::optional<std::string> body = std::nullopt) {
    const std::int32_t id = request(method, path, fields, std::move(body));
    run();
    return answers[id];
  }

  h1_test::Wire wire;

 private:
  std::string unsent_;
};

}  // namespace edge::h2_test
