// Choosing an error page.
#include "core/filters/error_page.h"

namespace edge {

const ErrorPage* error_page_for(std::span<const ErrorPage> pages, int status) {
  const ErrorPage* best = nullptr;
  for (const ErrorPage& page : pages) {
    if (status < page.first || status > page.last) continue;
    if (!best || page.last - page.first < best->last - best->first) best = &page;
  }
  return best;
}

}  // namespace edge
