// SPDX-License-Identifier: MIT
#include "proxy/shedding.h"

#include <algorithm>

#include "net/socket.h"

namespace ub {
namespace {

constexpr Nanos kShortestNap = 2 * kMillisecond;  // between two looks at the pace
constexpr Nanos kLongestNap = kSecond;            // what has changed meanwhile is noticed by then
constexpr Nanos kWalkPause = 100 * kMillisecond;  // between two walks that found too few
constexpr Nanos kLongestPause = 5 * kSecond;
constexpr Nanos kSweepPause = 10 * kMillisecond;
constexpr Nanos kWalkShare = 16;  // pauses are so many times as long as walks

/// Nothing is under way that an end would cut: no answer, no byte in either kernel.
bool at_rest(const Session& session) {
  for (const Side& side : session.side) {
    if (unread(side.fd) > 0 || unacknowledged(side.fd) > 0) return false;
  }
  return true;
}

}  // namespace

void Shedding::obey(std::shared_ptr<ShedOrder> order) {
  const ShedSpec& spec = order->spec;
  tasks_.erase(key(spec.scope, spec.slot));
  const uint32_t* sessions = in_scope(*order);
  if (sessions != nullptr && (spec.paced() || spec.has_deadline)) {
    Task& task = tasks_[key(spec.scope, spec.slot)];
    task.order = std::move(order);
    task.next_at = ctx_.now;
    if (spec.even) take(task);  // the first is not ended at once either
  }
  plan();
}

void Shedding::forget_all() {
  tasks_.clear();
  walking_ = false;
  due_ = 0;
}

const uint32_t* Shedding::in_scope(const ShedOrder& order) const {
  switch (order.spec.scope) {
    case ShedScope::kAll: return &ctx_.clients;
    case ShedScope::kListener: {
      const auto at = listeners_.find(order.spec.slot);
      return at == listeners_.end() ? nullptr : &at->second->sessions;
    }
    case ShedScope::kBackend: {
      const auto at = ctx_.backends.find(order.spec.slot);
      return at == ctx_.backends.end() ? nullptr : &at->second->sessions;
    }
  }
  return nullptr;
}

Shedding::Task* Shedding::task_of(ShedScope scope, uint32_t slot) {
  const auto at = tasks_.find(key(scope, slot));
  return at == tasks_.end() ? nullptr : &at->second;
}

bool Shedding::done(const ShedOrder& order) const {
  const uint32_t* sessions = in_scope(order);
  return sessions == nullptr || (order.expires != 0 && ctx_.now >= order.expires) || (over(order) && *sessions == 0) ||
         (order.deadline == 0 && order.used_up());
}

/// Does it want the sessions to be looked at?
bool Shedding::hungry(const Task& task) const {
  const uint32_t* sessions = in_scope(*task.order);
  if (sessions == nullptr || *sessions == 0) return false;
  return over(*task.order) || (task.order->spec.paced() && task.found.empty() && !task.order->used_up());
}

Nanos Shedding::next_end(const Task& task) const {
  return task.order->spec.even ? task.next_at : task.order->next_at();
}

bool Shedding::take(Task& task) {
  ShedOrder& order = *task.order;
  if (!order.spec.even) return order.take(ctx_.now);
  if (task.next_at > ctx_.now || over(order)) return false;
  const Nanos each = (order.deadline - ctx_.now) / (*in_scope(order) + Nanos{1});
  // Up to half as much more or less, so that workers do not fall into step.
  const Nanos interval = each / 2 + each / 1024 * ctx_.random.below(1024);
  task.next_at = ShedOrder::after(task.next_at, ctx_.now, interval);
  return true;
}

bool Shedding::fits(const ShedOrder& order, const Session& session) const {
  if (session.phase != Phase::kRelaying) return false;
  if (order.spec.first == ShedFirst::kOldest) return true;
  return !session.turn_open && !session.bytes_stuck() && !session.one_side_ended() && !session.ready.linked() &&
         ctx_.now - session.heard_at >= order.spec.min_idle;
}

void Shedding::end(const ShedOrder& order, Session& session) {
  const bool drains = order.spec.reason == CloseReason::kDrained;
  if (session.backend != nullptr) {
    BackendCounters& counters = *session.backend->counters;
    (drains ? counters.drained : counters.rebalanced).add();
  }
  ++ended_;
  sessions_.end(session, order.spec.reason);
}

/// Ends those that have been found, as far as the pace allows.
void Shedding::spend(Task& task) {
  if (task.looking) return;
  const ShedOrder& order = *task.order;
  while (!task.found.empty() && ended_ < kMostEnded && next_end(task) <= ctx_.now && !over(order) && !order.used_up()) {
    const Found first = task.found.back();
    task.found.pop_back();
    Session* session = ctx_.slab.find(first.index, first.generation);
    if (session == nullptr || !fits(order, *session)) continue;
    if (order.spec.first == ShedFirst::kIdle && (session->heard_at != first.since || !at_rest(*session))) continue;
    if (!take(task)) {
      task.found.push_back(first);  // another worker was faster
      break;
    }
    end(order, *session);
  }
}

void Shedding::look_at(Task& task, Session& session) {
  const ShedOrder& order = *task.order;
  if (!fits(order, session)) return;
  const auto later = [](const Found& a, const Found& b) { return a.since < b.since; };
  const Nanos since = order.spec.first == ShedFirst::kIdle ? session.heard_at : session.accepted_at;
  if (task.found.size() == kMostFound) {
    if (task.found.front().since <= since) return;
    std::pop_heap(task.found.begin(), task.found.end(), later);
    task.found.pop_back();
  }
  task.found.push_back({since, session.index, session.generation});
  std::push_heap(task.found.begin(), task.found.end(), later);
}

/// False when enough has been done in this turn.
bool Shedding::visit(Session& session) {
  if (session.phase == Phase::kWarm) return true;
  Task* const concerned[] = {
      task_of(ShedScope::kAll, 0), task_of(ShedScope::kListener, session.listener->state->slot),
      session.backend == nullptr ? nullptr : task_of(ShedScope::kBackend, session.backend->state->slot)};
  for (Task* task : concerned) {
    if (task == nullptr || !over(*task->order)) continue;
    end(*task->order, session);
    return ended_ < kMostEnded;
  }
  for (Task* task : concerned) {
    if (task != nullptr && task->looking) look_at(*task, session);
  }
  return true;
}

void Shedding::walk() {
  if (!walking_) {
    walking_ = true;
    walk_began_ = ctx_.now;
    cursor_ = 0;
    for (auto& [name, task] : tasks_) {
      task.looking = hungry(task) && !over(*task.order);
      if (task.looking) task.found.clear();
    }
  }
  cursor_ = ctx_.slab.walk(cursor_, kSlice, [this](Session& session) { return visit(session); });
  if (cursor_ != ctx_.slab.kEnd) return;
  walking_ = false;
  next_walk_ = ctx_.now + std::clamp((ctx_.now - walk_began_) * kWalkShare, kWalkPause, kLongestPause);
  for (auto& [name, task] : tasks_) {
    if (!task.looking) continue;
    task.looking = false;
    std::sort(task.found.begin(), task.found.end(), [](const Found& a, const Found& b) { return a.since > b.since; });
  }
}

void Shedding::work() {
  ended_ = 0;
  for (auto& [name, task] : tasks_) spend(task);
  bool wanted = walking_;
  for (const auto& [name, task] : tasks_) {
    wanted |= hungry(task) && (ctx_.now >= next_walk_ || (over(*task.order) && ctx_.now >= walk_began_ + kSweepPause));
  }
  if (wanted && ended_ < kMostEnded) walk();
  std::erase_if(tasks_, [this](const auto& entry) { return done(*entry.second.order); });
  if (tasks_.empty()) walking_ = false;
  plan();
}

void Shedding::plan() {
  due_ = 0;
  if (tasks_.empty()) return;
  Nanos next = ctx_.now + kLongestNap;
  for (const auto& [name, task] : tasks_) {
    const ShedOrder& order = *task.order;
    for (const Nanos at : {order.deadline, order.expires}) {
      if (at > ctx_.now) next = std::min(next, at);
    }
    if (over(order)) {
      next = std::min(next, walk_began_ + kSweepPause);
    } else if (!task.found.empty() && !task.looking) {
      next = std::min(next, next_end(task));
    } else if (hungry(task) && !task.looking) {
      next = std::min(next, next_walk_);
    }
  }
  due_ = walking_ ? ctx_.now : std::max(next, ctx_.now + kShortestNap);
}

}  // namespace ub
