// Machine: what loading asks of the machine it runs on. Tests and the fuzzer answer from memory.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "config/load.h"
#include "core/account.h"

namespace edge::config {

class Machine {
 public:
  enum class Kind : std::uint8_t { missing, file, directory };  // file: anything that is no directory

  virtual ~Machine() = default;
  /// Every path asked for is absolute.
  virtual std::string working_directory() const = 0;
  virtual Kind kind(const std::string& path) const = 0;
  /// A directory is readable when its files can be reached as well.
  virtual bool readable(const std::string& path) const = 0;
  /// The content, or the reason why it cannot be read. Stops a little above kMostDocumentBytes.
  virtual std::expected<std::string, std::string> read(const std::string& path) const = 0;
  /// The names in a directory, in any order, without "." and ".."; none when it cannot be read.
  virtual std::vector<std::string> names(const std::string& directory) const = 0;
  virtual std::optional<std::string> variable(const std::string& name) const = 0;
  /// What `threads: auto` means.
  virtual unsigned usable_cpus() const = 0;
  /// Account::find().
  virtual Result<Account> account(const std::string& user, const std::string& group) const = 0;
  /// Whether this process can start others under that account: its own, or any.
  virtual bool may_run_as(const Account& account) const = 0;
};

/// The machine we are on, with the environment given. Blocking.
class ThisMachine final : public Machine {
 public:
  explicit ThisMachine(Environment environment) : environment_(std::move(environment)) {}
  std::string working_directory() const override;
  Kind kind(const std::string& path) const override;
  bool readable(const std::string& path) const override;
  std::expected<std::string, std::string> read(const std::string& path) const override;
  std::vector<std::string> names(const std::string& directory) const override;
  std::optional<std::string> variable(const std::string& name) const override { return environment_(name); }
  unsigned usable_cpus() const override;
  Result<Account> account(const std::string& user, const std::string& group) const override;
  bool may_run_as(const Account& account) const override;

 private:
  Environment environment_;
};

/// `path` made absolute against `directory`, which is absolute, without "." steps, doubled or trailing slashes. ".."
/// stays: what it means depends on symbolic links.
std::string absolute_path(const std::string& directory, const std::string& path);
/// "sites/a.yaml" -> "sites"; "a.yaml" -> "".
std::string parent_path(const std::string& path);

}  // namespace edge::config
