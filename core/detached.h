// detach(): lets a task run to its end with nobody to await it.
#pragma once

#include <memory>
#include <utility>

#include "core/task.h"

namespace edge {

/// What the task uses must live as long as it does: it holds that by shared pointers among its parameters.
inline void detach(Task<void> task) {
  if (task.done()) return;
  auto owned = std::make_unique<Task<void>>(std::move(task));
  Task<void>* const running = owned.get();
  running->on_done({[](void* ended) { delete static_cast<Task<void>*>(ended); }, owned.release()});
}

}  // namespace edge
