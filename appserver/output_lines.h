// OutputLines: what a process writes to its standard output and error, cut into lines of bounded length.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/net/socket.h"
#include "core/result.h"
#include "core/unique_fd.h"

namespace edge {

/// On the main loop. Deletes itself when it is closed.
class OutputLines final : public Socket {
 public:
  struct Close {
    void operator()(OutputLines* lines) const { lines->finish(); }
  };
  using Ref = std::unique_ptr<OutputLines, Close>;
  using Line = std::move_only_function<void(std::string_view line)>;

  /// A longer line comes in pieces.
  static constexpr std::size_t kMaxLine = 8 * 1024;

  /// `pipe` is the reading end, non-blocking. Error: the loop cannot watch it.
  static Result<Ref> open(Loop& loop, UniqueFd pipe, Line line);

  /// Reads what is there, without waiting, and hands out an unfinished line too.
  void read_all();

 private:
  explicit OutputLines(Line line) : line_(std::move(line)) {}
  ~OutputLines() = default;
  void finish();
  void on_readable() override;
  void on_writable() override {}
  void on_closed() override { delete this; }
  bool read_some();
  void cut(std::string_view bytes);
  void end_line();

  Line line_;
  std::string begun_;  // of a line whose end has not come
};

}  // namespace edge
