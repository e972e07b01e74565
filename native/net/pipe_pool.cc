// SPDX-License-Identifier: MIT
#include "net/pipe_pool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <new>

namespace ub {

Pipe* PipePool::borrow(size_t wanted, Nanos now) {
  if (!idle_.empty()) {
    Pipe* pipe = idle_.back().release();
    idle_.pop_back();
    ++borrowed_;
    return pipe;
  }
  if (now < retry_at_) return nullptr;
  int ends[2];
  std::unique_ptr<Pipe> pipe(new (std::nothrow) Pipe);
  if (!pipe || ::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    ++stats_.failed;
    retry_at_ = now + kPause;
    return nullptr;
  }
  pipe->read_end.reset(ends[0]);
  pipe->write_end.reset(ends[1]);
  if (room_.is_reserved(std::max(ends[0], ends[1]), now)) {
    ++stats_.failed;
    retry_at_ = now + kPause;
    return nullptr;
  }
  // EPERM when the user's page quota is used up: then the kernel's own size has to do.
  int capacity = ::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(wanted));
  if (capacity < 0) {
    ++stats_.shrunk;
    capacity = ::fcntl(ends[1], F_GETPIPE_SZ);
  }
  pipe->capacity = capacity > 0 ? static_cast<size_t>(capacity) : 4096;
  ++stats_.made;
  ++borrowed_;
  return pipe.release();
}

void PipePool::give_back(Pipe* pipe, bool empty) {
  --borrowed_;
  std::unique_ptr<Pipe> owned(pipe);
  if (empty && idle_.size() < kMaxIdle) {
    idle_.push_back(std::move(owned));
  } else {
    ++stats_.destroyed;
  }
}

void PipePool::trim() {
  stats_.destroyed += idle_.size();
  idle_.clear();
}

}  // namespace ub
