// Building the tree from yaml-cpp's events, which show what its own tree hides: keys given twice, and aliases.
#include "config/document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/null.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "config/environment.h"
#include "config/positions.h"
#include "config/utf8.h"

namespace edge::config {
namespace {

/// Throws YAML::ParserException, as the parser does, where going on makes no sense.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(Positions& positions, const Environment& environment, Problems& problems)
      : positions_(positions), environment_(environment), problems_(problems) {}

  NodePtr root() const { return root_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_as_key(mark);
    std::shared_ptr<Node> node = make(Node::Kind::null, mark);
    if (in_map()) node->place = frames_.back().key_place;  // the mark of a value left out is the next token's
    remember(anchor, {node, 1, 0});
    place_value(std::move(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_tag(mark, tag);
    std::shared_ptr<Node> node = make(Node::Kind::scalar, mark);
    if (value.find('\0') != std::string::npos) throw YAML::ParserException(mark, "a NUL cannot stand in a value");
    if (!positions_.quote_is_closed(mark)) throw YAML::ParserException(mark, "this quote is never closed");
    Substituted result = substitute(value, environment_);
    node->lead = positions_.lead(mark, value);
    node->text = value;
    const bool is_key = expects_key();
    for (Substituted::Fault& fault : result.faults) {
      problems_.add(node->place_in_text(fault.offset), is_key ? path_of_container() : path_of_next(),
                    std::move(fault.message));
    }
    node->text = std::move(result.text);
    if (result.changed) node->lead = -1;
    if (!result.faults.empty())
      problems_.silence(node->place);
    else if (result.changed && !is_key && tag == "?" && YAML::IsNullString(node->text))
      node->kind = Node::Kind::null;
    remember(anchor, {node, 1, 0});
    if (is_key)
      begin_entry(*node);
    else
      place_value(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_as_key(mark);
    if (anchor >= anchors_.size() || !anchors_[anchor].node) throw YAML::ParserException(mark, "it refers to itself");
    const Anchored& anchored = anchors_[anchor];
    count(mark, anchored.nodes);
    check_depth(mark, anchored.height);
    raise_height(anchored.height);
    place_value(anchored.node);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(Node::Kind::list, mark, tag, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(Node::Kind::map, mark, tag, anchor);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapEnd() override { end(); }

 private:
  struct Anchored {
    NodePtr node;
    std::size_t nodes = 0;   // in all, itself included
    std::size_t height = 0;  // levels of lists and maps
  };
  /// A list or map whose end has not come yet.
  struct Frame {
    std::shared_ptr<Node> node;
    YAML::anchor_t anchor = 0;
    std::size_t nodes_before = 0;
    std::size_t height = 1;
    std::optional<std::string> key;  // of the value that comes next
    Place key_place;
    std::unordered_map<std::string, Place> keys;
    bool drop = false;  // the key was given before: its value is read and forgotten
  };

  bool in_map() const { return !frames_.empty() && frames_.back().node->kind == Node::Kind::map; }
  bool expects_key() const { return in_map() && !frames_.back().key; }

  std::string path_of_container() const {
    std::string path;
    for (std::size_t i = 0; i + 1 < frames_.size(); ++i) append_step(frames_[i], path);
    return path;
  }
  std::string path_of_next() const {
    std::string path;
    for (const Frame& frame : frames_) append_step(frame, path);
    return path;
  }
  static void append_step(const Frame& frame, std::string& path) {
    if (frame.key)
      path = key_path(path, *frame.key);
    else if (frame.node->kind == Node::Kind::list)
      path = item_path(path, frame.node->items.size());
  }

  static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag != "?" && tag != "!" && !tag.empty()) {
      throw YAML::ParserException(mark, fmt::format("tags such as {} are not used here", quoted(tag)));
    }
  }
  void refuse_as_key(const YAML::Mark& mark) const {
    if (expects_key()) throw YAML::ParserException(mark, "a key must be text");
  }
  void count(const YAML::Mark& mark, std::size_t nodes) {
    nodes_ += nodes;
    if (nodes_ <= kMostDocumentNodes) return;
    throw YAML::ParserException(
        mark, fmt::format("with its aliases written out it holds more than {} values", kMostDocumentNodes));
  }
  void check_depth(const YAML::Mark& mark, std::size_t height) const {
    if (frames_.size() + height <= kMostDocumentDepth) return;
    throw YAML::ParserException(mark, fmt::format("nested more than {} levels deep", kMostDocumentDepth));
  }
  void raise_height(std::size_t inner) {
    if (!frames_.empty()) frames_.back().height = std::max(frames_.back().height, inner + 1);
  }

  std::shared_ptr<Node> make(Node::Kind kind, const YAML::Mark& mark) {
    count(mark, 1);
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->place = positions_.place(mark);
    return node;
  }

  void remember(YAML::anchor_t anchor, Anchored anchored) {
    if (anchor == 0) return;
    if (anchor >= anchors_.size()) anchors_.resize(anchor + 1);
    anchors_[anchor] = std::move(anchored);
  }

  void begin(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_tag(mark, tag);
    refuse_as_key(mark);
    check_depth(mark, 1);
    const std::size_t nodes_before = nodes_;
    Frame frame;
    frame.node = make(kind, mark);
    frame.anchor = anchor;
    frame.nodes_before = nodes_before;
    frames_.push_back(std::move(frame));
  }

  void end() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    remember(frame.anchor, {frame.node, nodes_ - frame.nodes_before, frame.height});
    raise_height(frame.height);
    place_value(std::move(frame.node));
  }

  void begin_entry(const Node& key) {
    Frame& frame = frames_.back();
    frame.key = key.text;
    frame.key_place = key.place;
    const auto [earlier, is_new] = frame.keys.try_emplace(key.text, key.place);
    frame.drop = !is_new;
    if (is_new) return;
    problems_.add(key.place, key_path(path_of_container(), key.text),
                  fmt::format("is given twice; first at {}; keep one", earlier->second.text()));
  }

  void place_value(NodePtr node) {
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node->kind == Node::Kind::list) {
      frame.node->items.push_back(std::move(node));
      return;
    }
    if (!frame.drop) frame.node->entries.push_back({*frame.key, frame.key_place, std::move(node)});
    frame.key.reset();
  }

  Positions& positions_;
  const Environment& environment_;
  Problems& problems_;
  std::vector<Frame> frames_;
  std::vector<Anchored> anchors_;  // by yaml-cpp's number
  std::size_t nodes_ = 0;
  NodePtr root_;
};

/// What usually lies behind a message of the parser.
std::string hint(const Positions& positions, const YAML::Exception& error) {
  if (positions.indented_with_tab(error.mark)) return "; indent with spaces: this line has a tab";
  if (error.msg == "illegal map value") return "; put quotes around text that holds \": \"";
  if (error.msg == "the referenced anchor is not defined") return "; put quotes around text that begins with \"*\"";
  if (error.msg == "unknown token")
    return "; put quotes around text that begins with @, % or a backtick, or holds ? within [ ] or { }";
  if (error.msg == "end of map not found") return "; put quotes around text that begins with [ or {";
  return {};
}

/// Finds what must not be in a file at all; false when there is no point in parsing.
bool check_bytes(const std::string& text, Positions& positions, Problems& problems) {
  if (text.size() > kMostDocumentBytes) {
    problems.add(positions.whole_file(), {}, fmt::format("is larger than {} bytes", kMostDocumentBytes));
    return false;
  }
  const std::optional<std::size_t> bad = first_bad_byte(positions.text());
  if (!bad) return true;
  problems.add(positions.place(*bad), {},
               fmt::format("the byte 0x{:02x} cannot stand here; the file must be UTF-8 text",
                           static_cast<unsigned char>(positions.text()[*bad])));
  return false;
}

NodePtr parse_text(Positions& positions, const Environment& environment, Problems& problems) {
  std::istringstream input{std::string(positions.text())};
  TreeBuilder builder(positions, environment, problems);
  try {
    YAML::Parser parser(input);
    parser.HandleNextDocument(builder);
    NodePtr root = builder.root();
    TreeBuilder second(positions, environment, problems);
    if (root && parser.HandleNextDocument(second) && second.root()) {
      problems.add(second.root()->place, {},
                   "a second document begins here; a file holds one (look for a line \"---\", or for a list whose "
                   "end is not clear)");
      return nullptr;
    }
    return root;
  } catch (const YAML::Exception& error) {
    problems.add(positions.place(error.mark), {},
                 fmt::format("not valid YAML: {}{}", error.msg, hint(positions, error)));
    return nullptr;
  }
}

}  // namespace

const Entry* Node::find_entry(std::string_view key) const {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [key](const Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

Place Node::place_in_text(std::size_t offset) const {
  if (lead < 0 || offset > text.size()) return place;
  const auto before = static_cast<int>(count_characters(std::string_view(text).substr(0, offset)));
  return {place.file, place.line, place.column + lead + before};
}

NodePtr parse_document(const std::string& text, const std::string& file, const Environment& environment,
                       Problems& problems) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  std::string_view body = text;
  if (body.starts_with(kByteOrderMark)) body.remove_prefix(kByteOrderMark.size());
  Positions positions(body, file);
  if (!check_bytes(text, positions, problems)) return nullptr;
  const std::size_t problems_before = problems.size();
  NodePtr root = parse_text(positions, environment, problems);
  if (root && root->kind != Node::Kind::null) return root;
  if (problems.size() == problems_before) {
    problems.add(positions.whole_file(), {}, "the file is empty; the smallest that serves is: app: hello:application");
  }
  return nullptr;
}

std::string key_path(const std::string& parent, const std::string& key) {
  const bool plain = !key.empty() && key.size() <= 80 && key.find_first_of(". \"") == std::string::npos &&
                     std::all_of(key.begin(), key.end(), [](char c) { return c < 0 || c > 0x20; });
  const std::string step = plain ? key : quoted(key);
  return parent.empty() ? step : parent + "." + step;
}

std::string item_path(const std::string& parent, std::size_t index) {
  return fmt::format("{}[{}]", parent, index);
}

}  // namespace edge::config
