// A service from its snapshot to its exit status.
#include "cmd/serve.h"

#include "cmd/service.h"

namespace edge {

int serve(std::shared_ptr<const config::Snapshot> snapshot, LogFiles& files, const std::string& self,
          const config::Environment& environment, Inheritance inherited) {
  Service service(std::move(snapshot), files, self, environment, std::move(inherited));
  return service.run();
}

}  // namespace edge
