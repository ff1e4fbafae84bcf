// Signals by uv_signal_t.
#include "core/net/signal_watch.h"

namespace edge {

struct SignalWatch::Handle {
  uv_signal_t signal;
  Arrived arrived;
};

SignalWatch::SignalWatch(Loop& loop, int signal, Arrived arrived) : handle_(new Handle{{}, std::move(arrived)}) {
  uv_signal_init(loop.uv(), &handle_->signal);
  handle_->signal.data = handle_;
  const auto run = [](uv_signal_t* from, int) { static_cast<Handle*>(from->data)->arrived(); };
  uv_signal_start(&handle_->signal, run, signal);
  uv_unref(reinterpret_cast<uv_handle_t*>(&handle_->signal));
}

SignalWatch::~SignalWatch() {
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->signal),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
}

}  // namespace edge
