// Asking the apps what has changed, swapping those that have, and turning the loops to the new configuration.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "cmd/process_setup.h"
#include "cmd/reload.h"
#include "core/log.h"

namespace edge {

namespace {

const config::App* find_app(const config::Snapshot& snapshot, const std::string& name) {
  const auto at = std::ranges::find(snapshot.apps, name, &config::App::name);
  return at == snapshot.apps.end() ? nullptr : &*at;
}

bool same_apps(const Apps& running, const config::Snapshot& now) {
  return running.all().size() == now.apps.size() &&
         std::ranges::all_of(now.apps, [&running](const config::App& app) { return running.find(app.name); });
}

bool same_sockets(const config::Snapshot& before, const config::Snapshot& now) {
  return std::ranges::all_of(now.apps, [&before](const config::App& app) {
    const config::App* const was = find_app(before, app.name);
    return was && was->socket == app.socket && was->socket_mode == app.socket_mode;
  });
}

/// "2 listeners opened, 1 closed", or nothing.
std::string listeners_text(const Addresses::Change& change) {
  const auto counted = [](std::size_t count) { return fmt::format("{} listener{}", count, count == 1 ? "" : "s"); };
  if (change.opened == 0) return change.closed == 0 ? std::string() : counted(change.closed) + " closed";
  const std::string opened = counted(change.opened) + " opened";
  return change.closed == 0 ? opened : fmt::format("{}, {} closed", opened, change.closed);
}

}  // namespace

void Reload::ask_apps(Job& job) {
  job.phase = Phase::swapping;
  for (const config::App& app : job.snapshot->apps) {
    if (!running_.apps.find(app.name) || (!job.only.empty() && job.only != app.name)) continue;
    AppReload& entry = job.report.apps.emplace_back();
    entry.name = app.name;
    entry.outcome = "unchanged";
  }
  job.left = job.report.apps.size() + 1;
  const auto answered = [this, &job] {
    if (--job.left == 0) swap_apps(job);
  };
  for (AppReload& entry : job.report.apps) {
    const Apps::App& app = *running_.apps.find(entry.name);
    if (!(app.pool->app() == *find_app(*job.snapshot, entry.name))) {
      entry.because = "its settings have changed";
      answered();
    } else if (job.change && job.change->wants_folders(app)) {
      entry.because = "it is to name its folders of files (static: auto)";
      answered();
    } else {
      app.pool->ask_changed([&entry, answered](std::string what) {
        entry.because = std::move(what);
        answered();
      });
    }
  }
  answered();
}

void Reload::swap_apps(Job& job) {
  std::vector<AppReload>& apps = job.report.apps;
  const bool new_certificates = job.change && job.change->has_new_certificates();
  if (new_certificates) job.report.applied.emplace_back("tls: certificates were read again");
  const bool new_lists = job.change && job.change->has_new_lists();
  if (new_lists) job.report.applied.emplace_back("lists: files were read again");
  const bool nothing = !new_certificates && !new_lists && job.only.empty() && job.sections.empty() &&
                       job.report.needs_restart.empty() && same_apps(running_.apps, *job.snapshot) &&
                       same_sockets(*running_.snapshot, *job.snapshot) &&
                       std::ranges::all_of(apps, [](const AppReload& app) { return app.because.empty(); });
  job.left = 1;
  for (AppReload& app : apps) {
    const bool differs = !app.because.empty();
    if (!differs && !job.only.empty()) app.because = "it was asked for";
    if (!differs && nothing) app.because = "nothing has changed, so every app is reloaded";
    if (app.because.empty()) continue;
    ++job.left;
    swap(job, app, differs);
  }
  if (--job.left == 0) commit(job);
}

void Reload::swap(Job& job, AppReload& entry, bool differs) {
  log::info("[{}] reloading: {}", entry.name, entry.because);
  const Apps::App& app = *running_.apps.find(entry.name);
  if (app.folders->wants_opening()) app.pool->find_folders(app.folders->opener());
  app.pool->reload(*find_app(*job.snapshot, entry.name), differs,
                   [this, &job, &entry, began = running_.main.now()](SwapResult result) {
                     entry.outcome = result.ok ? "reloaded" : "failed";
                     entry.generation = result.generation;
                     entry.took = running_.main.now() - began;
                     entry.error = std::move(result.error);
                     if (--job.left == 0) commit(job);
                   });
}

/// An app that could not be swapped serves on by its old generation; the rest takes effect.
void Reload::commit(Job& job) {
  if (!job.change) return finish();
  job.phase = Phase::committing;
  const config::Process& process = job.snapshot->process;
  if (process.max_connections > running_.snapshot->process.max_connections) raise_file_limit(process);
  job.change->commit([this, &job](const Changeover::Done& done) {
    report_change(job, done);
    finish();
  });
  job.change.reset();
}

void Reload::report_change(Job& job, const Changeover::Done& done) {
  ReloadReport& report = job.report;
  for (const std::string& name : done.started) {
    AppReload& entry = report.apps.emplace_back();
    entry.name = name;
    entry.outcome = "started";
    entry.generation = 1;
    log::info("[{}] the app is new and serves", name);
  }
  for (const std::string& name : done.removed) {
    AppReload& entry = report.apps.emplace_back();
    entry.name = name;
    entry.outcome = "removed";
    log::info("[{}] the app is removed, and ends after its last request", name);
  }
  std::ranges::sort(report.apps, {}, [&apps = job.snapshot->apps](const AppReload& app) {
    return std::pair(std::ranges::find(apps, app.name, &config::App::name), std::string_view(app.name));
  });
  const std::string listeners = listeners_text(done.addresses);
  for (const std::string& section : job.sections) {
    if (section != "sites" || listeners.empty()) report.applied.push_back(section + ": applied");
  }
  if (!listeners.empty()) report.applied.push_back("sites: " + listeners);
  for (const std::string& what : report.applied) log::info("{}", what);
  for (const std::string& problem : done.addresses.problems) {
    log::error("{}", problem);
    report.not_applied.push_back(problem);
  }
}

}  // namespace edge
