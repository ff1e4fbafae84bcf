// FileVersion: a file as it was when it was looked at: its facts, its content in memory or open, and those of its
// encodings that were asked for. One loop's; the answers that are under way share it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "core/http/accept_encoding.h"
#include "core/shared_fd.h"
#include "static/representation.h"
#include "static/resolve.h"

namespace edge {

/// The content in one content coding.
struct FileForm {
  std::variant<std::string, SharedFd> content;
  std::uint64_t size = 0;  // bytes
  RepresentationFields fields;

  /// Bytes of memory that it takes beside itself.
  std::uint64_t memory() const {
    const auto* const bytes = std::get_if<std::string>(&content);
    return fields.memory() + (bytes ? bytes->capacity() : 0);
  }
  bool is_open_file() const { return std::holds_alternative<SharedFd>(content); }
};

class FileVersion {
 public:
  /// Files up to this size are read into memory, larger ones are kept open.
  static constexpr std::uint64_t kMostInMemory = 64 * 1024;  // bytes

  /// How its route sends such a file.
  struct Manner {
    std::string_view type;      // Content-Type; outlives the version
    bool compressible = false;  // its type and size are among those of `compress`
    bool varies = false;        // by Accept-Encoding, which Vary says
  };
  /// Takes what was resolved, with its content if that is small and in the page cache; never blocks. `now` is in
  /// seconds since the epoch.
  static std::shared_ptr<FileVersion> of(Resolved resolved, const Manner& manner, std::int64_t now);

  const FileFacts& facts() const { return facts_; }
  const Manner& manner() const { return manner_; }
  const FileForm& plain() const { return *plain_; }

  /// What is known of an encoding.
  enum class Coded : std::uint8_t {
    unknown,
    being_made,
    none,  // there is none, or it gains nothing
    here,
  };
  Coded coded(Coding coding) const { return forms_[index(coding)].state; }
  const FileForm& form(Coding coding) const {
    return coding == Coding::identity ? *plain_ : *forms_[index(coding)].form;
  }
  void is_being_made(Coding coding) { forms_[index(coding)].state = Coded::being_made; }
  /// `looked_beside`: that may change when a file appears beside this one. `gains_nothing`: compressing it again does
  /// not help then.
  void has_no(Coding coding, bool looked_beside, bool gains_nothing = false);
  struct Compressed {
    std::string bytes;
    std::uint32_t checksum = 0;  // tells it from what the same file is compressed to otherwise
  };
  /// `looked_beside`: a file that appears beside this one takes its place.
  void add(Coding coding, Compressed compressed, bool looked_beside);
  /// The file beside this one that holds it.
  void add_neighbour(Coding coding, Resolved resolved);
  /// Nothing lies beside it: what compressing gave before holds for this version still. False: it is not known.
  bool restore(Coding coding);
  /// What was found beside the file, or not, may be another by now. Answers that are under way are made of this
  /// version, which therefore stays as it is: the copy knows nothing of neighbours.
  bool has_neighbours() const;
  std::shared_ptr<FileVersion> without_neighbours() const;

  /// Whether nobody has written to the files of its forms that are open. What is in memory stays what it is.
  bool is_untouched() const;

  /// Bytes of memory, and open files.
  std::uint64_t memory() const;
  std::uint64_t descriptors() const;

  Representation representation(Coding coding) const;

 private:
  enum class Beside : std::uint8_t { unseen, nothing, file };  // what was looked for in another file
  struct CodedForm {
    Coded state = Coded::unknown;
    std::shared_ptr<const FileForm> form{};  // when it is here, or may be restored
    Coded compressed = Coded::unknown;       // what compressing gave: `none` or `here`
    Beside beside = Beside::unseen;
    FileFacts facts{};  // of the file beside this one
  };
  std::shared_ptr<const FileForm> form_of(std::variant<std::string, SharedFd> content, std::uint64_t size,
                                          Coding coding, std::string_view tag) const;
  static std::size_t index(Coding coding) { return static_cast<std::size_t>(coding); }

  FileFacts facts_;
  std::int64_t modified_ = 0;  // seconds since the epoch, not in the future
  Manner manner_;
  std::shared_ptr<const FileForm> plain_;
  std::array<CodedForm, kCodings> forms_;
};

}  // namespace edge
