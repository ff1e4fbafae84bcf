// From a request to an open file and the head of its answer.
#include "static/static_handler.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include "core/log.h"
#include "static/directory_redirect.h"
#include "static/entity_tag.h"

namespace edge {

namespace {

constexpr std::string_view kAllow = "GET, HEAD, OPTIONS";
constexpr std::uint64_t kBetweenLogLines = 1'000;  // milliseconds

/// resolve() for the thread pool. Keeps the directory's descriptor open, which the loop may replace meanwhile.
struct PooledResolve {
  std::shared_ptr<const UniqueFd> directory;
  Wanted wanted;
  OpenStep step;
  Resolved operator()() const { return resolve(directory->get(), wanted, step); }
};

/// Looks a directory's path up on the thread pool.
struct PooledLookUp {
  const std::string* path;
  OpenStep step;
  DocumentRoot::Found operator()() const { return DocumentRoot::look_up(*path, step); }
};

Response answer_other_method(Request& request) {
  const bool options = request.method == Method::options;
  Response response = options ? Response(request.arena, 204) : Response::of_status(request.arena, 405);
  response.headers.add(HeaderName::allow, kAllow);
  return response;
}

int status_of(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return 403;
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EXDEV:
    case ENAMETOOLONG:
    case ENXIO:
    case ENODEV:
    case ESTALE:
    case EINVAL:  // a name that this file system cannot have
      return 404;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
      return 503;
    default:
      return 500;
  }
}

}  // namespace

Result<std::unique_ptr<StaticHandler>> StaticHandler::open(const config::StaticFiles& files, const RoutePath& route) {
  return open(files, route, Machine());
}

Result<std::unique_ptr<StaticHandler>> StaticHandler::open(const config::StaticFiles& files, const RoutePath& route,
                                                           const Machine& machine) {
  Result<DocumentRoot> root = DocumentRoot::open(files.directory, machine.recheck);
  if (!root) return std::unexpected(std::move(root.error()));
  return std::unique_ptr<StaticHandler>(new StaticHandler(std::move(*root), files, route, machine));
}

StaticHandler::StaticHandler(DocumentRoot root, const config::StaticFiles& files, const RoutePath& route,
                             const Machine& machine)
    : root_(std::move(root)),
      mapping_(route, files.strip_prefix, files.hidden_files),
      index_(files.index),
      types_(machine.types),
      support_(machine.support) {}

Task<Response> StaticHandler::handle(Request& request) {
  if (request.method != Method::get && request.method != Method::head) co_return answer_other_method(request);
  const std::optional<std::string_view> path = mapping_.relative(request.path);
  if (!path) co_return Response::of_status(request.arena, 404);
  if (root_.due(request.loop.now())) co_await follow_root(request.loop);

  if (const HotFile* hot = hot_.find(*path, root_.descriptor())) {
    // Its place may be given to another file before a slow client has taken the answer: the request gets a copy.
    Representation selected = select(request, hot->facts, hot->type);
    selected.content = request.arena.copy(hot->content);
    co_return answer_with(request, std::move(selected));
  }
  const Wanted wanted{*path, request.path.ends_with('/'), index_};
  if (support_.cached) {
    Resolved resolved = resolve(root_.descriptor(), wanted, OpenStep::cached);
    if (resolved.outcome != Resolved::Outcome::waits) co_return answer(request, *path, std::move(resolved));
  }
  PooledResolve work{root_.share(), wanted, support_.blocking};
  Resolved resolved = co_await request.loop.offload(work);
  co_return answer(request, *path, std::move(resolved));
}

std::optional<std::string_view> StaticHandler::path_of_file(std::string_view file, Arena& arena) const {
  std::string_view directory = root_.path();
  if (directory.ends_with('/')) directory.remove_suffix(1);
  if (!file.starts_with(directory) || !file.substr(directory.size()).starts_with('/')) return std::nullopt;
  return mapping_.path_of(file.substr(directory.size() + 1), arena);
}

Task<void> StaticHandler::follow_root(Loop& loop) {
  if (support_.cached) {
    DocumentRoot::Found found = DocumentRoot::look_up(root_.path(), OpenStep::cached);
    if (found.error != EAGAIN) {
      root_.follow(std::move(found));
      co_return;
    }
  }
  PooledLookUp work{&root_.path(), support_.blocking};
  DocumentRoot::Found found = co_await loop.offload(work);
  root_.follow(std::move(found));
}

Response StaticHandler::answer(Request& request, std::string_view path, Resolved resolved) {
  switch (resolved.outcome) {
    case Resolved::Outcome::file: {
      const std::string_view type = types_.type_of(resolved.name);
      hot_.note(path, resolved.fd.get(), resolved.facts, type, request.loop.now(), request.loop.unix_seconds());
      Representation selected = select(request, resolved.facts, type);
      selected.content = std::move(resolved.fd);
      return answer_with(request, std::move(selected));
    }
    case Resolved::Outcome::directory:
      return redirect_to_directory(request);
    case Resolved::Outcome::no_index:
      return Response::of_status(request.arena, 403);
    case Resolved::Outcome::failed:
    case Resolved::Outcome::waits:
      break;
  }
  return answer_failure(request, resolved.error);
}

Representation StaticHandler::select(Request& request, const FileFacts& facts, std::string_view type) const {
  Representation selected;
  selected.size = facts.size;
  selected.modified = facts.modified;
  selected.type = type;
  selected.entity_tag = format_entity_tag(facts, request.arena.allocate_chars(kMaxEntityTag));
  return selected;
}

Response StaticHandler::answer_failure(Request& request, int error) {
  const int status = status_of(error);
  if (const std::uint64_t now = request.loop.now(); status >= 500 && now >= quiet_until_) {
    quiet_until_ = now + kBetweenLogLines;
    log::error("request {}: {} in directory {}: {}", request.id(), request.path, root_.path(),
               std::generic_category().message(error));
  }
  return Response::of_status(request.arena, status);
}

}  // namespace edge
