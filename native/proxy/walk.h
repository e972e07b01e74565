// SPDX-License-Identifier: MIT
//
// What every way to pick has in common: who may be taken, and taking a place so that no limit is ever passed. Internal to
// the picker's files.
#pragma once

#include <atomic>
#include <cstdint>

#include "proxy/picker.h"
#include "proxy/snapshot.h"

namespace ub {

inline bool was_tried(Tried tried, uint32_t slot) {
  for (uint32_t i = 0; i < tried.count; ++i) {
    if (tried.slots[i] == slot) return true;
  }
  return false;
}

inline bool take_connection(const BackendSpec& b) {
  std::atomic<uint32_t>& open = b.state->open;
  if (b.max_connections == 0) {
    open.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  uint32_t seen = open.load(std::memory_order_relaxed);
  while (seen < b.max_connections) {
    if (open.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel)) return true;
  }
  return false;
}

/// Walks over a pool's backends on behalf of one client.
struct Walk {
  const PoolSpec& pool;
  Tried tried;
  bool full = false;

  bool candidate(const BackendSpec& b) const { return b.member && !was_tried(tried, b.state->slot); }

  bool take(const BackendSpec& b) {
    if (!candidate(b)) return false;
    if (!take_connection(b)) {
      full = true;
      return false;
    }
    b.state->active.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

  /// Takes the place only while the count is still the one on which the choice was based.
  bool take_expecting(const BackendSpec& b, uint32_t active) {
    if (!take_connection(b)) {
      full = true;
      return false;
    }
    if (b.state->active.compare_exchange_strong(active, active + 1, std::memory_order_acq_rel)) return true;
    b.state->open.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }

  bool has_place(const BackendSpec& b) const {
    return b.max_connections == 0 || b.state->open.load(std::memory_order_relaxed) < b.max_connections;
  }

  const BackendSpec* linear(size_t from) {
    const size_t count = pool.members.size();
    for (size_t i = 0; i < count; ++i) {
      const BackendSpec& b = pool.backends[pool.members[(from + i) % count]];
      if (take(b)) return &b;
    }
    return nullptr;
  }
};

/// Whose turn it is among equals.
inline size_t turn_of(const PoolSpec& pool) {
  return pool.state->cursor.load(std::memory_order_relaxed) % pool.members.size();
}

/// Of plan `least`. The list is used, and made anew, where there is one and the pool is large.
const BackendSpec* pick_least(Walk& walk, Shortlist* shortlist, Nanos now);

}  // namespace ub
