// SPDX-License-Identifier: MIT
//
// Chooses a backend from a compiled plan and takes a place on it. Knows no algorithm by its user's name: the control
// plane compiles those. Bounded work per pick, no allocation; shared words are the backends' own counts and the
// pool's cursor.
#pragma once

#include "base/clock.h"
#include "net/address.h"
#include "proxy/context.h"
#include "proxy/shortlist.h"
#include "proxy/snapshot.h"

namespace ub {

struct Picked {
  const BackendSpec* backend = nullptr;  // with a place taken: give it back with release_place
  bool full = false;                     // when there is none: somebody would serve, but all places are taken
};

struct Tried {
  const uint32_t* slots;
  uint32_t count;
};

/// Whether picks from this pool are cheaper with a list.
inline bool wants_shortlist(const PoolSpec& pool) {
  return pool.kind == PlanKind::kLeast && pool.members.size() >= Shortlist::kFromMembers;
}

/// `shortlist`: the worker's own for this very pool, if it keeps one.
Picked pick(const PoolSpec& pool, const ClientKey& client, Tried tried, Random& random, Nanos now,
            Shortlist* shortlist = nullptr);

/// After the connection is closed.
void release_place(BackendState& backend);

/// A latency was seen, of a turn or (when `turn` is false) of a handshake.
void learn_latency(BackendState& backend, Nanos latency, bool turn, Nanos now);

}  // namespace ub
