// SPDX-License-Identifier: MIT
//
// What the control plane wants, complete and immutable. Workers hold it by shared pointer and swap it between turns.
// Sessions outlive snapshots: they hold ListenerState and BackendState, which Core keeps as long as anybody uses them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/address.h"
#include "net/socket.h"
#include "proxy/counters.h"

namespace ub {

inline constexpr uint32_t kMaxWorkers = 64;  // one bit each in ListenerState::waiting

struct SessionTimeouts {  // 0: off
  Nanos connect = 5 * kSecond;
  Nanos read = 0;
  Nanos write = 0;
  Nanos idle = 0;
  Nanos half_close = 0;
  Nanos first_byte = 0;
  Nanos session = 0;
  uint32_t session_jitter = 0;  // percent
};

enum class SpliceMode : uint8_t { kOff, kAuto, kOn };

/// Lives over reloads. Shared words have a line of their own: all workers write them.
struct ListenerState {
  uint32_t slot = 0;
  alignas(64) std::atomic<uint32_t> active{0};
  /// Workers (bit = index) that stopped accepting because the listener is full.
  std::atomic<uint64_t> waiting{0};
  alignas(64) std::array<std::unique_ptr<ListenerCounters>, kMaxWorkers> counters;
};

struct BackendState {
  uint32_t slot = 0;
  alignas(64) std::atomic<uint32_t> open{0};  // connections, warm ones included: what max_connections bounds
  std::atomic<uint32_t> active{0};            // sessions
  std::atomic<uint32_t> failures_in_row{0};
  std::atomic<uint32_t> warm{0};
  // least_response_time: latency in nanoseconds, when it was last learnt, and whether somebody is finding out
  std::atomic<uint64_t> latency{0};
  std::atomic<uint64_t> latency_at{0};
  std::atomic<uint64_t> explored_at{0};
  std::atomic<bool> turns_seen{false};
  alignas(64) std::array<std::unique_ptr<BackendCounters>, kMaxWorkers> counters;
};

struct PoolState {
  uint32_t slot = 0;
  alignas(64) std::atomic<uint64_t> cursor{0};  // shared, so that a cycle is exact over all workers
};

enum class PlanKind : uint8_t { kSequence, kRandom, kTwo, kLeast, kHash, kEwma };

struct BackendSpec {
  uint32_t slot = 0;
  std::shared_ptr<BackendState> state;  // put in by Core, like the other states
  Address address;
  uint32_t weight = 1;
  uint32_t max_connections = 0;
  bool member = false;  // may be picked now
};

struct PoolSpec {
  uint32_t slot = 0;
  std::shared_ptr<PoolState> state;
  std::string name;
  std::vector<BackendSpec> backends;
  PlanKind kind = PlanKind::kSequence;
  std::vector<uint16_t> members;  // indexes into backends
  std::vector<uint16_t> table;
  TcpOptions options;
  uint32_t failure_threshold = 0;
  uint32_t warm_min = 0;
  uint32_t warm_max = 0;
  Nanos warm_timeout = 0;
};

struct ListenerSpec {
  uint32_t slot = 0;
  std::shared_ptr<ListenerState> state;
  std::string name;
  std::vector<Address> addresses;
  uint32_t pool = 0;  // index into Snapshot::pools
  int backlog = 4096;
  uint32_t max_connections = 0;
  uint32_t retries = 0;
  uint32_t max_turns = 0;
  uint32_t buffer_size = 8192;
  uint32_t max_buffer_size = 65536;
  uint32_t pipe_size = 262144;
  SpliceMode splice = SpliceMode::kAuto;
  SessionTimeouts timeouts;
  TcpOptions options;
};

/// Which of the sessions that end are recorded.
struct Recording {
  uint64_t reasons = 0;  // a bit for each close reason
  uint32_t per_million = 0;
};
static_assert(kCloseReasons <= 64);

struct Snapshot {
  uint64_t generation = 0;
  uint32_t workers = 1;
  std::vector<int> cpus;
  std::vector<ListenerSpec> listeners;
  std::vector<PoolSpec> pools;
  Recording recording;
};

}  // namespace ub
