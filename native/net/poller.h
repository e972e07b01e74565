// SPDX-License-Identifier: MIT
//
// One epoll instance. Sockets of sessions are registered once, edge-triggered, and never modified; listening sockets
// are level-triggered and can be paused. Used by one worker only, but for wait() being ended by a Wakeup.
#pragma once

#include <sys/epoll.h>

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"

namespace ub {

class Poller {
 public:
  static constexpr int kBatch = 128;

  Status open();
  /// 0 or errno. Out of memory and the user's watch limit are the only ways to fail.
  int add_stream(int fd, uint64_t token);
  int add_level(int fd, uint64_t token);
  void rename_stream(int fd, uint64_t token);
  void pause_level(int fd, uint64_t token);
  void resume_level(int fd, uint64_t token);
  void remove(int fd);
  /// Number of events, 0 on timeout or interruption. timeout in milliseconds, -1 for ever.
  int wait(epoll_event (&events)[kBatch], int timeout_ms);

 private:
  int control(int operation, int fd, uint32_t events, uint64_t token);
  UniqueFd epoll_;
};

}  // namespace ub
