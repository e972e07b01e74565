// SPDX-License-Identifier: MIT
#include "loop.h"

#include <errno.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>

namespace load {
namespace {

constexpr int kBatch = 256;

void control(int epoll, int verb, Watched& what, uint32_t events) {
  epoll_event e{};
  e.events = events;
  e.data.ptr = &what;
  if (epoll_ctl(epoll, verb, what.fd, &e) != 0) die("epoll_ctl", errno);
}

}  // namespace

Loop::Loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)), urgent_epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0 || urgent_epoll_ < 0) die("epoll_create1", errno);
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.ptr = nullptr;  // stands for the urgent ones
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, urgent_epoll_, &e) != 0) die("epoll_ctl", errno);
  prctl(PR_SET_TIMERSLACK, 1);
  now_ = now_ns();
}

void Loop::watch(Watched& what, uint32_t events) {
  has_urgent_ = has_urgent_ || what.urgent;
  control(what.urgent ? urgent_epoll_ : epoll_, EPOLL_CTL_ADD, what, events);
}

void Loop::change(Watched& what, uint32_t events) {
  control(what.urgent ? urgent_epoll_ : epoll_, EPOLL_CTL_MOD, what, events);
}

void Loop::close(Watched& what) {
  if (what.fd >= 0) ::close(what.fd);
  what.fd = -1;
}

void Loop::retire(Watched* what) {
  close(*what);
  retired_.emplace_back(what);
}

int Loop::release(Watched& what) {
  const int fd = what.fd;
  epoll_ctl(what.urgent ? urgent_epoll_ : epoll_, EPOLL_CTL_DEL, fd, nullptr);
  what.fd = -1;
  return fd;
}

bool Loop::run(const std::function<bool()>& done, Nanos deadline) {
  now_ = now_ns();
  due_ = now_;
  while (!done()) {
    if (now_ >= deadline) return false;
    turn(deadline);
  }
  return true;
}

void Loop::check_time() {
  if (on_time && now_ >= due_) due_ = on_time(now_);
}

void Loop::serve_urgent() {
  epoll_event events[kBatch];
  const int n = epoll_wait(urgent_epoll_, events, kBatch, 0);
  for (int i = 0; i < n; ++i) {
    Watched* what = static_cast<Watched*>(events[i].data.ptr);
    if (what->fd >= 0) what->on_ready(events[i].events);
  }
}

void Loop::turn(Nanos deadline) {
  check_time();
  const Nanos wait = std::max<Nanos>(0, std::min(due_, deadline) - now_);
  const timespec timeout{wait / kSecond, wait % kSecond};
  epoll_event events[kBatch];
  const int n = epoll_pwait2(epoll_, events, kBatch, &timeout, nullptr);
  if (n < 0 && errno != EINTR) die("epoll_pwait2", errno);
  now_ = now_ns();
  for (int i = 0; i < n; ++i) {
    Watched* what = static_cast<Watched*>(events[i].data.ptr);
    if (what == nullptr) {
      serve_urgent();
      continue;
    }
    if (what->fd >= 0) what->on_ready(events[i].events);
    if (has_urgent_ && !what->urgent) {
      serve_urgent();
      now_ = now_ns();
      check_time();
    }
  }
  retired_.clear();
}

}  // namespace load
