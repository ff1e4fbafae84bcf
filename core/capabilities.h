// The rights of root that a process may have one by one (capabilities(7)).
#pragma once

namespace edge {

/// Whether this thread may start processes as any user and group.
bool may_change_user();

/// Whether a program that this thread runs may do so too.
bool programs_may_change_user();

/// Gives up all capabilities but those to start processes as any user and to signal them, for this thread and what it
/// starts; none of them passes on through exec. Returns 0, or the errno. After a change from root to another user they
/// are there only if kept by PR_SET_KEEPCAPS.
int keep_user_change_only();

/// Gives up every capability. Safe between fork and exec. Returns 0, or the errno.
int give_up_capabilities();

}  // namespace edge
