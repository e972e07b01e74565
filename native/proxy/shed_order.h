// SPDX-License-Identifier: MIT
//
// An order to end sessions of all, of one listener or of one backend: at a pace, and what is left at a deadline. All
// workers share the one object, so that a rate holds over the whole process however sessions are spread. Knows no
// session: whom it hits is the business of shedding.h.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "proxy/close_reason.h"

namespace ub {

inline constexpr Nanos kForEver = UINT64_MAX;

enum class ShedScope : uint8_t { kAll, kListener, kBackend };
enum class ShedFirst : uint8_t {
  kIdle,    // only those at an idle moment, the longest silent first
  kOldest,  // whatever they are doing, the oldest first
};

/// As the control plane asks for it. One that has neither a pace nor a deadline takes back the one before.
struct ShedSpec {
  ShedScope scope = ShedScope::kAll;
  uint32_t slot = 0;  // of the listener or the backend
  ShedFirst first = ShedFirst::kIdle;
  double rate = 0;             // sessions per second over all workers; 0: none before the deadline
  bool even = false;           // instead of a rate: each worker spreads its own over the time until the deadline
  Nanos min_idle = 0;          // kIdle: silence that makes an idle moment
  uint64_t most = UINT64_MAX;  // ended at its pace, over all workers
  bool has_deadline = false;
  Nanos patience = 0;  // until the deadline, at which all that are left are ended
  Nanos lifetime = 0;  // until it is forgotten, and those who are left stay; 0: never
  CloseReason reason = CloseReason::kDrained;

  bool paced() const { return even ? has_deadline : rate > 0; }
};

class ShedOrder {
 public:
  ShedOrder(const ShedSpec& wanted, Nanos now)
      : spec(wanted),
        interval(wanted.rate > 0 ? std::max<Nanos>(static_cast<Nanos>(static_cast<double>(kSecond) / wanted.rate), 1)
                                 : 0),
        deadline(wanted.has_deadline ? now + wanted.patience : 0),
        expires(wanted.lifetime != 0 ? now + wanted.lifetime : 0),
        next_at_(now + interval) {}

  const ShedSpec spec;
  const Nanos interval;  // between two ends, where there is a rate
  const Nanos deadline;  // 0: none
  const Nanos expires;   // 0: never

  /// When the next may be ended, where there is a rate.
  Nanos next_at() const { return next_at_.load(std::memory_order_relaxed); }
  bool used_up() const { return taken_.load(std::memory_order_relaxed) >= spec.most; }

  /// May one more be ended now? Workers that ask at the same moment get different answers.
  bool take(Nanos now) {
    Nanos at = next_at_.load(std::memory_order_relaxed);
    do {
      if (at > now) return false;
    } while (!next_at_.compare_exchange_weak(at, after(at, now, interval), std::memory_order_relaxed));
    return taken_.fetch_add(1, std::memory_order_relaxed) < spec.most;
  }

  /// One that comes late may catch up a little, and no more: a pace is there to be kept.
  static Nanos after(Nanos at, Nanos now, Nanos interval) {
    constexpr Nanos kCatchUp = 50 * kMillisecond;
    return std::max(at, now - std::min(now, kCatchUp)) + interval;
  }

 private:
  std::atomic<Nanos> next_at_;
  std::atomic<uint64_t> taken_{0};
};

}  // namespace ub
