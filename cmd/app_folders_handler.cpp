// First the folders, then the app.
#include "cmd/app_folders_handler.h"

#include <algorithm>

#include "core/filters/expires.h"

namespace edge {

namespace {

/// What a file that is there is answered with. Anything else, a folder or one that may not be read, is for the app.
bool is_of_file(int status) {
  return status == 200 || status == 206 || status == 304 || status == 412 || status == 416;
}

bool is_hash(std::string_view text) {
  constexpr std::size_t kDigits = 12;
  return text.size() == kDigits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// What is behind the last dot, taken off with it; empty when there is none.
std::string_view take_last_part(std::string_view& name) {
  const std::size_t dot = name.rfind('.');
  if (dot == name.npos) return {};
  const std::string_view part = name.substr(dot + 1);
  name = name.substr(0, dot);
  return part;
}

bool is_hashed(const OpenFolder& folder, std::string_view path) {
  return folder.hashed_names && has_hash(path) &&
         !std::ranges::binary_search(folder.not_hashed, path.substr(folder.url.size()));
}

}  // namespace

bool has_hash(std::string_view path) {
  std::string_view name = path.substr(path.rfind('/') + 1);
  const std::string_view last = take_last_part(name);
  return is_hash(last) || is_hash(take_last_part(name));
}

const OpenFolder* AppFoldersHandler::folder_for(const Request& request) const {
  if (request.method != Method::get && request.method != Method::head) return nullptr;
  const auto found = std::ranges::find_if(
      *place_->folders, [&request](const OpenFolder& folder) { return request.path.starts_with(folder.url); });
  return found == place_->folders->end() ? nullptr : &*found;
}

Task<Response> AppFoldersHandler::handle(Request& request) {
  const OpenFolder* const folder = folder_for(request);
  return folder ? handle_in(request, place_->folders, *folder) : app_->handle(request);
}

Task<Response> AppFoldersHandler::handle_in(Request& request,
                                            std::shared_ptr<const FolderList> /*lives_until_answered*/,
                                            const OpenFolder& folder) {
  Response response = co_await folder.files->handle(request);
  if (!is_of_file(response.status)) {
    Response of_app = co_await app_->handle(request);
    co_return of_app;
  }
  response.coding_settled = true;  // as for any route of files
  if (is_hashed(folder, request.path)) {
    apply_expires({.kind = Expires::Kind::immutable}, request.loop, response);
  }
  co_return response;
}

}  // namespace edge
