// From the folders that an app has told of to open ones, for each of its routes with `static: auto` on every loop.
#pragma once

#include <string>
#include <vector>

#include "appserver/static_folders.h"
#include "cmd/app_folders_handler.h"

namespace edge {

/// `app` is for the log. The routes' loops must outlive what the opener opens, and the routes its last serve().
OpenFolders folder_opener(std::string app, std::vector<AppFoldersHandler*> routes);

}  // namespace edge
