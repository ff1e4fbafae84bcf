// Reason phrases (the registry of RFC 9110 16.2.1) and edge's own plain pages.
#include "core/http/response.h"

#include <array>

#include "core/joined.h"

namespace edge {
namespace {

/// No content by definition, or never sent (499).
bool without_content(int status) {
  return status < 200 || status == 204 || status == 205 || status == 304 || status == 499;
}

std::string_view page(Arena& arena, int status) {
  const std::array<char, 3> code = {static_cast<char>('0' + status / 100 % 10),
                                    static_cast<char>('0' + status / 10 % 10), static_cast<char>('0' + status % 10)};
  const std::string_view number(code.data(), code.size());
  const std::string_view phrase = reason_phrase(status);
  return joined(arena,
                {"<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>", number, " ", phrase,
                 "</title>\n<style>body{font:1.1rem system-ui,sans-serif;margin:20vh auto;max-width:30rem;"
                 "text-align:center;color:#333}h1{font-size:4rem;margin:0;font-weight:300}</style></head>\n"
                 "<body><h1>",
                 number, "</h1><p>", phrase, "</p></body>\n</html>\n"});
}

}  // namespace

Response Response::of_status(Arena& arena, int status) {
  Response response(arena, status);
  if (without_content(status)) return response;
  response.headers.add(HeaderName::content_type, "text/html; charset=utf-8");
  response.body = page(arena, status);
  response.is_plain = true;
  return response;
}

bool has_several_ranges(const Response& response) {
  return response.headers.get(HeaderName::content_type).starts_with("multipart/byteranges");
}

Response Response::of_error(Arena& arena, const Error& error) {
  const ErrorAnswer answer = answer_for(error);
  Response response = of_status(arena, answer.status);
  response.close = answer.close;
  return response;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 102:
      return "Processing";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 207:
      return "Multi-Status";
    case 208:
      return "Already Reported";
    case 226:
      return "IM Used";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 305:
      return "Use Proxy";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 423:
      return "Locked";
    case 424:
      return "Failed Dependency";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 506:
      return "Variant Also Negotiates";
    case 507:
      return "Insufficient Storage";
    case 508:
      return "Loop Detected";
    case 510:
      return "Not Extended";
    case 511:
      return "Network Authentication Required";
    default:
      return "Unknown";
  }
}

}  // namespace edge
