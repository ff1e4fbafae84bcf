// The app's files as they were when its import began, to tell later whether one has changed.
#pragma once

#include <string>
#include <vector>

#include "core/file_tree.h"

namespace edge::gateway {

/// The zygote's. All of it runs with the interpreter's lock held and never gives it away, so that threads which the app
/// left at import stand still. Links are followed anew at each look, so a link that was turned to another release
/// shows.
class AppFiles {
 public:
  /// Just before the import: what is beneath `folders` (see FileTree), but for the files `left_out`. Costs about a
  /// microsecond a file, and looks at kMostFiles at most.
  void remember_folders(std::vector<std::string> folders, std::vector<std::string> left_out);
  /// After it: the files of all modules that are not among those, so that a package which was upgraded shows.
  void remember_modules();

  /// For people: "/srv/blog/views.py changed", "… is new", "… is gone", or that there are too many files to tell or
  /// that they could not be looked at. Empty: nothing has changed.
  std::string first_change() const;

  static constexpr std::size_t kMostFiles = 20'000;

 private:
  FileTree look() const;

  std::vector<std::string> folders_;
  std::vector<std::string> left_out_;
  bool complete_ = true;
  std::string failure_;
  std::vector<SeenFile> beneath_;
  std::vector<SeenFile> modules_;
};

/// One for the process, because it is begun before the import and used after it.
AppFiles& app_files();

}  // namespace edge::gateway
