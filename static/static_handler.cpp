// From a request to an open file and the head of its answer.
#include "static/static_handler.h"

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "core/escape.h"
#include "core/http/path.h"
#include "core/log.h"
#include "static/directory_redirect.h"
#include "static/listing_body.h"

namespace edge {

namespace {

constexpr std::string_view kAllow = "GET, HEAD, OPTIONS";

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

/// In the request's arena. Variables are decoded, and a query is escaped: headers and apps take it as it stands.
std::string_view render_query(const Template& from, const Request& request) {
  thread_local std::string rendered;
  thread_local std::string query;
  rendered.clear();
  query.clear();
  from.render(request, rendered);
  append_url_query(rendered, query);
  return request.arena.copy(query);
}

/// Of a folder's index file, below the directory.
std::string_view index_path(Arena& arena, std::string_view folder, std::string_view name) {
  if (folder.empty()) return name;
  char* const path = arena.allocate_chars(folder.size() + name.size());
  folder.copy(path, folder.size());
  name.copy(path + folder.size(), name.size());
  return {path, folder.size() + name.size()};
}

}  // namespace

Result<std::unique_ptr<StaticHandler>> StaticHandler::open(const config::StaticFiles& files, const RoutePath& route,
                                                           HotFiles& hot) {
  return open(files, route, hot, Machine());
}

Result<std::unique_ptr<StaticHandler>> StaticHandler::open(const config::StaticFiles& files, const RoutePath& route,
                                                           HotFiles& hot, const Machine& machine) {
  Result<DocumentRoot> root = DocumentRoot::open(files.directory, machine.recheck);
  if (!root) return std::unexpected(std::move(root.error()));
  return std::unique_ptr<StaticHandler>(new StaticHandler(std::move(*root), files, route, hot, machine));
}

StaticHandler::StaticHandler(DocumentRoot root, const config::StaticFiles& files, const RoutePath& route, HotFiles& hot,
                             const Machine& machine)
    : root_(std::move(root)),
      mapping_(route, files.strip_prefix, files.hidden_files),
      index_(files.index),
      tried_(files.tried),
      list_(files.list),
      hidden_files_(files.hidden_files),
      links_(files.links),
      types_(files.types, machine.types),
      support_(machine.support),
      encodings_(files.precompressed, files.links, machine.support),
      hot_(hot),
      owner_(hot.new_owner()) {}

Task<Response> StaticHandler::handle(Request& request) {
  if (!tried_.files.empty()) {
    Response response = co_await handle_try(request);
    co_return response;
  }
  if (!is_read(request)) co_return answer_other_method(request);
  const std::optional<std::string_view> path = mapping_.relative(request.path);
  if (!path) co_return Response::of_status(request.arena, 404);
  if (root_.due(request.loop.now())) co_await follow_root(request.loop);

  const bool folder = request.path.ends_with('/');
  if (std::shared_ptr<FileVersion> hot = find_hot(request, *path, folder)) {
    Response response(request.arena);
    if (!answer_at_once(request, hot, response)) response = co_await answer_file(request, *path, std::move(hot));
    co_return response;
  }
  Resolved resolved = co_await resolve_anyhow(request, wanted(*path, folder));
  Response response = co_await answer(request, *path, std::move(resolved));
  co_return response;
}

Task<Response> StaticHandler::handle_try(Request& request) {
  if (root_.due(request.loop.now())) co_await follow_root(request.loop);
  for (const config::TryFiles::Candidate& candidate : tried_.files) {
    const std::optional<std::string_view> named = render_path(candidate.path, request);
    const std::optional<std::string_view> path = named ? mapping_.relative_of_named(*named) : std::nullopt;
    if (!path) continue;
    const bool elsewhere = candidate.folder && request.path != *named;
    if (std::shared_ptr<FileVersion> hot = elsewhere ? nullptr : find_hot(request, *path, candidate.folder)) {
      if (!is_read(request)) co_return answer_other_method(request);
      Response response = co_await answer_file(request, *path, std::move(hot));
      co_return response;
    }
    Resolved resolved = co_await resolve_anyhow(request, wanted(*path, candidate.folder));
    if (is_missing(candidate, resolved)) continue;
    if (resolved.outcome == Resolved::Outcome::failed && resolved.error == EACCES) {
      PooledSight look{root_.share(), wanted(*path, candidate.folder), support_.blocking};
      const bool seen = co_await request.loop.offload(look);
      if (!seen) continue;
    }
    if (!is_read(request)) co_return answer_other_method(request);
    if (elsewhere) co_return redirect_to_directory(request, named->substr(0, named->size() - 1));
    Response response = co_await answer(request, *path, std::move(resolved));
    co_return response;
  }
  co_return fall_back(request);
}

Response StaticHandler::fall_back(const Request& request) const {
  if (tried_.status != 0) return Response::of_status(request.arena, tried_.status);
  Response response = Response::of_status(request.arena, 404);
  const std::optional<std::string_view> path = render_path(tried_.path, request);
  if (!path) return response;
  response.redirect =
      InternalRedirect{InternalRedirect::To::route, *path, render_query(tried_.query, request), tried_.has_query};
  return response;
}

Resolved StaticHandler::resolve_now(const Wanted& looked_for) const {
  if (support_.cached) return resolve(root_.descriptor(), looked_for, OpenStep::cached);
  Resolved resolved;
  resolved.outcome = Resolved::Outcome::waits;
  return resolved;
}

/// A file server that is out of descriptors gives up those that it merely keeps.
Task<Resolved> StaticHandler::resolve_anyhow(Request& request, Wanted looked_for) const {
  Resolved resolved = resolve_now(looked_for);
  if (resolved.outcome == Resolved::Outcome::failed && (resolved.error == EMFILE || resolved.error == ENFILE)) {
    hot_.drop_open_files();
    resolved.outcome = Resolved::Outcome::waits;
  }
  if (resolved.outcome != Resolved::Outcome::waits) co_return resolved;
  PooledResolve work{root_.share(), looked_for, support_.blocking};
  Resolved settled = co_await request.loop.offload(work);
  co_return settled;
}

/// A folder's index file is kept only if it is the first that is looked for: no other can come before it.
std::shared_ptr<FileVersion> StaticHandler::find_hot(const Request& request, std::string_view path, bool folder) const {
  if (!folder) return path.empty() ? nullptr : hot_.find(hot_place(path), request.loop.now());
  if (index_.empty()) return nullptr;
  return hot_.find(hot_place(index_path(request.arena, path, index_.front())), request.loop.now());
}

Task<Response> StaticHandler::list(Request& request, std::string_view path) {
  const ListingOrder order = ListingOrder::of_query(request.query);
  PooledListing work{root_.share(), {path, hidden_files_, links_, order}, support_.blocking};
  FolderListing listing = co_await request.loop.offload(work);
  if (listing.error != 0) co_return answer_failure(request, listing.error);
  const ListingFormat format = listing_format(request.headers);
  Response response(request.arena);
  response.headers.add(HeaderName::content_type, ListingBody::content_type(format));
  response.headers.add(HeaderName::cache_control, "no-cache");
  response.headers.add(HeaderName::vary, "Accept");
  response.is_listing = true;
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
      follow(std::move(found));
      co_return;
    }
  }
  PooledLookUp work{&root_.path(), support_.blocking};
  DocumentRoot::Found found = co_await loop.offload(work);
  follow(std::move(found));
}

/// Of another directory nothing is known yet.
void StaticHandler::follow(DocumentRoot::Found found) {
  const int before = root_.descriptor();
  root_.follow(std::move(found));
  if (root_.descriptor() != before) owner_ = hot_.new_owner();
}

Task<Response> StaticHandler::answer(Request& request, std::string_view path, Resolved resolved) {
  switch (resolved.outcome) {
    case Resolved::Outcome::file: {
      const bool is_index = resolved.name.data() != path.data();
      const bool may_be_kept = !is_index || resolved.name.data() == index_.front().data();
      const std::string_view file = is_index ? index_path(request.arena, path, resolved.name) : path;
      const FileVersion::Manner manner = encodings_.manner(request, types_.type_of(file), resolved.facts.size);
      std::shared_ptr<FileVersion> version = FileVersion::of(std::move(resolved), manner, request.loop.unix_seconds());
      if (may_be_kept) {
        version = hot_.keep(hot_place(file), std::move(version), request.loop.now(), request.loop.unix_seconds());
      }
      Response response = co_await answer_file(request, file, std::move(version));
      co_return response;
    }
    case Resolved::Outcome::directory:
      co_return redirect_to_directory(request, request.path);
    case Resolved::Outcome::no_index: {
      if (!list_) co_return Response::of_status(request.arena, 403);
      Response listing = co_await list(request, path);
      co_return listing;
    }
    case Resolved::Outcome::failed:
    case Resolved::Outcome::waits:
      break;
  }
  co_return answer_failure(request, resolved.error);
}

/// False: the encoding that is wanted is not known yet.
bool StaticHandler::answer_at_once(Request& request, const std::shared_ptr<FileVersion>& version,
                                   Response& response) const {
  Coding coding = Coding::identity;
  if (encodings_.vary(request, *version)) coding = encodings_.choose(request, *version);
  if (coding != Coding::identity && version->coded(coding) != FileVersion::Coded::here) return false;
  response = answer_version(request, version, coding);
  return true;
}

/// `path` is the file's own, below the directory.
Task<Response> StaticHandler::answer_file(Request& request, std::string_view path,
                                          std::shared_ptr<FileVersion> version) {
  const std::uint32_t owner = owner_;
  while (true) {
    Response response(request.arena);
    if (answer_at_once(request, version, response)) co_return response;
    const Coding coding = encodings_.choose(request, *version);
    Encodings::Place place{root_.share(), path};
    co_await encodings_.prepare(request, std::move(place), version, coding);
    hot_.recount({owner, -1, path});
  }
}

Response StaticHandler::answer_version(Request& request, const std::shared_ptr<FileVersion>& version,
                                       Coding coding) const {
  Response response = answer_with(request, version->representation(coding));
  if (version->manner().varies && !encodings_.vary(request, *version)) response.headers.remove(HeaderName::vary);
  response.keep = version;
  return response;
}

Response StaticHandler::answer_failure(Request& request, int error) {
  const int status = status_of(error);
  if (status >= 500 && pace_.lets_pass(request.loop.now())) {
    log::error("request {}: {} in directory {}: {}", request.id(), request.path, root_.path(),
               std::generic_category().message(error));
  }
  return Response::of_status(request.arena, status);
}

}  // namespace edge
