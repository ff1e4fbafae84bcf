// wsgi.file_wrapper of PEP 3333: a file-like object as an iterable of blocks.
#pragma once

#include "appserver/gateway/python.h"

namespace edge::gateway {

/// The type itself, FileWrapper(filelike, block_size=65536), so that isinstance works with it.
Ref make_file_wrapper_type();

/// The file of a FileWrapper that was not closed, borrowed; null for every other object.
PyObject* wrapped_file(PyObject* object);

}  // namespace edge::gateway
