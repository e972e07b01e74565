// SPDX-License-Identifier: MIT
//
// What every part of the load generator needs: the clock, a seeded random source, the way to give up, and a
// count of what went wrong. A trial with any error has no score, so errors are counted by name and never only
// printed.
#pragma once

#include <time.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <string>

namespace load {

using Nanos = int64_t;

inline constexpr Nanos kMicrosecond = 1'000;
inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kSecond = 1'000'000'000;
inline constexpr Nanos kNever = INT64_MAX;

inline Nanos read_clock(clockid_t clock) {
  timespec t;
  if (clock_gettime(clock, &t) != 0) return 0;
  return t.tv_sec * kSecond + t.tv_nsec;
}

inline Nanos now_ns() { return read_clock(CLOCK_MONOTONIC); }

/// SplitMix64: small, seedable, good enough for schedules and test patterns.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  /// In (0, 1].
  double unit() { return (static_cast<double>(next() >> 11) + 1.0) / 9007199254740992.0; }

  /// Gap to the next arrival of a Poisson process.
  Nanos exponential(double mean_ns) { return static_cast<Nanos>(-std::log(unit()) * mean_ns); }

 private:
  uint64_t state_;
};

/// The set-up is wrong and there is nothing to measure: says so on stderr and leaves with 1.
[[noreturn]] void die(const char* what, int error = 0);

/// What went wrong, by name. One instance per process.
class Errors {
 public:
  void count(const char* name, uint64_t times = 1) {
    by_name_[name] += times;
    total_ += times;
  }
  uint64_t total() const { return total_; }
  const std::map<std::string, uint64_t>& by_name() const { return by_name_; }

 private:
  std::map<std::string, uint64_t> by_name_;
  uint64_t total_ = 0;
};

}  // namespace load
