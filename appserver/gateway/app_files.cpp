// Looking before the import, and comparing when asked.
#include "appserver/gateway/app_files.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "appserver/gateway/python.h"

namespace edge::gateway {

namespace {

/// `__file__` of a module; empty when it has none. Runs no code of the app, as asking for the attribute might.
std::string file_of(PyObject* module) {
  if (!PyModule_Check(module)) return {};
  PyObject* const file = PyDict_GetItemString(PyModule_GetDict(module), "__file__");
  if (file == nullptr || !PyUnicode_Check(file)) return {};
  const Ref bytes = Ref::owned(PyUnicode_EncodeFSDefault(file));
  if (!bytes) PyErr_Clear();
  return bytes ? std::string(bytes_of(bytes.get())) : std::string();
}

/// The file itself, or the archive that it is in.
std::optional<SeenFile> on_disk(std::string path) {
  while (!path.empty()) {
    if (const std::optional<FileState> state = file_state(path)) return SeenFile{std::move(path), *state};
    path.resize(std::max(path.rfind('/') + 1, std::string::size_type{1}) - 1);
  }
  return std::nullopt;
}

bool holds(const std::vector<SeenFile>& files, const std::string& path) {
  const auto found = std::ranges::lower_bound(files, path, {}, &SeenFile::path);
  return found != files.end() && found->path == path;
}

std::vector<SeenFile> look_again_at(const std::vector<SeenFile>& files) {
  std::vector<SeenFile> found;
  for (const SeenFile& file : files) {
    if (const std::optional<FileState> state = file_state(file.path)) found.push_back({file.path, *state});
  }
  return found;
}

}  // namespace

AppFiles& app_files() {
  static AppFiles the_files;
  return the_files;
}

FileTree AppFiles::look() const {
  FileTree tree({.files = kMostFiles, .entries = 2 * kMostFiles});
  for (const std::string& file : left_out_) tree.leave_out(file);
  for (const std::string& folder : folders_) tree.add(folder);
  return tree;
}

void AppFiles::remember_folders(std::vector<std::string> folders, std::vector<std::string> left_out) {
  folders_ = std::move(folders);
  left_out_ = std::move(left_out);
  FileTree tree = look();
  complete_ = tree.is_complete();
  failure_ = tree.failure();
  beneath_ = tree.take();
}

void AppFiles::remember_modules() {
  PyObject* name = nullptr;
  PyObject* module = nullptr;
  for (Py_ssize_t position = 0; PyDict_Next(PyImport_GetModuleDict(), &position, &name, &module) != 0;) {
    std::optional<SeenFile> file = on_disk(file_of(module));
    if (file && !holds(beneath_, file->path)) modules_.push_back(std::move(*file));
  }
  std::ranges::sort(modules_, {}, &SeenFile::path);
  const auto repeated = std::ranges::unique(modules_, {}, &SeenFile::path);
  modules_.erase(repeated.begin(), repeated.end());
}

std::string AppFiles::first_change() const {
  FileTree tree = look();
  const std::string& failure = failure_.empty() ? tree.failure() : failure_;
  if (!failure.empty()) return "files cannot be looked at: " + failure;
  if (!complete_ || !tree.is_complete()) {
    std::string text = "there are too many files to tell, more than " + std::to_string(kMostFiles) + " beneath";
    for (const std::string& folder : folders_) text += ' ' + folder;
    return text;
  }
  const std::string beneath = first_difference(beneath_, tree.take());
  return beneath.empty() ? first_difference(modules_, look_again_at(modules_)) : beneath;
}

}  // namespace edge::gateway
