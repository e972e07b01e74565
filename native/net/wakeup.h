// SPDX-License-Identifier: MIT
//
// The doorbell of a worker: any thread may ring, the worker answers. Rings between two answers cost one write.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"

namespace ub {

class Wakeup {
 public:
  Status open() {
    fd_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!fd_.valid()) return Error{errno, "eventfd", {}, 0};
    return Done{};
  }
  int fd() const { return fd_.get(); }

  /// What was written before ring() is seen by the worker after answer().
  void ring() {
    if (pending_.exchange(true, std::memory_order_acq_rel)) return;
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(fd_.get(), &one, sizeof one);
  }
  void answer() {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(fd_.get(), &count, sizeof count);
    pending_.exchange(false, std::memory_order_acq_rel);
  }

 private:
  UniqueFd fd_;
  std::atomic<bool> pending_{false};
};

}  // namespace ub
