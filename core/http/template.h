// Template: a text with $variables (nginx's names and meaning), compiled at load and rendered for a request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace edge {

struct Request;

class Template {
 public:
  /// Where in the text, in bytes, and what is wrong ("unknown variable $hots; did you mean $host?").
  struct Error {
    std::size_t offset;
    std::string message;
  };
  /// How rendered variables are escaped: not at all, nginx's default log escaping (\xHH for ", \ and control
  /// bytes), or as the inside of a JSON string.
  enum class Escape { none, log, json };
  /// From when on a variable has its value: the request's arrival, the end of its limits and rules, the answer.
  enum class Known : std::uint8_t { arrival, checks, answer };

  Template() = default;
  /// $name and ${name}; "$$" is not special. A lone "$" before anything but a name is kept as it is.
  static std::expected<Template, Error> compile(std::string_view text);

  /// Appends to `to`.
  void render(const Request& request, std::string& to, Escape escape = Escape::none) const;
  /// No variable inside: source() is the value.
  bool constant() const { return constant_; }
  const std::string& source() const { return source_; }
  /// The first of its variables that is known later than that, without "$"; empty: there is none.
  std::string_view known_after(Known when) const;

 private:
  using Append = void (*)(const Request&, std::string_view argument, std::string& to);
  struct Part {
    Append append = nullptr;  // null: a literal
    std::string text;         // the literal, or the variable's argument (the x of $arg_x)
  };
  struct Late {
    std::string name;
    Known known;
  };
  std::string source_;
  std::vector<Part> parts_;
  std::vector<Late> late_;  // variables that are not known on arrival
  bool constant_ = true;
};

}  // namespace edge
