// Reading small files, naming their forms, counting what they hold.
#include "static/file_version.h"

#include <algorithm>
#include <charconv>
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

std::string tag_of(const FileFacts& facts) {
  char tag[kMaxEntityTag];
  return std::string(format_entity_tag(facts, tag));
}

/// "\"1-2-br-3-4\"": what tells one content of a coding from another stands behind it, since a file beside this one may
/// be replaced, and a compressor set differently, while this one stays.
std::string tag_of(const FileFacts& facts, Coding coding, std::string_view content) {
  std::string tag = tag_of(facts);
  tag.back() = '-';
  tag.append(coding_name(coding)).append("-").append(content).append("\"");
  return tag;
}

std::string without_quotes(const std::string& tag) {
  return tag.substr(1, tag.size() - 2);
}

}  // namespace

std::shared_ptr<FileVersion> FileVersion::of(Resolved resolved, const Manner& manner, std::int64_t now) {
  auto version = std::make_shared<FileVersion>();
  version->facts_ = resolved.facts;
  // A time of change in the future would outlast the change after it (RFC 9110 8.8.2.1).
  version->modified_ = std::min(resolved.facts.modified, now);
  version->manner_ = manner;
  const std::uint64_t size = resolved.facts.size;
  const std::string tag = tag_of(resolved.facts);
  std::string bytes;
  if (read_now(resolved, bytes)) {
    version->plain_ = version->form_of(std::move(bytes), size, Coding::identity, tag);
  } else {
    version->plain_ = version->form_of(SharedFd(std::move(resolved.fd)), size, Coding::identity, tag);
  }
  return version;
}

std::shared_ptr<const FileForm> FileVersion::form_of(std::variant<std::string, SharedFd> content, std::uint64_t size,
                                                     Coding coding, std::string_view tag) const {
  char date[kHttpDateSize];
  format_http_date(modified_, date);
  const std::string_view encoding = coding == Coding::identity ? std::string_view() : coding_name(coding);
  const RepresentationFields::Facts facts{tag, {date, kHttpDateSize}, encoding, manner_.type, manner_.varies};
  return std::make_shared<const FileForm>(std::move(content), size, RepresentationFields(facts));
}

void FileVersion::has_no(Coding coding, bool looked_beside, bool gains_nothing) {
  CodedForm& coded = forms_[index(coding)];
  coded = {.state = Coded::none, .beside = looked_beside ? Beside::nothing : Beside::unseen};
  if (gains_nothing) coded.compressed = Coded::none;
}

void FileVersion::add(Coding coding, Compressed compressed, bool looked_beside) {
  std::array<char, 8> hex;
  const char* const end = std::to_chars(hex.data(), hex.data() + hex.size(), compressed.checksum, 16).ptr;
  const std::string tag = tag_of(facts_, coding, {hex.data(), end});
  const std::uint64_t size = compressed.bytes.size();
  forms_[index(coding)] = {.state = Coded::here,
                           .form = form_of(std::move(compressed.bytes), size, coding, tag),
                           .compressed = Coded::here,
                           .beside = looked_beside ? Beside::nothing : Beside::unseen};
}

void FileVersion::add_neighbour(Coding coding, Resolved resolved) {
  const FileFacts facts = resolved.facts;
  const std::string tag = tag_of(facts_, coding, without_quotes(tag_of(facts)));
  std::string bytes;
  std::shared_ptr<const FileForm> form;
  if (read_now(resolved, bytes)) {
    form = form_of(std::move(bytes), facts.size, coding, tag);
  } else {
    form = form_of(SharedFd(std::move(resolved.fd)), facts.size, coding, tag);
  }
  forms_[index(coding)] = {.state = Coded::here, .form = std::move(form), .beside = Beside::file, .facts = facts};
}

bool FileVersion::restore(Coding coding) {
  CodedForm& coded = forms_[index(coding)];
  if (coded.compressed == Coded::unknown) return false;
  coded.state = coded.compressed;
  return true;
}

bool FileVersion::has_neighbours() const {
  return std::ranges::any_of(forms_, [](const CodedForm& coded) { return coded.beside != Beside::unseen; });
}

std::shared_ptr<FileVersion> FileVersion::without_neighbours() const {
  auto copy = std::make_shared<FileVersion>(*this);
  for (CodedForm& coded : copy->forms_) {
    if (coded.beside == Beside::file) coded = {};
    // What is being made comes to this version; what compressing gave is kept until somebody has looked.
    if (coded.state == Coded::being_made || coded.beside == Beside::nothing) coded.state = Coded::unknown;
  }
  return copy;
}

bool FileVersion::is_untouched() const {
  const auto holds = [](const FileForm& form, const FileFacts& facts) {
    const auto* const file = std::get_if<SharedFd>(&form.content);
    return !file || edge::is_untouched(file->get(), facts);
  };
  return holds(*plain_, facts_) && std::ranges::all_of(forms_, [&](const CodedForm& coded) {
           return !coded.form || holds(*coded.form, coded.facts);
         });
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
