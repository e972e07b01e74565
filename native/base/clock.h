// SPDX-License-Identifier: MIT
//
// Monotonic time in nanoseconds, 64 bits: it does not wrap in five centuries and never follows the wall clock.
// Workers read it once per loop turn and pass it on, so that times within a turn are equal: the error of a latency
// is at most the length of the turns in which it began and ended.
#pragma once

#include <ctime>

#include <cstdint>

namespace ub {

using Nanos = uint64_t;

inline constexpr Nanos kMicrosecond = 1'000;
inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kSecond = 1'000'000'000;

inline Nanos read_clock(clockid_t clock) {
  timespec ts;
  clock_gettime(clock, &ts);  // answered in user space by the vDSO
  return static_cast<Nanos>(ts.tv_sec) * kSecond + static_cast<Nanos>(ts.tv_nsec);
}

inline Nanos monotonic_now() { return read_clock(CLOCK_MONOTONIC); }

/// What people call the time, since 1970; for records alone, since it may jump.
inline Nanos wall_now() { return read_clock(CLOCK_REALTIME); }

}  // namespace ub
