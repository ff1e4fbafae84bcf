// wsgi.file_wrapper of PEP 3333: a file-like object as an iterable of blocks.
#pragma once

#include "appserver/gateway/python.h"

namespace edge::gateway {

/// The type itself, FileWrapper(filelike, block_size=65536), so that isinstance works with it.
Ref make_file_wrapper_type();

}  // namespace edge::gateway
