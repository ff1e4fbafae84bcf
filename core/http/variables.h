// The $variables of templates: from a name to the function that appends its value. For template.cpp alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/http/template.h"

namespace edge {

struct Request;

/// Appends a variable's value; nothing when there is none.
using AppendVariable = void (*)(const Request& request, std::string_view argument, std::string& to);

struct Variable {
  AppendVariable append;
  std::string argument;  // what `append` wants to be called with: the x of $arg_x, the X-Y of $http_x_y
  Template::Known known;
};

/// `name` is without "$". Upper and lower case are the same, as nginx has it.
std::optional<Variable> find_variable(std::string_view name);

/// The known name that `name` most likely meant, or empty.
std::string nearest_variable(std::string_view name);

}  // namespace edge
