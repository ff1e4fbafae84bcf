// Listings of folders: what is shown, in which order and form, and every name that could do harm.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <string_view>
#include <thread>

#include "static/folder_listing.h"
#include "static/listing_body.h"
#include "support/static_site.h"

using namespace edge;
using namespace edge::test;

namespace {

class ListedSite : public StaticSite {
 public:
  explicit ListedSite(OpenSupport support = supports().back()) : StaticSite(support, "/pub/") { files.list = true; }
  void write_at(std::string_view name, std::string_view content, std::int64_t modified) {
    write(name, content);
    const timespec times[2] = {{modified, 0}, {modified, 0}};
    REQUIRE(utimensat(AT_FDCWD, (directory / ("root/" + std::string(name))).c_str(), times, 0) == 0);
  }
  /// The names in their order, as JSON has them.
  std::string names(std::string_view target = "/pub/") {
    const std::string text = ask(target, {{"Accept", "application/json"}}).content;
    std::string found;
    for (std::size_t at = 0; (at = text.find("\"name\": \"", at)) != text.npos;) {
      at += 9;
      found += (found.empty() ? "" : " ") + text.substr(at, text.find("\", \"url\"", at) - at);
    }
    return found;
  }
};

ListingFormat format_for(std::initializer_list<std::string_view> accept) {
  Arena arena;
  HeaderList headers(arena);
  for (const std::string_view value : accept) headers.add(HeaderName::accept, value);
  return listing_format(headers);
}

bool holds(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("listing: a page, only where there is no index file, and only when it is asked for") {
  for (const OpenSupport& support : supports()) {
    ListedSite site(support);
    site.write_at("a.txt", "12345", 784'111'777);
    site.write("sub/b.txt", "b");
    site.write("indexed/index.html", "index");
    const Answer page = site.ask("/pub/");
    CHECK(page.status == 200);
    CHECK(page.type == "text/html; charset=utf-8");
    CHECK(page.cache_control == "no-cache");
    CHECK(page.etag.empty());
    CHECK(page.last_modified.empty());
    CHECK(holds(page.content, "<title>/pub/</title>"));
    CHECK(holds(page.content, "<a href=\"../\">../</a>"));
    CHECK(holds(page.content,
                "<a href=\"a.txt\">a.txt</a></td><td><time>1994-11-06T08:49:37Z</time></td>"
                "<td title=\"5 bytes\">5 B</td>"));
    CHECK(holds(page.content, "<a href=\"sub/\">sub/</a>"));
    CHECK(site.ask("/pub/sub").location == "/pub/sub/");
    CHECK(holds(site.ask("/pub/sub/").content, "b.txt"));
    CHECK(site.ask("/pub/indexed/").content == "index");
    CHECK(site.ask("/pub/?sort=size", {{"If-None-Match", "*"}, {"Range", "bytes=0-1"}}).status == 200);
    CHECK(site.ask("/pub/", {}, "HEAD").status == 200);
    CHECK(site.status("/pub/nothing/") == 404);
    CHECK(site.ask("/pub/", {}, "POST").status == 405);
  }
  StaticSite plain(supports().back());
  plain.write("a.txt", "a");
  CHECK(plain.status("/static/") == 403);
}

TEST_CASE("listing: folders first, then by name, time or size, either way") {
  ListedSite site;
  site.write_at("b", "1", 300);
  site.write_at("A", "333", 100);
  site.write_at("c", "22", 200);
  site.write("zoo/x", "");
  site.write("Ant/x", "");
  CHECK(site.names() == "Ant zoo A b c");
  CHECK(site.names("/pub/?sort=name&order=desc") == "zoo Ant c b A");
  CHECK(site.names("/pub/?sort=time").ends_with("A c b"));
  CHECK(site.names("/pub/?order=desc&sort=time").ends_with("b c A"));
  CHECK(site.names("/pub/?sort=size").ends_with("b c A"));
  CHECK(site.names("/pub/?sort=size&order=desc").ends_with("A c b"));
  CHECK(site.names("/pub/?sort=x&order=y&&=").ends_with("A b c"));
  const std::string page = site.ask("/pub/?sort=time&order=asc").content;
  CHECK(holds(page, "<th scope=\"col\" aria-sort=\"ascending\"><a href=\"?sort=time&amp;order=desc\">"));
  CHECK(holds(page, "<th scope=\"col\"><a href=\"?sort=name&amp;order=asc\">"));
}

TEST_CASE("listing: names are escaped for people, and linked byte by byte") {
  ListedSite site;
  for (const char* name : {"<b>&\"'", "a b%#?", "javascript:alert(1)", "\xff\xfe", "new\nline", "\xc3\xa4"}) {
    site.write(name, "");
  }
  const std::string page = site.ask("/pub/").content;
  CHECK(holds(page, "<a href=\"%3Cb%3E&#38;%22&#39;\">&#60;b&#62;&#38;&#34;&#39;</a>"));
  CHECK(holds(page, "<a href=\"a%20b%25%23%3F\">a b%#?</a>"));
  CHECK(holds(page, "<a href=\"./javascript:alert(1)\">"));
  CHECK(holds(page, "<a href=\"%FF%FE\">\\xFF\\xFE</a>"));
  CHECK(holds(page, "<a href=\"new%0Aline\">new\\x0Aline</a>"));
  CHECK(holds(page, "<a href=\"%C3%A4\">\xc3\xa4</a>"));
  const std::string json = site.ask("/pub/", {{"Accept", "application/json"}}).content;
  CHECK(holds(json, "\"name\": \"\\u00ff\\u00fe\", \"url\": \"%FF%FE\""));
  CHECK(holds(json, "\"name\": \"new\\nline\", \"url\": \"new%0Aline\""));
  site.write("<i>/x", "");
  CHECK(holds(site.ask("/pub/%3Ci%3E/").content, "<h1>/pub/&#60;i&#62;/</h1>"));
}

TEST_CASE("listing: hidden, special and foreign things are left out") {
  ListedSite site;
  site.directory.write("secret", "secret");
  site.write("seen", "");
  site.write(".hidden", "");
  REQUIRE(mkfifo((site.directory / "root/fifo").c_str(), 0600) == 0);
  std::filesystem::create_symlink("../secret", site.directory / "root/out");
  std::filesystem::create_symlink("nothing", site.directory / "root/dangling");
  std::filesystem::create_symlink("loop", site.directory / "root/loop");
  std::filesystem::create_symlink("seen", site.directory / "root/inside");
  CHECK(site.names() == "inside seen");

  ListedSite never;
  never.files.links = Links::never;
  never.files.hidden_files = true;
  never.write("seen", "");
  never.write(".hidden", "");
  std::filesystem::create_symlink("seen", never.directory / "root/inside");
  CHECK(never.names() == ".hidden seen");

  ListedSite always;
  always.files.links = Links::always;
  always.directory.write("secret", "secret");
  std::filesystem::create_symlink("../secret", always.directory / "root/out");
  std::filesystem::create_symlink("/", always.directory / "root/root");
  CHECK(always.names() == "root out");
}

TEST_CASE("listing: JSON is for who accepts it rather") {
  for (const std::string_view accept :
       {"application/json", "application/json, */*", "application/json;q=0.5, text/html;q=0.4", "APPLICATION/JSON",
        "text/html;q=0, */*", "application/*", "application/json ; q=1.0,text/html;q=0.999",
        "*/*;q=0.5, application/json"}) {
    CAPTURE(accept);
    CHECK(format_for({accept}) == ListingFormat::json);
  }
  for (const std::string_view accept :
       {"", "*/*", "text/html", "text/html, application/json",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json;q=0",
        "application/json;q=0.1, */*;q=0.2, text/html;q=0.3", "text/*, application/json;q=0.9", "application/jsonp",
        ",;,q=", "image/png", "application/json;q=0.000"}) {
    CAPTURE(accept);
    CHECK(format_for({accept}) == ListingFormat::page);
  }
  CHECK(format_for({}) == ListingFormat::page);
  CHECK(format_for({"image/png", "application/json"}) == ListingFormat::json);
  CHECK(format_for({"application/json;q=0.5", "text/html"}) == ListingFormat::page);
}

TEST_CASE("listing: JSON has every fact") {
  ListedSite site;
  site.write_at("a b", "12345", 784'111'777);
  const Answer json = site.ask("/pub/", {{"Accept", "application/json"}});
  CHECK(json.type == "application/json");
  CHECK(json.content ==
        "{\"path\": \"/pub/\", \"entries\": [\n{\"name\": \"a b\", \"url\": \"a%20b\", \"type\": \"file\", "
        "\"size\": 5, \"modified\": \"1994-11-06T08:49:37Z\"}\n], \"complete\": true}\n");
  std::filesystem::create_directory(site.directory / "root/empty");
  CHECK(site.ask("/pub/empty/", {{"Accept", "application/json"}}).content ==
        "{\"path\": \"/pub/empty/\", \"entries\": [\n], \"complete\": true}\n");
}

TEST_CASE("listing: sizes for people") {
  ListedSite site;
  const auto shown = [&site](std::uint64_t size) {
    FolderListing listing;
    listing.entries.push_back({"x", false, size, 0});
    ListingBody body(std::move(listing), ListingFormat::page, {}, "/");
    const std::string page = pulled(site.loop, body);
    const std::size_t at = page.find(" bytes\">") + 8;
    return page.substr(at, page.find('<', at) - at);
  };
  CHECK(shown(0) == "0 B");
  CHECK(shown(1'023) == "1023 B");
  CHECK(shown(1'024) == "1.0 KiB");
  CHECK(shown(10'188) == "9.9 KiB");
  CHECK(shown(10'189) == "10 KiB");
  CHECK(shown(1'048'063) == "1023 KiB");
  CHECK(shown(1'048'064) == "1.0 MiB");
  CHECK(shown(~std::uint64_t{0}) == "16 EiB");
}

TEST_CASE("listing: more entries than are shown, sent in pieces, and said") {
  ListedSite site;
  const std::filesystem::path folder = site.directory / "root";
  for (std::size_t i = 0; i <= FolderListing::kMostEntries; ++i) std::ofstream(folder / std::to_string(i));
  const Answer page = site.ask("/pub/");
  CHECK_FALSE(page.length.has_value());
  CHECK(holds(page.content, "<p>There are more: only 10000 are shown.</p>"));
  CHECK(site.ask("/pub/", {{"Accept", "application/json"}}).content.ends_with("\"complete\": false}\n"));
  std::filesystem::remove(folder / "7");
  CHECK_FALSE(holds(site.ask("/pub/").content, "There are more"));
}

TEST_CASE("listing: so many names are looked at, and no more") {
  TemporaryDirectory folder;
  const auto create = [&folder](std::size_t number) {
    const std::string name = "." + std::to_string(number);
    const UniqueFd file(open((folder.path() / name).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    REQUIRE(file);
  };
  const UniqueFd directory(open(folder.path().c_str(), O_PATH | O_CLOEXEC));
  const OpenStep step = probe_open_support().blocking;
  for (std::size_t i = 0; i < FolderListing::kMostLookedAt - 2; ++i) create(i);  // besides "." and ".."
  CHECK_FALSE(FolderListing::read(directory.get(), {}, step).cut);
  create(FolderListing::kMostLookedAt);
  const FolderListing listing = FolderListing::read(directory.get(), {}, step);
  CHECK(listing.cut);
  CHECK(listing.error == 0);
  CHECK(listing.entries.empty());
}

TEST_CASE("listing: a folder that cannot be read to its end is an error") {
  TemporaryDirectory folder;
  folder.write("a", "a");
  const UniqueFd directory(open(folder.path().c_str(), O_PATH | O_CLOEXEC));
  const OpenStep step = probe_open_support().blocking;
  bool filtered = false;
  int error = 0;
  std::thread on_a_bad_disk([&] {
    sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getdents64, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    sock_fprog program{std::size(code), code};
    filtered =
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
    error = FolderListing::read(directory.get(), {}, step).error;
  });
  on_a_bad_disk.join();
  REQUIRE(filtered);
  CHECK(error == EIO);
}
