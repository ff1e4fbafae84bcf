// FastCgiCodec: an exchange with a FastCGI responder, such as php-fpm.
#pragma once

#include "proxy/fastcgi_records.h"
#include "proxy/script_path.h"
#include "proxy/upstream_codec.h"

namespace edge {

class FastCgiCodec final : public UpstreamCodec {
 public:
  /// `settings` must live as long as the codec.
  FastCgiCodec(HeadLimits limits, const FastCgiSettings& settings) : limits_(limits), settings_(settings) {}

  bool needs_length() const override { return true; }
  Result<void> write_head(const UpstreamRequest& request, std::string& to) override;
  std::size_t most_content() const override { return fastcgi::kMostContent; }
  void begin_content(std::size_t size, std::string& to) override;
  void end_content(std::size_t size, std::string& to) override;
  void finish_content(std::string& to) override;

  Step read(const char* from, std::size_t size, std::size_t& consumed, std::string_view& content) override;
  Step ended() override;
  Head& response() override { return *head_; }
  bool reusable() const override { return state_ == State::complete && keep_alive_; }
  bool begun() const override { return begun_; }
  const HeaderList* trailers() const override { return nullptr; }
  const Error& error() const override { return error_; }

 private:
  enum class State : std::uint8_t { head, content, ending, complete, failed };

  Result<std::string> parameters(const UpstreamRequest& request) const;
  void begin_answer(const UpstreamRequest& request);
  Step take(const fastcgi::RecordReader::Piece& piece, std::string_view& input, std::string_view& content);
  Step take_output(const fastcgi::RecordReader::Piece& piece, std::string_view& input, std::string_view& content);
  Step take_head(std::string_view bytes, std::string_view& input);
  Step take_content(std::string_view bytes, std::string_view& content);
  Step take_end(const fastcgi::RecordReader::Piece& piece);
  void take_errors(const fastcgi::RecordReader::Piece& piece);
  Step fail_with(std::string why, bool retryable = false);

  HeadLimits limits_;
  const FastCgiSettings& settings_;
  Request* client_ = nullptr;
  fastcgi::RecordReader reader_;
  State state_ = State::complete;
  bool has_content_ = false;  // the request
  bool keep_alive_ = false;
  bool begun_ = false;
  bool answers_head_ = false;                       // the request is by HEAD: content is dropped
  std::string head_text_;                           // until the head is whole
  std::optional<std::uint64_t> left_;               // content that is still to come, when its length is known
  std::array<char, fastcgi::kEndSize> end_record_;  // the content of end_request
  std::size_t end_size_ = 0;
  std::string said_;            // on the stream of errors, not logged yet
  std::size_t said_bytes_ = 0;  // logged of this exchange, or left out
  std::size_t fruitless_ = 0;   // bytes of records since the answer last went on
  std::optional<Head> head_;
  Error error_;
};

}  // namespace edge
