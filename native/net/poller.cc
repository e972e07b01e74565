// SPDX-License-Identifier: MIT
#include "net/poller.h"

#include <cerrno>

namespace ub {
namespace {
// EPOLLPRI tells of urgent data, which splits reads; EPOLLRDHUP lets a short read be known as the last one.
constexpr uint32_t kStream = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | static_cast<uint32_t>(EPOLLET);
}  // namespace

Status Poller::open() {
  epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return Error{errno, "epoll_create1", {}, 0};
  return Done{};
}

int Poller::control(int operation, int fd, uint32_t events, uint64_t token) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  return epoll_ctl(epoll_.get(), operation, fd, &event) == 0 ? 0 : errno;
}

int Poller::add_stream(int fd, uint64_t token) { return control(EPOLL_CTL_ADD, fd, kStream, token); }
int Poller::add_level(int fd, uint64_t token) { return control(EPOLL_CTL_ADD, fd, EPOLLIN, token); }
void Poller::rename_stream(int fd, uint64_t token) { control(EPOLL_CTL_MOD, fd, kStream, token); }
void Poller::pause_level(int fd, uint64_t token) { control(EPOLL_CTL_MOD, fd, 0, token); }
void Poller::resume_level(int fd, uint64_t token) { control(EPOLL_CTL_MOD, fd, EPOLLIN, token); }
void Poller::remove(int fd) { control(EPOLL_CTL_DEL, fd, 0, 0); }

int Poller::wait(epoll_event (&events)[kBatch], int timeout_ms) {
  const int n = epoll_wait(epoll_.get(), events, kBatch, timeout_ms);
  return n < 0 ? 0 : n;  // EINTR: an empty turn
}

}  // namespace ub
