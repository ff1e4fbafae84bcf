// The schema of apps.
#include "config/schema.h"

namespace edge::config {
namespace {

constexpr Key kApp[] = {
    Key{"interface", Type::choice, "auto",
        "What the app speaks. `auto`: an asynchronous callable, or one of exactly three arguments, is ASGI."}
        .of("auto, wsgi, asgi"),
    Key{"module", Type::text, "~", "Dotted module, or `module:callable`. This or `wsgi_file` must be given."},
    Key{"wsgi_file", Type::path, "~", "A Python file in place of `module`."},
    Key{"callable", Type::text, "~",
        "Name of the application in it. Looked for when not given: `application`, `app`, then `create_app()`."},
    Key{"chdir", Type::path, "~", "Working directory; without it the folder of the file that names the app."},
    Key{"virtualenv", Type::path, "~",
        "Virtual environment; without it `.venv` or `venv` in `chdir`, when there is one."},
    Key{"python", Type::text, "auto",
        "`auto` (the virtual environment's, else `python3`), a version such as `3.12`, or a path to an interpreter or "
        "to a libpython."},
    Key{"python_path", Type::paths, "[]", "Folders put before Python's own module path."},
    Key{"env", Type::text_map, "{}", "Environment variables of the app."},
    Key{"processes", Type::number_or_map, "2",
        "Worker processes: so many always, or a map as below, by which they follow the load."}
        .between(1, 1024),
    Key{"threads", Type::number, "1",
        "WSGI: Python threads in a process, each one request at a time. Answers are taken from them ahead of slow "
        "clients, 1 MiB of each and 512 MiB together in each loop: a thread that generates a larger one waits for its "
        "client, but one that returns a file (`wsgi.file_wrapper`, `X-Sendfile`) never does. An ASGI app has one event "
        "loop in a process."}
        .between(1, 1024),
    Key{"concurrency", Type::number, "1000", "ASGI: requests in flight in a process."}.between(1, 100'000),
    Key{"preload", Type::boolean, "true",
        "Import once, then fork workers that share memory; `false`: each worker imports by itself."},
    Key{"user", Type::text, "~",
        "User that the whole app runs as, its import included, with all groups of that user; `HOME`, `USER` and "
        "`LOGNAME` are set for it unless `env` gives them. Without it the edge's own. Another user needs an edge that "
        "is started as root; it keeps the right to change users when it becomes `edge.user`, and gives that right up "
        "when no app names a user or group."},
    Key{"group", Type::text, "~", "Group of the app's processes; without it the user's own."},
    Key{"queue", Type::number, "1000", "Requests that may wait for a free worker; above it 503 with `Retry-After`."}
        .between(0, 1'000'000),
    Key{"queue_timeout", Type::duration, "30s", "A request that waited longer gets 503."}.between(1, kMostTime),
    Key{"depth", Type::number, "32",
        "WSGI: requests at most that a worker's thread has at a time, the one that it answers included: more are "
        "handed "
        "ahead while that is about 3 ms of work, so that it need not sleep in between. `1`: none."}
        .between(1, 64),
    Key{"request_timeout", Type::duration, "60s",
        "A request that ran longer without a byte of its answer gets 504. Once the answer has begun it is the longest "
        "pause between two pieces of it, while the client takes them: a stream that goes on may last for ever, and one "
        "that pauses longer breaks off. The worker's stacks are logged, an exception is raised in the view, and if "
        "that does not help the worker is replaced. The same holds for what the app does when its answer is complete, "
        "in `close()` for example, and for a worker that is at nothing and reads no request for so long."}
        .between(1, kMostTime),
    Key{"start_timeout", Type::duration, "60s", "An import that took longer has failed."}.between(1, kMostTime),
    Key{"max_requests", Type::number, "0",
        "A worker is replaced after about so many requests, not all at the same time, and its replacement is ready "
        "before; `0`: never."}
        .between(0, 1'000'000'000),
    Key{"max_memory", Type::size, "0",
        "A worker whose resident memory is above it is replaced between two requests; at least `1M`. What a worker "
        "allocates is limited to twice as much, and to no less than 256 MiB above it: beyond that Python raises "
        "`MemoryError`. `0`: never, and no limit."}
        .between(0, 1ULL << 50),
    Key{"restart", Type::map, "{}", "Back-off of a worker that dies while starting."},
    Key{"shutdown_timeout", Type::duration, "~",
        "How long a worker may take to finish what it holds when it is replaced: by a reload, `edge restart`, `edge "
        "upgrade`, `max_requests` or `max_memory`. What it is at then is cut off, with a line in the log: a request "
        "that is safe to repeat is asked again, another gets 504. Without it as long as `request_timeout`, and at "
        "least `30s`: so no request is cut off that could have been answered. "
        "A shorter one cuts off requests that had time left. A stop of edge ends after `edge.shutdown_timeout`, "
        "whatever this says."}
        .between(1, kMostTime),
    Key{"socket", Type::text, "~",
        "Serve the plain uwsgi protocol here as well, for a web server in front: `:3031` (IPv4 and IPv6), "
        "`127.0.0.1:3031`, `[::1]:3031`, `fd:3` (inherited), or a path with a `/` in it. Whoever can connect is "
        "believed in what it says "
        "of the client."},
    Key{"chmod_socket", Type::text, "660", "Mode of that socket when it is a path, in octal digits, up to `777`."},
    Key{"reload_on", Type::paths, "[]", "Paths or patterns (`conf/*.ini`) whose change is a rolling reload."},
};

constexpr Key kProcesses[] = {
    Key{"min", Type::number, "1", "Kept when there is nothing to do."}.between(1, 1024),
    Key{"max", Type::number, "", "Reached while requests queue; at least `min`."}.between(1, 1024),
    Key{"idle", Type::duration, "60s", "A worker above `min` that had no work for so long ends."}.between(1, kMostTime),
};

constexpr Key kRestart[] = {
    Key{"delay", Type::duration, "100ms", "Before the first new attempt; doubled for each one after."}.between(
        1, kMostTime),
    Key{"max_delay", Type::duration, "10s", "The longest pause."}.between(1, kMostTime),
};

constexpr SectionSchema kAppSections[] = {
    {"apps.NAME", "A Python application. NAME is of letters, digits, `.`, `_` and `-`.", {kApp}},
    {"apps.NAME.processes", "`processes` as a map: as many as the load asks for.", {kProcesses}},
    {"apps.NAME.restart", "Back-off of a worker that dies while starting.", {kRestart}},
};

}  // namespace

std::span<const SectionSchema> app_sections() {
  return kAppSections;
}

}  // namespace edge::config
