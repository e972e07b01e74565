// SPDX-License-Identifier: MIT
#include "proxy/picker.h"

#include <algorithm>
#include <cmath>

#include "proxy/hash.h"
#include "proxy/walk.h"

namespace ub {
namespace {

constexpr uint32_t kHashAttempts = 16;
constexpr uint32_t kTableSteps = 16;
constexpr uint32_t kScanAll = 64;       // members up to which ewma looks at everyone
constexpr uint32_t kSample = 32;        // beyond: at so many, from a random start
constexpr Nanos kForget = 3 * kSecond;  // time in which two thirds of an old latency are forgotten
constexpr Nanos kExploreAfter = kSecond;
constexpr uint64_t kExploreAtMost = 30;  // times kExploreAfter

const BackendSpec* from_table(Walk& walk, size_t start) {
  const auto& table = walk.pool.table;
  const size_t steps = std::min<size_t>(kTableSteps, table.size());
  for (size_t i = 0; i < steps; ++i) {
    const BackendSpec& b = walk.pool.backends[table[(start + i) % table.size()]];
    if (walk.take(b)) return &b;
  }
  return walk.linear(start);
}

const BackendSpec* of_two(Walk& walk, Random& random) {
  const auto& table = walk.pool.table;
  const auto size = static_cast<uint32_t>(table.size());
  const BackendSpec* best = nullptr;
  uint64_t best_load = 0;
  // Two different ones, where there are two: the second draw is repeated a few times.
  for (uint32_t draw = 0, found = 0; draw < 8 && found < 2; ++draw) {
    const BackendSpec& b = walk.pool.backends[table[random.below(size)]];
    if (&b == best || !walk.candidate(b)) continue;
    if (!walk.has_place(b)) {
      walk.full = true;
      continue;
    }
    ++found;
    const uint64_t load = b.state->active.load(std::memory_order_relaxed);
    if (best == nullptr || (load + 1) * best->weight < (best_load + 1) * b.weight) {
      best = &b;
      best_load = load;
    }
  }
  if (best != nullptr && walk.take(*best)) return best;
  return walk.linear(random.below(static_cast<uint32_t>(walk.pool.members.size())));
}

/// How many members are looked at, and from where on: all of a small pool, a turning window of a large one.
struct Window {
  size_t start;
  size_t count;
};

Window window(const PoolSpec& pool, Random& random) {
  if (pool.members.size() <= kScanAll) return {turn_of(pool), pool.members.size()};
  return {random.below(static_cast<uint32_t>(pool.members.size())), kSample};
}

/// Somebody must find out how a backend does that nobody has asked for long: one session at a time does.
bool explores(BackendState& b, uint64_t latency, uint64_t fastest, Nanos now) {
  const uint64_t slower = fastest == 0 ? 1 : std::clamp<uint64_t>(latency / fastest, 1, kExploreAtMost);
  const Nanos after = slower * kExploreAfter;
  if (now < b.latency_at.load(std::memory_order_relaxed) + after) return false;
  uint64_t before = b.explored_at.load(std::memory_order_relaxed);
  if (now < before + after) return false;
  return b.explored_at.compare_exchange_strong(before, now, std::memory_order_relaxed);
}

const BackendSpec* fastest(Walk& walk, Random& random, Nanos now) {
  const PoolSpec& pool = walk.pool;
  const Window w = window(pool, random);
  uint64_t quickest = 0;
  for (size_t i = 0; i < w.count; ++i) {
    const BackendSpec& b = pool.backends[pool.members[(w.start + i) % pool.members.size()]];
    const uint64_t latency = b.state->latency.load(std::memory_order_relaxed);
    if (latency != 0 && (quickest == 0 || latency < quickest)) quickest = latency;
  }
  const BackendSpec* best = nullptr;
  double best_cost = 0;
  size_t best_at = 0;
  for (size_t i = 0; i < w.count; ++i) {
    const size_t at = (w.start + i) % pool.members.size();
    const BackendSpec& b = pool.backends[pool.members[at]];
    if (!walk.candidate(b)) continue;
    if (!walk.has_place(b)) {
      walk.full = true;
      continue;
    }
    const uint64_t latency = b.state->latency.load(std::memory_order_relaxed);
    const uint32_t active = b.state->active.load(std::memory_order_relaxed);
    const bool unknown = latency == 0;
    if (unknown ? active == 0 : explores(*b.state, latency, quickest, now)) {
      if (walk.take(b)) return &b;
      continue;
    }
    // One whose first answer is still out counts as quick as the quickest, by its load: no herd runs to it.
    const double cost = static_cast<double>(unknown ? std::max<uint64_t>(quickest, 1) : latency) *
                        static_cast<double>(active + 1) / static_cast<double>(b.weight);
    if (best == nullptr || cost < best_cost) {
      best = &b;
      best_cost = cost;
      best_at = at;
    }
  }
  if (best != nullptr && walk.take(*best)) {
    pool.state->cursor.store(best_at + 1, std::memory_order_relaxed);
    return best;
  }
  return walk.linear(w.start);
}

const BackendSpec* by_hash(Walk& walk, const ClientKey& client) {
  const auto& table = walk.pool.table;
  for (uint32_t attempt = 0; attempt < kHashAttempts; ++attempt) {
    const BackendSpec& b = walk.pool.backends[table[hash_client(client, attempt) % table.size()]];
    if (walk.take(b)) return &b;
  }
  return walk.linear(hash_client(client, 0));
}

}  // namespace

Picked pick(const PoolSpec& pool, const ClientKey& client, Tried tried, Random& random, Nanos now,
            Shortlist* shortlist) {
  if (pool.members.empty()) return {};
  Walk walk{pool, tried};
  const BackendSpec* chosen = nullptr;
  switch (pool.kind) {
    case PlanKind::kSequence:
      chosen = from_table(walk, pool.state->cursor.fetch_add(1, std::memory_order_relaxed) % pool.table.size());
      break;
    case PlanKind::kRandom: chosen = from_table(walk, random.below(static_cast<uint32_t>(pool.table.size()))); break;
    case PlanKind::kTwo: chosen = of_two(walk, random); break;
    case PlanKind::kLeast: chosen = pick_least(walk, shortlist, now); break;
    case PlanKind::kHash: chosen = by_hash(walk, client); break;
    case PlanKind::kEwma: chosen = fastest(walk, random, now); break;
  }
  return {chosen, walk.full};
}

void release_place(BackendState& backend) {
  backend.active.fetch_sub(1, std::memory_order_acq_rel);
  backend.open.fetch_sub(1, std::memory_order_acq_rel);
}

void learn_latency(BackendState& backend, Nanos latency, bool turn, Nanos now) {
  if (turn) {
    if (!backend.turns_seen.exchange(true, std::memory_order_relaxed))
      backend.latency.store(0, std::memory_order_relaxed);
  } else if (backend.turns_seen.load(std::memory_order_relaxed)) {
    return;  // a handshake says less than an answer
  }
  const uint64_t old = backend.latency.load(std::memory_order_relaxed);
  const uint64_t sample = std::max<uint64_t>(latency, 1);
  uint64_t learnt = sample;
  if (old != 0 && sample < old) {  // a peak counts at once and is forgotten slowly
    const Nanos age = now - std::min(now, backend.latency_at.load(std::memory_order_relaxed));
    const double keep = std::exp(-static_cast<double>(age) / static_cast<double>(kForget));
    learnt = static_cast<uint64_t>(static_cast<double>(old) * keep + static_cast<double>(sample) * (1 - keep));
  }
  // Two workers may write at once; either value is a fair one.
  backend.latency.store(std::max<uint64_t>(learnt, 1), std::memory_order_relaxed);
  backend.latency_at.store(now, std::memory_order_relaxed);
}

}  // namespace ub
