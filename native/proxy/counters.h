// SPDX-License-Identifier: MIT
//
// What is counted, once. Every block has one writer, a worker; readers add blocks up with relaxed loads at scrape
// time, so the data path pays a plain load and store per count. Names are exported to TypeScript by the addon.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "proxy/close_reason.h"

namespace ub {

class Counter {
 public:
  void add(uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void set(uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// Upper bounds of latency buckets in microseconds; one more bucket holds the rest.
inline constexpr uint64_t kLatencyBoundsUs[] = {
    50,      100,     250,     500,       1'000,     2'500,     5'000,      10'000,     25'000,    50'000,
    100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000, 60'000'000};
inline constexpr size_t kLatencyBounds = sizeof kLatencyBoundsUs / sizeof *kLatencyBoundsUs;

class LatencyHistogram {
 public:
  void record(Nanos duration) {
    const uint64_t us = (duration + 999) / 1000;
    size_t low = 0;
    size_t high = kLatencyBounds;
    while (low < high) {  // the first bound that is not below
      const size_t middle = (low + high) / 2;
      if (kLatencyBoundsUs[middle] < us) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    buckets_[low].add();
    sum_.add(duration);
  }
  uint64_t bucket(size_t i) const { return buckets_[i].get(); }
  uint64_t sum() const { return sum_.get(); }

 private:
  Counter buckets_[kLatencyBounds + 1];
  Counter sum_;  // nanoseconds
};

#define UB_LISTENER_COUNTERS(X) \
  X(accepted)                   \
  X(to_backend_bytes)           \
  X(to_client_bytes)            \
  X(spliced_bytes)              \
  X(copied_bytes)               \
  X(turns)                      \
  X(accept_pauses)              \
  X(accept_errors)

struct alignas(64) ListenerCounters {
#define UB_FIELD(name) Counter name;
  UB_LISTENER_COUNTERS(UB_FIELD)
#undef UB_FIELD
  Counter closed[kCloseReasons];
  LatencyHistogram turn;
};

#define UB_BACKEND_COUNTERS(X) \
  X(sessions)                  \
  X(connects)                  \
  X(retries)                   \
  X(to_backend_bytes)          \
  X(to_client_bytes)           \
  X(warm_used)                 \
  X(warm_stale)                \
  X(turns)                     \
  X(drained)                   \
  X(rebalanced)

struct alignas(64) BackendCounters {
#define UB_FIELD(name) Counter name;
  UB_BACKEND_COUNTERS(UB_FIELD)
#undef UB_FIELD
  Counter failures[kConnectFailures];
  LatencyHistogram turn;
  LatencyHistogram connect;
};

#define UB_WORKER_COUNTERS(X) \
  X(accepted)                 \
  X(loops)                    \
  X(events)                   \
  X(stale_events)             \
  X(sessions)                 \
  X(pipes_open)               \
  X(pipes_borrowed)           \
  X(pipe_failures)            \
  X(low_water_relays)         \
  X(low_water_stalls)         \
  X(buffer_bytes)             \
  X(records)                  \
  X(records_dropped)

struct alignas(64) WorkerCounters {
#define UB_FIELD(name) Counter name;
  UB_WORKER_COUNTERS(UB_FIELD)
#undef UB_FIELD
};

}  // namespace ub
