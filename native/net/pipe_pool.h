// SPDX-License-Identifier: MIT
//
// Kernel pipes for splice, borrowed only while bytes are inside. A pipe is handed on only when it is known to be
// empty; a dirty one is destroyed. When the system gives no pipe (descriptors, the user's page quota) the borrower
// copies instead, and the pool asks again after a pause. Not thread-safe: owned by a worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "net/descriptor_room.h"

namespace ub {

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
  size_t capacity = 0;  // bytes it took when it was made; what it holds may be more, or fewer in small pieces
};

class PipePool {
 public:
  struct Stats {
    uint64_t made = 0;
    uint64_t failed = 0;     // no pipe to be had
    uint64_t shrunk = 0;     // smaller than asked for: the user's quota is used up
    uint64_t destroyed = 0;  // dirty, or more than need be kept
  };

  /// nullptr: copy instead, since there is none or descriptors are nearly used up.
  Pipe* borrow(size_t wanted, Nanos now);
  void give_back(Pipe* pipe, bool empty);
  /// Gives descriptors back to the system when they are short.
  void trim();

  const Stats& stats() const { return stats_; }
  size_t borrowed() const { return borrowed_; }
  size_t open() const { return borrowed_ + idle_.size(); }
  ~PipePool() { trim(); }

 private:
  static constexpr size_t kMaxIdle = 16;
  static constexpr Nanos kPause = kSecond / 4;

  std::vector<std::unique_ptr<Pipe>> idle_;
  size_t borrowed_ = 0;
  Nanos retry_at_ = 0;
  DescriptorRoom room_;
  Stats stats_;
};

}  // namespace ub
