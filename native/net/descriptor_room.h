// SPDX-License-Identifier: MIT
//
// How near the process is to its limit of descriptors, and the few that are left to others than sessions: a page of metrics,
// an operator, a reload need some just when there are none. The kernel gives the lowest free number, so a number near the
// limit says that all below are taken. The limit is looked up now and then, since it can be changed from outside.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace ub {

class DescriptorRoom {
 public:
  static constexpr rlim_t kMostReserved = 32;
  static constexpr rlim_t kLeastReserved = 16;  // each worker may use two before it notices

  /// Whether `fd`, just given by the kernel, is one of the last.
  bool is_reserved(int fd, Nanos now) {
    if (now >= look_at_) look(now);
    return static_cast<rlim_t>(fd) >= ceiling_;
  }

  /// Whether a descriptor for a session could be had now; `any` is an open one.
  bool is_used_up(int any, Nanos now) {
    const int fd = ::fcntl(any, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return true;
    ::close(fd);
    return is_reserved(fd, now);
  }

 private:
  static constexpr Nanos kLookEvery = 50 * kMillisecond;

  void look(Nanos now) {
    look_at_ = now + kLookEvery;
    rlimit limit{};
    ceiling_ = RLIM_INFINITY;
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
    const rlim_t wanted = std::clamp(limit.rlim_cur / 16, kLeastReserved, kMostReserved);
    ceiling_ = limit.rlim_cur - std::min(limit.rlim_cur / 4, wanted);
  }

  rlim_t ceiling_ = RLIM_INFINITY;
  Nanos look_at_ = 0;
};

}  // namespace ub
