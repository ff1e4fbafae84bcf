// Reading small files, naming their forms, counting what they hold.
#include "static/file_version.h"

#include <algorithm>
#include <utility>

#include "core/http/date.h"
#include "core/page_cache.h"
#include "static/entity_tag.h"

namespace edge {

namespace {

/// False: it is large, not in the page cache, or somebody has written to it meanwhile.
bool read_now(const Resolved& file, std::string& to) {
  const std::uint64_t size = file.facts.size;
  if (size > FileVersion::kMostInMemory) return false;
  to.resize(size);
  const int fd = file.fd.get();
  const bool whole = size == 0 || read_from_memory(fd, to.data(), size, 0) == static_cast<ssize_t>(size);
  return whole && is_untouched(fd, file.facts);
}

/// "\"1-2\"" becomes "\"1-2-br\"".
std::string tag_of(const std::string& plain, Coding coding) {
  std::string tag = plain.substr(0, plain.size() - 1);
  tag += '-';
  tag += coding_name(coding);
  tag += '"';
  return tag;
}

}  // namespace

std::shared_ptr<FileVersion> FileVersion::of(Resolved resolved, std::string_view type, std::int64_t now) {
  auto version = std::make_shared<FileVersion>();
  version->facts_ = resolved.facts;
  // A time of change in the future would outlast the change after it (RFC 9110 8.8.2.1).
  version->modified_ = std::min(resolved.facts.modified, now);
  version->type_ = type;
  version->last_modified_.resize(kHttpDateSize);
  format_http_date(version->modified_, version->last_modified_.data());
  char tag[kMaxEntityTag];
  auto plain = std::make_shared<FileForm>();
  plain->entity_tag = format_entity_tag(resolved.facts, tag);
  plain->size = resolved.facts.size;
  std::string bytes;
  if (read_now(resolved, bytes)) {
    plain->content = std::move(bytes);
  } else {
    plain->content = SharedFd(std::move(resolved.fd));
  }
  version->plain_ = std::move(plain);
  return version;
}

void FileVersion::add_neighbour(Coding coding, Resolved resolved) {
  const std::uint64_t size = resolved.facts.size;
  std::string bytes;
  if (read_now(resolved, bytes)) {
    add(coding, std::move(bytes), size);
  } else {
    add(coding, SharedFd(std::move(resolved.fd)), size);
  }
  forms_[index(coding)].neighbour = true;
}

void FileVersion::add(Coding coding, std::variant<std::string, SharedFd> content, std::uint64_t size) {
  CodedForm& coded = forms_[index(coding)];
  coded.state = Coded::here;
  coded.form = std::make_shared<const FileForm>(
      FileForm{.content = std::move(content), .size = size, .entity_tag = tag_of(plain_->entity_tag, coding)});
}

bool FileVersion::has_neighbours() const {
  return std::ranges::any_of(forms_, &CodedForm::neighbour);
}

std::shared_ptr<FileVersion> FileVersion::without_neighbours() const {
  auto copy = std::make_shared<FileVersion>(*this);
  for (CodedForm& coded : copy->forms_) {
    if (coded.neighbour || coded.state == Coded::being_made) coded = {};  // what is made comes to this version
  }
  return copy;
}

std::uint64_t FileVersion::memory() const {
  std::uint64_t bytes = sizeof *this + last_modified_.capacity() + plain_->memory();
  for (const CodedForm& coded : forms_) bytes += coded.form ? coded.form->memory() : 0;
  return bytes;
}

std::uint64_t FileVersion::descriptors() const {
  std::uint64_t open = plain_->is_open_file() ? 1 : 0;
  for (const CodedForm& coded : forms_) open += coded.form && coded.form->is_open_file() ? 1 : 0;
  return open;
}

Representation FileVersion::representation(Coding coding) const {
  const FileForm& chosen = form(coding);
  Representation selected;
  if (const auto* bytes = std::get_if<std::string>(&chosen.content)) {
    selected.content = std::string_view(*bytes);
  } else {
    selected.content = std::get<SharedFd>(chosen.content);
  }
  selected.size = chosen.size;
  selected.modified = modified_;
  selected.last_modified = last_modified_;
  selected.type = type_;
  if (coding != Coding::identity) selected.encoding = coding_name(coding);
  selected.entity_tag = chosen.entity_tag;
  return selected;
}

}  // namespace edge
