// SPDX-License-Identifier: MIT
//
// What the parts of one worker share: its loop's tools, its memory, the time of this turn. One per worker, touched by
// its thread alone, except for `events` and the doorbells, which are made for it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/list.h"
#include "base/slab.h"
#include "net/buffer_pool.h"
#include "net/descriptor_room.h"
#include "net/pipe_pool.h"
#include "net/poller.h"
#include "net/timer_wheel.h"
#include "net/wakeup.h"
#include "proxy/events.h"
#include "proxy/low_water.h"
#include "proxy/recorder.h"
#include "proxy/session.h"
#include "proxy/shortlist.h"
#include "proxy/snapshot.h"

namespace ub {

/// A listener as one worker sees it. Kept after its removal until its last session has ended.
struct WorkerListener {
  std::shared_ptr<const Snapshot> snapshot;  // owns spec and pool
  const ListenerSpec* spec = nullptr;
  const PoolSpec* pool = nullptr;
  ListenerState* state = nullptr;
  ListenerCounters* counters = nullptr;
  std::unique_ptr<Shortlist> shortlist;  // of `pool` as it is in this very snapshot; where it pays
  uint32_t sessions = 0;                 // of this worker
  uint32_t sockets = 0;                  // that this worker watches for it
  bool removed = false;
};

/// A backend as one worker sees it.
struct WorkerBackend {
  std::shared_ptr<BackendState> state;
  BackendCounters* counters = nullptr;
  Address address;
  TcpOptions options;
  List<Session, &Session::warm> warm;  // fresh connections, oldest first
  uint32_t warm_count = 0;             // ready ones, those being made, and none else
  uint32_t warm_min = 0;               // this worker's share
  uint32_t warm_max = 0;
  uint32_t warm_target = 0;
  uint32_t limit = 0;  // max_connections
  Nanos warm_timeout = 0;
  Nanos warm_retry_at = 0;     // not before: the last one failed or was dropped soon
  uint32_t warm_failures = 0;  // in a row
  uint32_t sessions = 0;       // of this worker, dialling ones included
  bool removed = false;
};

struct Doorbells {
  std::array<std::atomic<Wakeup*>, kMaxWorkers> bells{};
  void ring(uint64_t mask) {
    for (uint32_t i = 0; i < kMaxWorkers; ++i) {
      if ((mask >> i & 1) == 0) continue;
      if (Wakeup* bell = bells[i].load(std::memory_order_acquire)) bell->ring();
    }
  }
};

/// xorshift64*: plenty for spreading load, and no syscall.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed | 1) {}
  uint32_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<uint32_t>(state_ * 0x2545f4914f6cdd1dULL >> 32);
  }
  /// Even below `bound`, which is above 0.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(static_cast<uint64_t>(next()) * bound >> 32); }

 private:
  uint64_t state_;
};

struct WorkerContext {
  WorkerContext(uint32_t number, EventQueue& queue, Doorbells& bells)
      : index(number),
        now(monotonic_now()),
        wheel(now),
        random(now ^ (static_cast<uint64_t>(number) + 1) * 0x9e3779b97f4a7c15ULL),
        recorder(number, counters),
        events(queue),
        doorbells(bells) {}

  const uint32_t index;
  Nanos now;  // of this turn
  Poller poller;
  TimerWheel wheel;
  Slab<Session> slab;
  PipePool pipes;
  BufferPool buffers;
  LowWater low_water;
  std::vector<char> hot;
  List<Session, &Session::ready> ready;
  Random random;
  WorkerCounters counters;
  Recorder recorder;
  EventQueue& events;
  Doorbells& doorbells;
  std::unordered_map<uint32_t, std::unique_ptr<WorkerBackend>> backends;  // by slot
  uint32_t clients = 0;                                                   // sessions with a client
  bool place_freed = false;  // a listener that was full here may accept again
  DescriptorRoom room;
  Nanos descriptors_short_until = 0;
};

}  // namespace ub
