// Reading `listen`.
#include "config/listen.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace edge::config {
namespace {

constexpr std::size_t kLongestUnixPath = 107;  // sockaddr_un's sun_path less its final NUL
constexpr int kFirstInherited = 3;             // sd_listen_fds(3): after those of standard input, output and error

void read_unix(Loading& loading, const ListedText& from, Listen& to) {
  const std::string path = from.text.substr(std::string_view("unix:").size());
  if (path.empty()) {
    loading.problems.add(from.place, from.path, "the path is missing; expected unix:/path/to/socket");
    return;
  }
  to.unix_path = loading.absolute(from.place, path);
  check_socket_path(loading, to.unix_path, from.place, from.path);
}

/// Whether there is such a descriptor is known only once edge listens: `edge check` is run from elsewhere.
void read_inherited(Loading& loading, const ListedText& from, Listen& to) {
  const char* const number = from.text.data() + std::string_view("fd:").size();
  const char* const end = from.text.data() + from.text.size();
  const auto [read, failed] = std::from_chars(number, end, to.inherited);
  if (failed == std::errc() && read == end && to.inherited >= kFirstInherited) return;
  to.inherited = -1;
  loading.problems.add(from.place, from.path,
                       fmt::format("{} is no inherited descriptor; expected fd: and a number from {} on, as systemd "
                                   "counts the sockets of a unit",
                                   quoted(from.text), kFirstInherited));
}

class ListenReader {
 public:
  ListenReader(const Section& site, SiteClaims& claims) : site_(site), claims_(claims) {}

  void read(const Node& node, const std::string& path) {
    if (node.kind == Node::Kind::map) return read_map(node, path);
    if (node.kind != Node::Kind::scalar) {
      site_.loading().problems.add(node.place, path, "expected an address such as \":80\", or a map");
      return;
    }
    add(read_address(site_.loading(), {node.text, node.place, path}), {}, path);
  }

  /// For a site that does not say.
  void read_preset(bool tls) {
    Listen listen = read_address(site_.loading(), {tls ? ":8443" : ":8080", site_.place(), site_.path_of("listen")});
    listen.tls = listen.http2 = tls;
    add(std::move(listen), {}, site_.path_of("listen"));
  }

  std::vector<Listen> take() { return std::move(listens_); }

 private:
  void read_map(const Node& node, const std::string& path) {
    const Section section(site_.loading(), "sites[].listen[]", path, node.place, &node);
    const Node* address = section.given("address");
    if (!address) return section.missing("address", "the address is missing; expected one such as \":80\"");
    if (address->kind != Node::Kind::scalar) return section.refuse("address", *address);
    Listen listen = read_address(site_.loading(), {address->text, address->place, section.path_of("address")});
    std::uint32_t backlog = static_cast<std::uint32_t>(listen.backlog);
    section.read("backlog", backlog);
    section.read("tls", listen.tls);
    listen.http2 = listen.tls;
    section.read("http2", listen.http2);
    section.read("proxy_protocol", listen.proxy_protocol);
    listen.backlog = static_cast<int>(backlog);
    add(std::move(listen), section.given("backlog") ? section.place_of("backlog") : Place(), path);
  }

  void add(Listen listen, Place backlog_given, const std::string& path) {
    const auto twice = std::find(listens_.begin(), listens_.end(), listen);
    if (twice != listens_.end()) {
      if (!listen.is_set()) return;  // reported already
      site_.loading().problems.add(listen.place, path,
                                   fmt::format("is the same address as at {}; keep one", twice->place.text()));
      return;
    }
    listens_.push_back(std::move(listen));
    claims_.backlogs.push_back(std::move(backlog_given));
  }

  const Section& site_;
  SiteClaims& claims_;
  std::vector<Listen> listens_;
};

}  // namespace

void check_socket_path(Loading& loading, const std::string& path, const Place& place, const std::string& key) {
  if (path.size() <= kLongestUnixPath) return;
  loading.problems.add(
      place, key, fmt::format("{} is too long for a socket, which may have {} bytes", quoted(path), kLongestUnixPath));
}

Listen read_address(Loading& loading, const ListedText& from) {
  Listen listen;
  listen.place = from.place;
  listen.text = from.text;
  if (from.text.starts_with("unix:")) {
    read_unix(loading, from, listen);
  } else if (from.text.starts_with("fd:")) {
    read_inherited(loading, from, listen);
  } else if (const Result<Address> address = Address::parse(from.text)) {
    listen.address = *address;
  } else {
    loading.problems.add(from.place, from.path,
                         fmt::format("{} is no address to listen on; expected \":80\", \"127.0.0.1:80\", "
                                     "\"[::1]:80\", \"unix:/path\" or \"fd:3\"",
                                     quoted(from.text)));
  }
  return listen;
}

std::vector<Listen> load_listen(const Section& site, SiteClaims& claims) {
  ListenReader reader(site, claims);
  const Node* node = site.given("listen");
  if (!node) {
    reader.read_preset(site.given("tls") != nullptr);
  } else if (node->kind == Node::Kind::list) {
    if (node->items.empty()) site.problem("listen", "the list is empty; leave the key out to listen on :8080");
    for (std::size_t i = 0; i < node->items.size(); ++i) {
      reader.read(*node->items[i], item_path(site.path_of("listen"), i));
    }
  } else {
    reader.read(*node, site.path_of("listen"));
  }
  return reader.take();
}

}  // namespace edge::config
