// SPDX-License-Identifier: MIT
//
// One thread, one epoll, level-triggered, and a second epoll for what must not wait behind bulk data. Time is
// kept by absolute deadlines that the load names; the timer slack is set to the least so that they are met.
#pragma once

#include <sys/epoll.h>

#include <functional>
#include <memory>
#include <vector>

#include "base.h"

namespace load {

/// A descriptor and what to do when it is ready. Owned by the load that made it, or by the loop once retired.
class Watched {
 public:
  Watched() = default;
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  virtual ~Watched() = default;
  virtual void on_ready(uint32_t events) = 0;

  int fd = -1;
  bool urgent = false;
};

class Loop {
 public:
  Loop();

  void watch(Watched& what, uint32_t events);
  void change(Watched& what, uint32_t events);
  /// Closes the descriptor; events of this turn that still name the object are passed over.
  void close(Watched& what);
  /// Closes, and deletes the object at the end of the turn.
  void retire(Watched* what);
  /// No longer watched; the caller owns the descriptor.
  int release(Watched& what);

  /// The clock as of the latest look at it, at most one event old.
  Nanos now() const { return now_; }

  /// Called when it is due; tells when it wants to be called next. Called at least once per turn.
  std::function<Nanos(Nanos)> on_time;

  /// Turns until `done` or the deadline; returns whether `done`.
  bool run(const std::function<bool()>& done, Nanos deadline);

 private:
  void turn(Nanos deadline);
  void serve_urgent();
  void check_time();

  int epoll_;
  int urgent_epoll_;
  bool has_urgent_ = false;
  Nanos now_ = 0;
  Nanos due_ = kNever;
  std::vector<std::unique_ptr<Watched>> retired_;
};

}  // namespace load
