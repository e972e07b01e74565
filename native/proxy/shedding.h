// SPDX-License-Identifier: MIT
//
// Works off orders to end sessions, on one worker: a drain of the process, of a listener or of a backend, a rebalance.
// Sessions are looked at in slices of the slab, a slice per turn, for all orders at once; the foremost of them are
// remembered and ended when the pace says so, after another look. At an order's deadline the rest is ended, some per
// turn. It needs nobody's help: an order is carried out while the control plane stands still. Order among sessions holds
// within a worker, the rate over all of them.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "proxy/context.h"
#include "proxy/sessions.h"
#include "proxy/shed_order.h"

namespace ub {

class Shedding {
 public:
  using Listeners = std::unordered_map<uint32_t, std::unique_ptr<WorkerListener>>;

  Shedding(WorkerContext& context, Sessions& sessions, const Listeners& listeners)
      : ctx_(context), sessions_(sessions), listeners_(listeners) {}

  /// One per scope: it takes the place of the one before. Ignored where nothing of that listener or backend is left, so
  /// there are never more than listeners and backends.
  void obey(std::shared_ptr<ShedOrder> order);
  void forget_all();
  /// When work() has something to do; 0 for never.
  Nanos due() const { return due_; }
  void work();

  static constexpr uint32_t kSlice = 512;      // cells of the slab looked at per turn
  static constexpr uint32_t kMostEnded = 256;  // per turn
  static constexpr size_t kMostFound = 1024;   // remembered per order

 private:
  struct Found {
    Nanos since;  // heard of last, or accepted: the least comes first
    uint32_t index;
    uint32_t generation;
  };
  struct Task {
    std::shared_ptr<ShedOrder> order;
    std::vector<Found> found;  // while looking: a heap, the last to go on top; afterwards: the first to go at the back
    bool looking = false;      // the walk that is under way is for this one too
    Nanos next_at = 0;         // even: when the next is ended
  };

  static uint64_t key(ShedScope scope, uint32_t slot) { return static_cast<uint64_t>(scope) << 32 | slot; }
  Task* task_of(ShedScope scope, uint32_t slot);
  /// Sessions of this worker that the order is about; nullptr when the listener or backend is no more.
  const uint32_t* in_scope(const ShedOrder& order) const;
  bool over(const ShedOrder& order) const { return order.deadline != 0 && ctx_.now >= order.deadline; }
  bool hungry(const Task& task) const;
  bool done(const ShedOrder& order) const;
  Nanos next_end(const Task& task) const;
  bool take(Task& task);
  void spend(Task& task);
  void walk();
  bool visit(Session& session);
  void look_at(Task& task, Session& session);
  bool fits(const ShedOrder& order, const Session& session) const;
  void end(const ShedOrder& order, Session& session);
  void plan();

  WorkerContext& ctx_;
  Sessions& sessions_;
  const Listeners& listeners_;
  std::unordered_map<uint64_t, Task> tasks_;  // by scope and slot
  Nanos due_ = 0;
  uint32_t cursor_ = 0;  // of the walk under way
  bool walking_ = false;
  Nanos walk_began_ = 0;
  Nanos next_walk_ = 0;  // not before
  uint32_t ended_ = 0;   // in this turn
};

}  // namespace ub
