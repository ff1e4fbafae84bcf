// StaticHandler: the files of a directory, for one route. GET and HEAD; the content is left to the pump as a FileRange.
//
//   Path                     Answer
//   a regular file           200, or 304, 412, 206 or 416 by the request's preconditions and ranges
//   a folder, "/" at its end its first index file; when it has none its listing, or without `list` 403
//   a folder, no "/"         301 to the same path with "/"
//   hidden, outside, a FIFO, a device, nothing: 404; no permission: 403; out of descriptors: 503
//
// With `try` the first of its files that is there answers; a folder, which has "/" at its end there, answers as above
// to a request for its own path, and others are redirected to that. What may not be read answers with 403, but what
// lies in a folder that may not be searched is not there. When none is there the last of the list answers: a
// status, or the route of a path, which gets requests of any method. As in nginx.
//
// A file that was served lately is served from memory (static/hot_files.h), as its compressed forms are
// (static/encodings.h). Another one whose path the kernel has in memory never leaves the loop's thread and costs
// openat2 and fstat; anything else is opened on the thread pool. Paths and links cannot lead out of the directory (see
// static/beneath.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/snapshot.h"
#include "core/http/handler.h"
#include "core/log_pace.h"
#include "core/result.h"
#include "static/beneath.h"
#include "static/document_root.h"
#include "static/encodings.h"
#include "static/hot_files.h"
#include "static/mime.h"
#include "static/resolve.h"
#include "static/route_mapping.h"

namespace edge {

class StaticHandler final : public Handler {
 public:
  /// What is of the machine, not of the configuration; tests give their own.
  struct Machine {
    const MimeTypes& types = MimeTypes::of_system();  // outlives the handler
    OpenSupport support = probe_open_support();
    Milliseconds recheck = DocumentRoot::kRecheck;
  };

  /// Blocks; for start-up. Fails when the directory cannot be opened; the error names it and the reason. `hot` is of
  /// the loop that the handler is used on, and outlives it.
  static Result<std::unique_ptr<StaticHandler>> open(const config::StaticFiles& files, const RoutePath& route,
                                                     HotFiles& hot);
  static Result<std::unique_ptr<StaticHandler>> open(const config::StaticFiles& files, const RoutePath& route,
                                                     HotFiles& hot, const Machine& machine);

  Task<Response> handle(Request& request) override;
  bool serves_files() const override { return true; }
  std::optional<std::string_view> path_of_file(std::string_view file, Arena& arena) const override;

 private:
  StaticHandler(DocumentRoot root, const config::StaticFiles& files, const RoutePath& route, HotFiles& hot,
                const Machine& machine);

  Task<void> follow_root(Loop& loop);
  void follow(DocumentRoot::Found found);
  std::shared_ptr<FileVersion> find_hot(const Request& request, std::string_view path, bool folder) const;
  HotFiles::Place hot_place(std::string_view path) const {
    return {owner_, root_.descriptor(), path, links_, support_.cached ? OpenStep::cached : support_.blocking};
  }
  Task<Response> handle_try(Request& request);
  Response fall_back(const Request& request) const;
  Wanted wanted(std::string_view path, bool folder) const { return {path, folder, index_, links_}; }
  Resolved resolve_now(const Wanted& wanted) const;
  Task<Resolved> resolve_anyhow(Request& request, Wanted wanted) const;
  Task<Response> list(Request& request, std::string_view path);
  Task<Response> answer(Request& request, std::string_view path, Resolved resolved);
  Task<Response> answer_file(Request& request, std::string_view path, std::shared_ptr<FileVersion> version);
  bool answer_at_once(Request& request, const std::shared_ptr<FileVersion>& version, Response& response) const;
  Response answer_version(Request& request, const std::shared_ptr<FileVersion>& version, Coding coding) const;
  Response answer_failure(Request& request, int error);

  DocumentRoot root_;
  RouteMapping mapping_;
  std::vector<std::string> index_;
  config::TryFiles tried_;
  bool list_;
  bool hidden_files_;
  Links links_;
  MimeTypes types_;
  OpenSupport support_;
  Encodings encodings_;
  HotFiles& hot_;
  std::uint32_t owner_;  // of what hot_ has of this directory
  LogPace pace_;         // of failures
};

}  // namespace edge
