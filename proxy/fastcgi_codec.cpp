// Parameters and content as records out; output, errors and the end of the request back.
#include "proxy/fastcgi_codec.h"

#include <algorithm>
#include <memory>

#include "core/log.h"
#include "proxy/cgi_head.h"
#include "proxy/cgi_request.h"

namespace edge {
namespace {

using fastcgi::RecordReader;
using fastcgi::Type;

constexpr std::size_t kMostSaid = 4096;           // bytes of errors that are logged of one exchange
constexpr std::size_t kMostFruitless = 16 << 20;  // bytes of records that bring the answer no further
constexpr std::string_view kRefusals[] = {"", "it takes one request at a time", "it is overloaded",
                                          "it is no responder"};  // by end_request's protocol status

}  // namespace

Result<std::string> FastCgiCodec::parameters(const UpstreamRequest& request) const {
  Result<uwsgi::ToldRequest> told = told_request(request);
  if (!told) return std::unexpected(told.error());
  const ScriptPath path = script_path(told->path_info, settings_.index);
  const std::string script_name = std::string(request.script_name) + path.script;
  const std::string document = script_name + std::string(path.path_info);
  std::array<char, 46> ip;
  told->script_name = script_name;
  told->path_info = path.path_info;
  const std::unique_ptr<char[]> memory(new char[uwsgi::kMaxBlock]);
  uwsgi::BlockWriter block(memory.get(), uwsgi::kMaxBlock);
  block.add("GATEWAY_INTERFACE", "CGI/1.1");
  block.add("SERVER_SOFTWARE", "edge");
  block.add("REDIRECT_STATUS", "200");  // a php that was built to be called by redirects alone runs nothing without it
  block.add("DOCUMENT_ROOT", settings_.root);
  block.add("DOCUMENT_URI", document);
  block.add("SCRIPT_FILENAME", settings_.root + path.script);
  block.add("SERVER_ADDR", request.client.connection->local.ip_text(ip.data()));
  uwsgi::add_vars(*told, block);
  if (block.overflowed()) return too_many_variables();
  std::string encoded;
  uwsgi::BlockReader reader({memory.get(), block.size()});
  for (uwsgi::Variable variable; reader.next(variable) == uwsgi::BlockReader::Step::variable;) {
    fastcgi::append_parameter(variable.name, variable.value, encoded);
  }
  return encoded;
}

Result<void> FastCgiCodec::write_head(const UpstreamRequest& request, std::string& to) {
  const Result<std::string> encoded = parameters(request);
  if (!encoded) return std::unexpected(encoded.error());
  fastcgi::append_begin(request.keep_alive, to);
  fastcgi::append_stream(Type::params, *encoded, to);
  if (!request.has_content) fastcgi::append_record_head(Type::input, 0, to);
  begin_answer(request);
  return {};
}

void FastCgiCodec::begin_answer(const UpstreamRequest& request) {
  client_ = &request.client;
  reader_ = {};
  state_ = State::head;
  has_content_ = request.has_content;
  keep_alive_ = request.keep_alive;
  answers_head_ = request.method == "HEAD";
  begun_ = false;
  head_text_.clear();
  left_.reset();
  said_.clear();
  end_size_ = said_bytes_ = fruitless_ = 0;
  head_.emplace(request.client.arena);
}

void FastCgiCodec::begin_content(std::size_t size, std::string& to) {
  fastcgi::append_record_head(Type::input, size, to);
}

void FastCgiCodec::end_content(std::size_t size, std::string& to) {
  to.append(fastcgi::padding_of(size), '\0');
}

void FastCgiCodec::finish_content(std::string& to) {
  if (has_content_) fastcgi::append_record_head(Type::input, 0, to);
}

UpstreamCodec::Step FastCgiCodec::read(const char* from, std::size_t size, std::size_t& consumed,
                                       std::string_view& content) {
  consumed = 0;
  content = {};
  begun_ = begun_ || size > 0;
  std::string_view input(from, size);
  RecordReader::Piece piece;
  while (state_ == State::head || state_ == State::content) {
    const std::size_t before = input.size();
    const RecordReader::Step step = reader_.next(input, piece);
    fruitless_ += before - input.size();
    Step event = Step::need_more;
    if (step == RecordReader::Step::piece) event = take(piece, input, content);
    if (step == RecordReader::Step::broken) event = fail_with("what is not FastCGI: is the port right?");
    if (fruitless_ > kMostFruitless) event = fail_with("records without end that bring no answer");
    consumed = size - input.size();
    if (event != Step::need_more || step == RecordReader::Step::more) return event;
  }
  if (state_ == State::failed) return Step::failed;
  if (state_ == State::ending && reader_.skip_padding(input)) state_ = State::complete;
  consumed = size - input.size();
  if (state_ != State::complete) return Step::need_more;
  if (consumed < size) keep_alive_ = false;
  return Step::complete;
}

UpstreamCodec::Step FastCgiCodec::take(const RecordReader::Piece& piece, std::string_view& input,
                                       std::string_view& content) {
  const bool of_no_request = piece.type == Type::values_result || piece.type == Type::unknown_type;
  if (piece.request == 0 && of_no_request) return Step::need_more;
  if (piece.request != fastcgi::kRequest) return fail_with("a FastCGI record of another request");
  switch (piece.type) {
    case Type::output:
      return take_output(piece, input, content);
    case Type::errors:
      take_errors(piece);
      return Step::need_more;
    case Type::end_request:
      return take_end(piece);
    default:
      return fail_with("a FastCGI record of a kind that no answer has");
  }
}

UpstreamCodec::Step FastCgiCodec::take_output(const RecordReader::Piece& piece, std::string_view& input,
                                              std::string_view& content) {
  return state_ == State::head ? take_head(piece.bytes, input) : take_content(piece.bytes, content);
}

UpstreamCodec::Step FastCgiCodec::take_head(std::string_view bytes, std::string_view& input) {
  const std::size_t before = head_text_.size();
  head_text_ += bytes.substr(0, limits_.bytes + 1 - before);
  const std::size_t end = cgi_head_end(head_text_, before);
  if ((end == head_text_.npos ? head_text_.size() : end) > limits_.bytes) {
    return fail_with("a head larger than " + std::to_string(limits_.bytes) + " bytes");
  }
  if (end == head_text_.npos) return Step::need_more;
  const std::size_t behind = before + bytes.size() - end;
  reader_.give_back(behind);
  input = {input.data() - behind, input.size() + behind};
  fruitless_ = 0;
  const Result<void> parsed =
      parse_cgi_head(client_->arena.copy(std::string_view(head_text_).substr(0, end)), limits_.fields, *head_);
  head_text_ = std::string();
  if (!parsed) {
    state_ = State::failed;
    error_ = parsed.error();
    return Step::failed;
  }
  state_ = State::content;
  const bool none = answers_head_ || head_->status == 204 || head_->status == 304;
  left_ = none ? std::optional<std::uint64_t>(0) : head_->length;
  return Step::head;
}

/// What a program says beyond its Content-Length, or in answer to HEAD, is dropped.
UpstreamCodec::Step FastCgiCodec::take_content(std::string_view bytes, std::string_view& content) {
  content = left_ ? bytes.substr(0, std::min<std::uint64_t>(bytes.size(), *left_)) : bytes;
  if (content.empty()) return Step::need_more;
  if (left_) *left_ -= content.size();
  fruitless_ = 0;
  return Step::content;
}

void FastCgiCodec::take_errors(const RecordReader::Piece& piece) {
  if (said_bytes_ > kMostSaid) return;
  said_ += piece.bytes.substr(0, kMostSaid - said_bytes_);
  said_bytes_ += piece.bytes.size();
  const bool too_much = said_bytes_ > kMostSaid;
  if (too_much) said_ += " (the rest is left out)";
  if (said_.empty() || !(piece.last || too_much)) return;
  log::warn("[{}] request {}: {}", client_->upstream.address, client_->id(), said_);
  said_ = std::string();
}

UpstreamCodec::Step FastCgiCodec::take_end(const RecordReader::Piece& piece) {
  if (piece.record_size != end_record_.size()) return fail_with("an end of the request that is none");
  end_size_ += piece.bytes.copy(end_record_.data() + end_size_, end_record_.size() - end_size_);
  if (!piece.last) return Step::need_more;
  if (const auto status = static_cast<unsigned char>(end_record_[fastcgi::kEndStatus]); status != 0) {
    const std::string_view why = status < std::size(kRefusals) ? kRefusals[status] : "for a reason of its own";
    return fail_with("a refusal: " + std::string(why), state_ == State::head);
  }
  if (state_ == State::head) return fail_with("an end of the request before the head of an answer was whole");
  if (left_.value_or(0) > 0) {
    return fail_with("an end of the request " + std::to_string(*left_) + " bytes before its Content-Length");
  }
  state_ = State::ending;
  return Step::need_more;
}

UpstreamCodec::Step FastCgiCodec::ended() {
  if (state_ == State::complete || state_ == State::ending) {
    state_ = State::complete;
    keep_alive_ = false;
    return Step::complete;
  }
  if (state_ == State::failed) return Step::failed;
  const bool in_head = state_ == State::head;
  error_ = {ErrorKind::bad_gateway, Side::upstream, in_head,
            !begun_   ? "the server closed the connection without an answer"
            : in_head ? "the server closed the connection before the head of its answer was whole"
                      : "the server closed the connection before the end of its answer"};
  state_ = State::failed;
  return Step::failed;
}

UpstreamCodec::Step FastCgiCodec::fail_with(std::string why, bool retryable) {
  state_ = State::failed;
  error_ = {ErrorKind::bad_gateway, Side::upstream, retryable, "the server answered with " + std::move(why)};
  return Step::failed;
}

}  // namespace edge
