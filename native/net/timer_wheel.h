// SPDX-License-Identifier: MIT
//
// Deadlines in a hierarchy of wheels: arming and cancelling are a few stores, and nothing is done for a deadline until
// it comes. Coarse by one tick, never early. Deadlines beyond the horizon (about nine hours) are looked at when the
// horizon is reached and armed anew by whoever owns them. Not thread-safe: owned by a worker.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/list.h"

namespace ub {

struct Timer {
  Link link;
  uint64_t tick = 0;  // when it fires; meaningful while armed

  bool armed() const { return link.linked(); }
  void cancel() { link.unlink(); }
};

class TimerWheel {
 public:
  static constexpr Nanos kTick = 2 * kMillisecond;

  explicit TimerWheel(Nanos now) : current_(now / kTick) {}

  void arm(Timer& timer, Nanos deadline);
  /// Makes the deadline earlier if it is later or not set.
  void arm_no_later(Timer& timer, Nanos deadline);

  /// Calls fire(Timer&) for all that are due; each is disarmed before, and may be armed again by it.
  template <typename F>
  void advance(Nanos now, F&& fire) {
    const uint64_t target = now / kTick;
    while (current_ < target) {
      const uint64_t skip = quiet_ticks(target - current_);
      current_ += skip;
      if (current_ >= target) break;
      ++current_;
      cascade();
      List<Timer, &Timer::link> due;
      due.splice_back(slots_[0][current_ & kMask]);
      occupied_[0] &= ~(1ULL << (current_ & kMask));
      while (Timer* timer = due.pop_front()) fire(*timer);
    }
  }

  /// Milliseconds until something may be due, for epoll_wait; -1 when nothing is armed.
  int wait_ms(Nanos now) const;

 private:
  static constexpr int kLevels = 4;
  static constexpr int kBits = 6;
  static constexpr uint64_t kSlots = 1ULL << kBits;
  static constexpr uint64_t kMask = kSlots - 1;

  void place(Timer& timer);
  void cascade();
  /// How many ticks can be passed over at once because their slots are empty and no level turns over; at most `limit`.
  uint64_t quiet_ticks(uint64_t limit) const;

  List<Timer, &Timer::link> slots_[kLevels][kSlots];
  uint64_t occupied_[kLevels] = {};  // may claim a slot whose timers were all cancelled: then it is looked at in vain
  uint64_t current_;
};

}  // namespace ub
