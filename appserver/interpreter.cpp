// Looking for a Python: the virtualenv, PATH, and last the libraries that the dynamic linker knows.
#include "appserver/interpreter.h"

#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "appserver/shim.h"

namespace edge {

namespace {

using Clock = std::chrono::steady_clock;

bool is_program(const std::string& path) {
  struct stat about{};
  return stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) && access(path.c_str(), X_OK) == 0;
}

bool is_version(std::string_view text) {
  return text.starts_with("3.") && text.size() > 2 && text.find_first_not_of("0123456789", 2) == text.npos;
}

bool is_library(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("libpython") && name.find(".so") != name.npos;
}

std::string search_path() {
  const char* const path = std::getenv("PATH");
  return path ? path : "/usr/local/bin:/usr/bin:/bin";
}

/// The first interpreter of that name in PATH, or empty.
Result<std::string> in_search_path(std::string_view name, Clock::time_point deadline) {
  const std::string path = search_path();
  std::string_view left = path;
  while (!left.empty()) {
    const std::string_view directory = left.substr(0, left.find(':'));
    left.remove_prefix(std::min(left.size(), directory.size() + 1));
    if (!directory.starts_with('/')) continue;  // relative ones change with the folder
    const std::string candidate = std::string(directory) + '/' + std::string(name);
    if (!is_program(candidate)) continue;
    Result<std::string> real = interpreter_behind(candidate, deadline);
    if (!real || is_program(*real)) return real;
  }
  return std::string();
}

std::vector<std::string> matching(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return paths;
}

/// Adds what ld.so.conf(5) names in `file`; included files include no further ones.
void add_directories(const std::string& file, std::vector<std::string>& to) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    line.erase(std::min(line.find('#'), line.size()));
    line.erase(line.find_last_not_of(" \t") + 1);
    if (line.starts_with('/')) to.push_back(line);
  }
}

std::vector<std::string> library_directories() {
  std::vector<std::string> directories;
  add_directories("/etc/ld.so.conf", directories);
  for (const std::string& file : matching("/etc/ld.so.conf.d/*.conf")) add_directories(file, directories);
  for (const char* usual : {"/lib", "/usr/lib", "/lib64", "/usr/lib64"}) directories.emplace_back(usual);
  return directories;
}

/// The minor version in ".../libpython3.11.so.1.0", or -1.
int minor_version(std::string_view library) {
  constexpr std::string_view kBefore = "libpython3.";
  const std::size_t at = library.rfind(kBefore);
  int minor = -1;
  if (at != library.npos) std::from_chars(library.data() + at + kBefore.size(), library.data() + library.size(), minor);
  return minor;
}

/// The library of that version ("3.12"), or of the newest there is; empty when there is none.
std::string find_library(std::string_view version) {
  const std::string pattern = "libpython" + (version.empty() ? "3.[0-9]*" : std::string(version)) + ".so*";
  std::string best;
  for (const std::string& directory : library_directories()) {
    for (std::string& library : matching(directory + '/' + pattern)) {
      if (minor_version(library) > minor_version(best)) best = std::move(library);
    }
  }
  return best;
}

Interpreter program(std::string file, const std::string& virtualenv) {
  // Its argv[0] is where a Python looks for pyvenv.cfg, so any interpreter can serve a virtualenv.
  std::string name = virtualenv.empty() ? file : virtualenv + "/bin/python";
  return {std::move(file), {std::move(name)}, {}};
}

Interpreter hosted(std::string library, const std::string& virtualenv, const std::string& self_exe) {
  std::string name = virtualenv.empty() ? "python3" : virtualenv + "/bin/python";
  return {self_exe, {self_exe, "python-host", std::move(library), std::move(name)}, {}};
}

std::unexpected<Error> not_found(std::string what) {
  return fail(ErrorKind::internal, Side::ours, std::move(what));
}

Result<Interpreter> find_version(std::string_view version, const std::string& virtualenv, const std::string& self_exe,
                                 Clock::time_point deadline) {
  const std::string name = "python" + (version.empty() ? "3" : std::string(version));
  Result<std::string> file = in_search_path(name, deadline);
  if (!file) return std::unexpected(std::move(file.error()));
  if (!file->empty()) return program(std::move(*file), virtualenv);
  if (std::string library = find_library(version); !library.empty()) {
    return hosted(std::move(library), virtualenv, self_exe);
  }
  return not_found("no Python found: looked for " + name + " in PATH (" + search_path() + ") and for libpython" +
                   (version.empty() ? "3.*" : std::string(version)) + ".so in the folders of the dynamic linker");
}

/// `app.python` is a path.
Result<Interpreter> find_file(const config::App& app, const std::string& self_exe) {
  if (is_library(app.python)) {
    if (access(app.python.c_str(), R_OK) != 0) return not_found("there is no library " + app.python);
    return hosted(app.python, app.virtualenv, self_exe);
  }
  if (!is_program(app.python)) return not_found(app.python + " is no program that can be run");
  return program(app.python, app.virtualenv);
}

Result<Interpreter> find_interpreter(const config::App& app, const std::string& self_exe, Clock::time_point deadline) {
  if (app.python.find('/') != app.python.npos) return find_file(app, self_exe);
  if (is_version(app.python)) {
    if (const std::string own = app.virtualenv + "/bin/python" + app.python;
        !app.virtualenv.empty() && is_program(own)) {
      return program(own, app.virtualenv);
    }
    return find_version(app.python, app.virtualenv, self_exe, deadline);
  }
  if (app.python != "auto") {
    Result<std::string> file = in_search_path(app.python, deadline);
    if (!file) return std::unexpected(std::move(file.error()));
    if (file->empty()) return not_found("there is no " + app.python + " in PATH (" + search_path() + ")");
    return program(std::move(*file), app.virtualenv);
  }
  if (app.virtualenv.empty()) return find_version({}, {}, self_exe, deadline);
  std::string own = app.virtualenv + "/bin/python";
  if (is_program(own)) return program(std::move(own), app.virtualenv);
  return find_version({}, app.virtualenv, self_exe, deadline);
}

}  // namespace

Result<Interpreter> Interpreter::find(const config::App& app, const std::string& self_exe, Milliseconds within) {
  Result<Interpreter> found = find_interpreter(app, self_exe, Clock::now() + within);
  if (!found || (app.user.empty() && app.group.empty())) return found;
  Result<Account> account = Account::find(app.user, app.group);
  if (!account) return std::unexpected(std::move(account.error()));
  found->account = std::move(*account);
  return found;
}

}  // namespace edge
