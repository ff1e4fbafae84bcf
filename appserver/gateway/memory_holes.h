// What the import of an app has let go of lies in small holes between what it keeps. A worker that makes its objects in
// them needs a copy of each of those pages, which it otherwise shares with the zygote.
#pragma once

namespace edge::gateway {

/// Takes the holes for good, so that what is made from now on lies together in pages of its own: those between small
/// objects, unless these do not come from CPython's own allocator (PYTHONMALLOC), and those of the C library's heap,
/// where the rest lies. Once, in the zygote, when the app is imported. Needs the interpreter's lock.
void fill_memory_holes();

}  // namespace edge::gateway
