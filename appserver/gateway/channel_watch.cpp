// An epoll whose members report once each, so that a channel which the edge has closed keeps no loop busy.
#include "appserver/gateway/channel_watch.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>

#include "appserver/gateway/process.h"

namespace edge::gateway {

bool ChannelWatch::open(std::span<const Descriptor> channels) {
  waits_ = Descriptor(epoll_create1(EPOLL_CLOEXEC));
  timer_ = Descriptor(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  return waits_ && timer_ && add(timer_.get()) &&
         std::ranges::all_of(channels, [this](const Descriptor& channel) { return add(channel.get()); });
}

bool ChannelWatch::add(int descriptor) {
  epoll_event nothing{.events = EPOLLONESHOT, .data = {.fd = descriptor}};
  return epoll_ctl(waits_.get(), EPOLL_CTL_ADD, descriptor, &nothing) == 0;
}

void ChannelWatch::forget() {
  std::array<epoll_event, 64> events;
  epoll_wait(waits_.get(), events.data(), events.size(), 0);
}

void ChannelWatch::wait_for_room(int channel) {
  rearm(channel, EPOLLOUT);
}

void ChannelWatch::wait_a_moment() {
  constexpr long kMoment = 10'000'000;  // ns
  const itimerspec once{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = kMoment}};
  timerfd_settime(timer_.get(), 0, &once, nullptr);
  rearm(timer_.get(), EPOLLIN);
}

void ChannelWatch::rearm(int descriptor, unsigned events) {
  epoll_event wanted{.events = events | EPOLLONESHOT, .data = {.fd = descriptor}};
  if (epoll_ctl(waits_.get(), EPOLL_CTL_MOD, descriptor, &wanted) == 0) return;
  abandon("the worker cannot wait for room to answer in: has the application closed descriptors of others?\n");
}

}  // namespace edge::gateway
