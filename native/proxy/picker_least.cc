// SPDX-License-Identifier: MIT
//
// Picks who has least to do, by weight, equals in turn. A small pool is looked at as a whole for each pick. In a large one
// picks that follow each other within a moment share one look, so that a pick costs about the same at 50 backends and at
// 2,000; what was released elsewhere in that moment is seen by the next look.
#include <algorithm>

#include "proxy/walk.h"

namespace ub {
namespace {

constexpr int kMostMisses = 64;

/// Whom a client could be given now, from whose turn it is on: visit(backend, how far on, index into members, sessions).
template <typename F>
void each_usable(Walk& walk, F&& visit) {
  const PoolSpec& pool = walk.pool;
  const size_t start = turn_of(pool);
  for (size_t i = 0; i < pool.members.size(); ++i) {
    const size_t at = (start + i) % pool.members.size();
    const BackendSpec& b = pool.backends[pool.members[at]];
    if (!walk.candidate(b)) continue;
    if (!walk.has_place(b)) {
      walk.full = true;
      continue;
    }
    visit(b, i, at, b.state->active.load(std::memory_order_relaxed));
  }
}

const BackendSpec* look_at_everyone(Walk& walk) {
  const PoolSpec& pool = walk.pool;
  for (int attempt = 0; attempt < 8; ++attempt) {
    const BackendSpec* best = nullptr;
    uint64_t best_active = 0;
    size_t best_at = 0;
    each_usable(walk, [&](const BackendSpec& b, size_t, size_t at, uint64_t active) {
      // The load after the pick, by weight; the first from the cursor on wins a tie, so ties go round.
      if (best != nullptr && (active + 1) * best->weight >= (best_active + 1) * b.weight) return;
      best = &b;
      best_active = active;
      best_at = at;
    });
    if (best == nullptr) break;
    if (walk.take_expecting(*best, static_cast<uint32_t>(best_active))) {
      pool.state->cursor.store(best_at + 1, std::memory_order_relaxed);
      return best;
    }
  }
  return walk.linear(pool.state->cursor.load(std::memory_order_relaxed));
}

/// Exact: weights have 16 bits, so loads that differ do so by 2^-32 or more.
uint64_t load_of(uint64_t active, uint32_t weight) { return ((active + 1) << 32) / weight; }

/// Keeps the list in order, best last, and the best of all that come.
void enlist(Shortlist& list, const Shortlist::Entry& entry) {
  auto& entries = list.entries;
  size_t at = list.count;
  if (list.count == Shortlist::kMost) {
    if (!entry.before(entries[0])) return;
    at = 0;  // the worst makes room
    for (; at + 1 < list.count && entry.before(entries[at + 1]); ++at) entries[at] = entries[at + 1];
  } else {
    ++list.count;
    for (; at > 0 && !entry.before(entries[at - 1]); --at) entries[at] = entries[at - 1];
  }
  entries[at] = entry;
}

void make(Shortlist& list, Walk& walk, Nanos now) {
  size_t usable = 0;
  list.count = 0;
  each_usable(walk, [&](const BackendSpec& b, size_t order, size_t at, uint32_t active) {
    ++usable;
    enlist(list, {load_of(active, b.weight), order, static_cast<uint32_t>(at), active});
  });
  list.complete = usable == list.count;
  if (list.count > 0) list.bound = list.entries[0];
  list.made_at = now;
}

/// It has another load now. Whoever might come after somebody who is not listed is no longer on the list.
void relist(Shortlist& list, Shortlist::Entry entry, uint32_t active, uint32_t weight) {
  entry.active = active;
  entry.load = load_of(active, weight);
  if (list.complete || entry.before(list.bound)) enlist(list, entry);
}

const BackendSpec* from_list(Shortlist& list, Walk& walk) {
  const PoolSpec& pool = walk.pool;
  // Each miss is another worker's pick or a session's end: their number is bounded by time alone, so by a number here.
  for (int attempt = 0; list.count > 0 && attempt < kMostMisses; ++attempt) {
    Shortlist::Entry best = list.entries[--list.count];
    const BackendSpec& b = pool.backends[pool.members[best.at]];
    if (!walk.has_place(b)) {
      walk.full = true;
      continue;
    }
    if (walk.take_expecting(b, best.active)) {
      pool.state->cursor.store(best.at + 1, std::memory_order_relaxed);
      best.order += pool.members.size();
      relist(list, best, best.active + 1, b.weight);
      return &b;
    }
    // Somebody else has picked it, or its sessions have ended: as it is now it may still be the best.
    const uint32_t active = b.state->active.load(std::memory_order_relaxed);
    if (active != best.active) relist(list, best, active, b.weight);
  }
  return nullptr;
}

}  // namespace

const BackendSpec* pick_least(Walk& walk, Shortlist* shortlist, Nanos now) {
  // A session that has tried somebody is rare, and its list would be nobody else's.
  if (shortlist == nullptr || !wants_shortlist(walk.pool) || walk.tried.count > 0) {
    return look_at_everyone(walk);
  }
  if (shortlist->made_at != 0 && now < shortlist->made_at + Shortlist::kLasts) {
    if (const BackendSpec* listed = from_list(*shortlist, walk)) return listed;
  }
  make(*shortlist, walk, now);
  if (const BackendSpec* listed = from_list(*shortlist, walk)) return listed;
  return walk.linear(turn_of(walk.pool));
}

}  // namespace ub
