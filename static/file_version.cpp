// Reading small files, naming their forms, counting what they hold.
#include "static/file_version.h"

#include <algorithm>
#include <utility>

#include "core/http/date.h"
#include "core/page_cache.h"
#include "static/entity_tag.h"

namespace edge {

namespace {

/// False: it is not in the page cache, or was cut short meanwhile.
bool read_now(int fd, std::uint64_t size, std::string& to) {
  to.resize(size);
  return size == 0 || read_from_memory(fd, to.data(), size, 0) == static_cast<ssize_t>(size);
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
  version->plain_.entity_tag = format_entity_tag(resolved.facts, tag);
  version->plain_.size = resolved.facts.size;
  std::string bytes;
  if (resolved.facts.size <= kMostInMemory && read_now(resolved.fd.get(), resolved.facts.size, bytes)) {
    version->plain_.content = std::move(bytes);
  } else {
    version->plain_.content = SharedFd(std::move(resolved.fd));
  }
  return version;
}

void FileVersion::add_neighbour(Coding coding, Resolved resolved) {
  const std::uint64_t size = resolved.facts.size;
  std::string bytes;
  if (size <= kMostInMemory && read_now(resolved.fd.get(), size, bytes)) {
    add(coding, std::move(bytes), size);
  } else {
    add(coding, SharedFd(std::move(resolved.fd)), size);
  }
  forms_[index(coding)].neighbour = true;
}

void FileVersion::add(Coding coding, std::variant<std::string, SharedFd> content, std::uint64_t size) {
  CodedForm& coded = forms_[index(coding)];
  coded.state = Coded::here;
  coded.form.content = std::move(content);
  coded.form.size = size;
  coded.form.entity_tag = tag_of(plain_.entity_tag, coding);
}

void FileVersion::forget_neighbours() {
  for (CodedForm& coded : forms_) {
    if (coded.neighbour && coded.state != Coded::being_made) coded = {};
  }
}

std::uint64_t FileVersion::memory() const {
  std::uint64_t bytes = sizeof *this + last_modified_.capacity() + plain_.memory();
  for (const CodedForm& coded : forms_) bytes += coded.form.memory();
  return bytes;
}

std::uint64_t FileVersion::descriptors() const {
  std::uint64_t open = plain_.is_open_file() ? 1 : 0;
  for (const CodedForm& coded : forms_) open += coded.form.is_open_file() ? 1 : 0;
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
