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

/// "\"1-2\"", or "\"1-2-br\"".
std::string tag_of(const FileFacts& facts, Coding coding) {
  char plain[kMaxEntityTag];
  std::string tag(format_entity_tag(facts, plain));
  if (coding == Coding::identity) return tag;
  tag.back() = '-';
  tag += coding_name(coding);
  tag += '"';
  return tag;
}

}  // namespace

std::shared_ptr<FileVersion> FileVersion::of(Resolved resolved, const Manner& manner, std::int64_t now) {
  auto version = std::make_shared<FileVersion>();
  version->facts_ = resolved.facts;
  // A time of change in the future would outlast the change after it (RFC 9110 8.8.2.1).
  version->modified_ = std::min(resolved.facts.modified, now);
  version->manner_ = manner;
  const std::uint64_t size = resolved.facts.size;
  std::string bytes;
  if (read_now(resolved, bytes)) {
    version->plain_ = version->form_of(std::move(bytes), size, Coding::identity);
  } else {
    version->plain_ = version->form_of(SharedFd(std::move(resolved.fd)), size, Coding::identity);
  }
  return version;
}

std::shared_ptr<const FileForm> FileVersion::form_of(std::variant<std::string, SharedFd> content, std::uint64_t size,
                                                     Coding coding) const {
  char date[kHttpDateSize];
  format_http_date(modified_, date);
  const std::string tag = tag_of(facts_, coding);
  const std::string_view encoding = coding == Coding::identity ? std::string_view() : coding_name(coding);
  const RepresentationFields::Facts facts{tag, {date, kHttpDateSize}, encoding, manner_.type, manner_.varies};
  return std::make_shared<const FileForm>(std::move(content), size, RepresentationFields(facts));
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
  coded.form = form_of(std::move(content), size, coding);
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
  std::uint64_t bytes = sizeof *this + sizeof *plain_ + plain_->memory();
  for (const CodedForm& coded : forms_) bytes += coded.form ? sizeof *coded.form + coded.form->memory() : 0;
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
  selected.fields = &chosen.fields;
  return selected;
}

}  // namespace edge
