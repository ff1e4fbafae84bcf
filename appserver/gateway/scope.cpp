// Variables are gathered first, because the path of ASGI is made of two of them; then a copy of the base is filled.
#include "appserver/gateway/scope.h"

#include <charconv>
#include <string>

#include "core/uwsgi/packet.h"

namespace edge::gateway {
namespace {

constexpr std::string_view kHeaderPrefix = "HTTP_";

char header_char(char c) {
  if (c == '_') return '-';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

/// "HTTP_USER_AGENT" is b"user-agent"; what is no header is None.
Ref header_name(std::string_view variable) {
  const bool is_content = variable == "CONTENT_TYPE" || variable == "CONTENT_LENGTH";
  if (!is_content && !variable.starts_with(kHeaderPrefix)) return Ref::borrowed(Py_None);
  std::string name(is_content ? variable : variable.substr(kHeaderPrefix.size()));
  for (char& c : name) c = header_char(c);
  return bytes_object(name);
}

/// As urllib.parse.unquote does it: what is no UTF-8 shows as such.
Ref decoded(std::string_view bytes) {
  return Ref::owned(PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "replace"));
}

/// Two names that are no UTF-8 stay two.
Ref user_text(std::string_view bytes) {
  return Ref::owned(PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "surrogateescape"));
}

/// The path as the client wrote it, also within an absolute URL.
std::string_view raw_path(std::string_view target) {
  target = target.substr(0, target.find('?'));
  if (target.starts_with('/')) return target;
  const std::size_t scheme_end = target.find("://");
  if (scheme_end == target.npos) return target;
  const std::size_t path = target.find('/', scheme_end + 3);
  return path == target.npos ? "/" : target.substr(path);
}

std::string_view http_version(std::string_view protocol) {
  const std::string_view version = protocol.substr(protocol.find('/') + 1);
  return version == "2.0" ? "2" : version;
}

/// (host, port), where a text that is no port is None.
Ref address(const Ref& host, std::string_view port) {
  if (!host) return Ref::borrowed(Py_None);
  std::uint16_t number = 0;
  const bool is_number = std::from_chars(port.data(), port.data() + port.size(), number).ec == std::errc{};
  const Ref shown = is_number ? Ref::owned(PyLong_FromLong(number)) : Ref::borrowed(Py_None);
  return Ref::owned(shown ? PyTuple_Pack(2, host.get(), shown.get()) : nullptr);
}

bool set(PyObject* dict, const Ref& key, const Ref& value) {
  return value && PyDict_SetItem(dict, key.get(), value.get()) == 0;
}

}  // namespace

struct Scopes::Parts {
  Ref headers;
  Ref method;
  Ref server_name;
  Ref client_address;
  std::string_view protocol;
  std::string_view script_name;
  std::string_view path;
  std::string_view query;
  std::string_view target;
  std::string_view server_port;
  std::string_view client_port;
  std::string_view user;  // who was verified; empty: nobody
  std::string_view auth_type;
  bool is_https = false;
};

Scopes::Scopes() : names_(header_name) {}

bool Scopes::prepare() {
  struct Wanted {
    Ref& key;
    const char* name;
  };
  for (const Wanted& wanted : {
           Wanted{keys_.asgi, "asgi"},
           {keys_.extensions, "extensions"},
           {keys_.http_version, "http_version"},
           {keys_.method, "method"},
           {keys_.scheme, "scheme"},
           {keys_.path, "path"},
           {keys_.raw_path, "raw_path"},
           {keys_.query_string, "query_string"},
           {keys_.root_path, "root_path"},
           {keys_.headers, "headers"},
           {keys_.client, "client"},
           {keys_.server, "server"},
           {keys_.state, "state"},
           {keys_.user, "edge.user"},
           {keys_.user_name, "name"},
           {keys_.user_type, "type"},
       }) {
    wanted.key = Ref::owned(PyUnicode_InternFromString(wanted.name));
    if (!wanted.key) return false;
  }
  asgi_ = Ref::owned(Py_BuildValue("{s:s,s:s}", "version", "3.0", "spec_version", "2.4"));
  extensions_ = Ref::owned(Py_BuildValue("{s:{}}", "http.response.pathsend"));
  base_ = Ref::owned(Py_BuildValue("{s:s}", "type", "http"));
  if (!asgi_ || !extensions_ || !base_ || !names_.prepare()) return false;
  // With every key from the start, so that filling a copy neither grows nor rehashes it.
  for (const Ref* key :
       {&keys_.asgi, &keys_.extensions, &keys_.http_version, &keys_.method, &keys_.scheme, &keys_.path, &keys_.raw_path,
        &keys_.query_string, &keys_.root_path, &keys_.headers, &keys_.client, &keys_.server, &keys_.state}) {
    if (PyDict_SetItem(base_.get(), key->get(), Py_None) != 0) return false;
  }
  return true;
}

Environ::Built Scopes::build(std::string_view block, RequestFacts& facts, Ref& to) {
  Parts parts;
  parts.headers = Ref::owned(PyList_New(0));
  if (!parts.headers) return Environ::Built::python_error;
  const Environ::Built built = read(block, parts, facts);
  if (built != Environ::Built::ok) return built;
  Ref scope = Ref::owned(PyDict_Copy(base_.get()));
  if (!scope || !fill(scope.get(), parts)) return Environ::Built::python_error;
  to = std::move(scope);
  return Environ::Built::ok;
}

Environ::Built Scopes::read(std::string_view block, Parts& parts, RequestFacts& facts) {
  uwsgi::BlockReader reader(block);
  uwsgi::Variable variable;
  for (;;) {
    const auto step = reader.next(variable);
    if (step == uwsgi::BlockReader::Step::end) return Environ::Built::ok;
    if (step == uwsgi::BlockReader::Step::broken) return Environ::Built::broken_packet;
    if (!put(variable.name, variable.value, parts, facts)) return Environ::Built::python_error;
  }
}

bool Scopes::add_header(std::string_view name, Name* known, std::string_view value, PyObject* to) {
  PyErr_Clear();  // a name for which there was no more room
  const Ref key = known != nullptr ? Ref::borrowed(known->key.get()) : header_name(name);
  if (!key) return false;
  const bool is_told = key.get() != Py_None && !(value.empty() && name.starts_with("CONTENT_"));
  if (!is_told) return true;
  const Ref text = known != nullptr ? known->value(value, bytes_object) : bytes_object(value);
  const Ref pair = Ref::owned(text ? PyTuple_Pack(2, key.get(), text.get()) : nullptr);
  return pair && PyList_Append(to, pair.get()) == 0;
}

bool Scopes::put(std::string_view name, std::string_view value, Parts& parts, RequestFacts& facts) {
  Name* const known = names_.find(name);
  const Meaning meaning = known != nullptr ? known->meaning : Meaning::none;
  switch (meaning) {
    case Meaning::none:
      return add_header(name, known, value, parts.headers.get());
    case Meaning::method:
      facts.is_head = value == "HEAD";
      return static_cast<bool>(parts.method = known->value(value));
    case Meaning::request_id:
      facts.request_id = value;
      return true;
    case Meaning::scheme:
    case Meaning::https:
      if (value == "https" || value == "on") parts.is_https = true;
      return true;
    case Meaning::script_name:
      parts.script_name = value;
      return true;
    case Meaning::path:
      parts.path = value;
      return true;
    case Meaning::query:
      parts.query = value;
      return true;
    case Meaning::target:
      parts.target = value;
      return true;
    case Meaning::protocol:
      parts.protocol = value;
      return true;
    case Meaning::server_name:
      return static_cast<bool>(parts.server_name = known->value(value));
    case Meaning::server_port:
      parts.server_port = value;
      return true;
    case Meaning::client_address:
      return static_cast<bool>(parts.client_address = known->value(value));
    case Meaning::client_port:
      parts.client_port = value;
      return true;
    case Meaning::user:
      parts.user = value;
      return true;
    case Meaning::auth_type:
      parts.auth_type = value;
      return true;
  }
  return true;
}

Ref Scopes::extensions(const Parts& parts) const {
  Ref extensions = Ref::owned(PyDict_Copy(extensions_.get()));
  if (!extensions || parts.user.empty()) return extensions;
  const Ref user = Ref::owned(PyDict_New());
  const bool made = user && set(user.get(), keys_.user_name, user_text(parts.user)) &&
                    set(user.get(), keys_.user_type, user_text(parts.auth_type)) &&
                    set(extensions.get(), keys_.user, user);
  return made ? std::move(extensions) : Ref();
}

bool Scopes::fill(PyObject* scope, Parts& parts) const {
  std::string path(parts.script_name);
  path.append(parts.path);
  // A client on a unix socket has no port, and its address says no more than that.
  if (parts.client_port.empty()) parts.client_address.reset();
  if (!parts.method) parts.method = native_string({});
  return set(scope, keys_.asgi, Ref::owned(PyDict_Copy(asgi_.get()))) &&
         set(scope, keys_.extensions, extensions(parts)) &&
         set(scope, keys_.http_version, native_string(http_version(parts.protocol))) &&
         set(scope, keys_.method, parts.method) &&
         set(scope, keys_.scheme, native_string(parts.is_https ? "https" : "http")) &&
         set(scope, keys_.path, decoded(path)) && set(scope, keys_.raw_path, bytes_object(raw_path(parts.target))) &&
         set(scope, keys_.query_string, bytes_object(parts.query)) &&
         set(scope, keys_.root_path, decoded(parts.script_name)) && set(scope, keys_.headers, parts.headers) &&
         set(scope, keys_.client, address(parts.client_address, parts.client_port)) &&
         set(scope, keys_.server, address(parts.server_name, parts.server_port));
}

}  // namespace edge::gateway
