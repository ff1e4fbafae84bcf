// Internal redirects: an app answers with a head and names the file that shall be its body, so that no Python reads it.
//
//   X-Accel-Redirect: /protected/a%20b.pdf    a path that leads to a route of files of the same site, as in nginx
//   X-Sendfile: /srv/shop/protected/a b.pdf   a file of the machine that such a route would serve
//
// Confinement is the route's: nothing that it would not serve is sent. Its answer is the client's, with conditions and
// ranges as that route knows them; of the app's head stay Content-Type, Content-Disposition, Cache-Control, Expires,
// Accept-Ranges and Set-Cookie (nginx's list), and a status other than 200 and 206.
#pragma once

#include "core/http/request.h"
#include "core/http/response.h"
#include "core/task.h"

namespace edge {

/// The answer in the place of `from`, which has a redirect. A redirect that leads to no file of the site is a 502, and
/// an error line says what to do. Only a route that serves files is ever asked, so there is one hop and no loop. The
/// request is as before afterwards: headers, error pages and log are those of the route that the client asked for.
Task<Response> follow_redirect(Request& request, Response from);

}  // namespace edge
