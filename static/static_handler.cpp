// From a request to an open file and the head of its answer.
#include "static/static_handler.h"

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "core/http/path.h"
#include "core/log.h"
#include "static/directory_redirect.h"
#include "static/entity_tag.h"
#include "static/listing_body.h"

namespace edge {

namespace {

constexpr std::string_view kAllow = "GET, HEAD, OPTIONS";
constexpr std::uint64_t kBetweenLogLines = 1'000;  // milliseconds

/// Looks a directory's path up on the thread pool.
struct PooledLookUp {
  const std::string* path;
  OpenStep step;
  DocumentRoot::Found operator()() const { return DocumentRoot::look_up(*path, step); }
};

/// Reads a folder on the thread pool.
struct PooledListing {
  std::shared_ptr<const UniqueFd> directory;
  ListingWanted wanted;
  OpenStep step;
  FolderListing operator()() const { return FolderListing::read(directory->get(), wanted, step); }
};

bool is_read(const Request& request) {
  return request.method == Method::get || request.method == Method::head;
}

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

/// Whether the next of `try` has its turn.
bool is_missing(const config::TryFiles::Candidate& candidate, const Resolved& resolved) {
  switch (resolved.outcome) {
    case Resolved::Outcome::file:
      return false;
    case Resolved::Outcome::no_index:
      return !candidate.folder;
    case Resolved::Outcome::directory:
      return true;
    case Resolved::Outcome::failed:
    case Resolved::Outcome::waits:
      break;
  }
  return status_of(resolved.error) == 404;
}

/// A normalised path in the request's arena. Nothing: variables have made something else of it.
std::optional<std::string_view> render_path(const Template& from, const Request& request) {
  thread_local std::string rendered;
  rendered.clear();
  from.render(request, rendered);
  if (rendered.find('\0') != std::string::npos) return std::nullopt;
  const Result<std::string_view> path = normalize_file_path(rendered, request.arena);
  return path ? std::optional(*path) : std::nullopt;
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
      tried_(files.tried),
      list_(files.list),
      hidden_files_(files.hidden_files),
      links_(files.links),
      types_(files.types, machine.types),
      support_(machine.support) {}

Task<Response> StaticHandler::handle(Request& request) {
  if (!tried_.files.empty()) {
    Response response = co_await handle_try(request);
    co_return response;
  }
  if (!is_read(request)) co_return answer_other_method(request);
  const std::optional<std::string_view> path = mapping_.relative(request.path);
  if (!path) co_return Response::of_status(request.arena, 404);
  if (root_.due(request.loop.now())) co_await follow_root(request.loop);

  if (const HotFile* hot = hot_.find(*path, root_.descriptor())) co_return answer_hot(request, *hot);
  const Wanted looked_for = wanted(*path, request.path.ends_with('/'));
  Resolved resolved = resolve_now(looked_for);
  if (resolved.outcome == Resolved::Outcome::waits) {
    PooledResolve work = resolve_later(looked_for);
    resolved = co_await request.loop.offload(work);
  }
  if (list_ && resolved.outcome == Resolved::Outcome::no_index) {
    Response listing = co_await list(request, *path);
    co_return listing;
  }
  co_return answer(request, *path, std::move(resolved));
}

Task<Response> StaticHandler::handle_try(Request& request) {
  if (root_.due(request.loop.now())) co_await follow_root(request.loop);
  for (const config::TryFiles::Candidate& candidate : tried_.files) {
    const std::optional<std::string_view> named = render_path(candidate.path, request);
    const std::optional<std::string_view> path = named ? mapping_.relative_of_named(*named) : std::nullopt;
    if (!path) continue;
    if (const HotFile* hot = candidate.folder ? nullptr : hot_.find(*path, root_.descriptor())) {
      co_return is_read(request) ? answer_hot(request, *hot) : answer_other_method(request);
    }
    const Wanted looked_for = wanted(*path, candidate.folder);
    Resolved resolved = resolve_now(looked_for);
    if (resolved.outcome == Resolved::Outcome::waits) {
      PooledResolve work = resolve_later(looked_for);
      resolved = co_await request.loop.offload(work);
    }
    if (is_missing(candidate, resolved)) continue;
    if (!is_read(request)) co_return answer_other_method(request);
    if (candidate.folder && request.path != *named) {
      co_return redirect_to_directory(request, named->substr(0, named->size() - 1));
    }
    if (list_ && resolved.outcome == Resolved::Outcome::no_index) {
      Response listing = co_await list(request, *path);
      co_return listing;
    }
    co_return answer(request, *path, std::move(resolved));
  }
  co_return fall_back(request);
}

Response StaticHandler::fall_back(const Request& request) const {
  if (tried_.status != 0) return Response::of_status(request.arena, tried_.status);
  Response response = Response::of_status(request.arena, 404);
  const std::optional<std::string_view> path = render_path(tried_.path, request);
  if (!path) return response;
  std::string query;
  tried_.query.render(request, query);
  response.redirect = InternalRedirect{InternalRedirect::To::route, *path, request.arena.copy(query), tried_.has_query};
  return response;
}

Resolved StaticHandler::resolve_now(const Wanted& looked_for) const {
  if (support_.cached) return resolve(root_.descriptor(), looked_for, OpenStep::cached);
  Resolved resolved;
  resolved.outcome = Resolved::Outcome::waits;
  return resolved;
}

Task<Response> StaticHandler::list(Request& request, std::string_view path) {
  const ListingOrder order = ListingOrder::of_query(request.query);
  PooledListing work{root_.share(), {path, hidden_files_, links_, order}, support_.blocking};
  FolderListing listing = co_await request.loop.offload(work);
  if (listing.error != 0) co_return answer_failure(request, listing.error);
  const ListingFormat format = listing_format(request.headers.get(HeaderName::accept));
  Response response(request.arena);
  response.headers.add(HeaderName::content_type, ListingBody::content_type(format));
  response.headers.add(HeaderName::cache_control, "no-cache");
  response.headers.add(HeaderName::vary, "Accept");
  response.body = std::make_unique<ListingBody>(std::move(listing), format, order, request.path);
  co_return response;
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
      return redirect_to_directory(request, request.path);
    case Resolved::Outcome::no_index:
      return Response::of_status(request.arena, 403);
    case Resolved::Outcome::failed:
    case Resolved::Outcome::waits:
      break;
  }
  return answer_failure(request, resolved.error);
}

Response StaticHandler::answer_hot(Request& request, const HotFile& file) const {
  // Its place may be given to another file before a slow client has taken the answer: the request gets a copy.
  Representation selected = select(request, file.facts, file.type);
  selected.content = request.arena.copy(file.content);
  return answer_with(request, std::move(selected));
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
