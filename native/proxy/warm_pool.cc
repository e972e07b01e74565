// SPDX-License-Identifier: MIT
#include "proxy/warm_pool.h"

#include <unistd.h>

#include <algorithm>

#include "proxy/picker.h"

namespace ub {
namespace {
constexpr uint32_t kDialsAtOnce = 8;  // per backend and look: no thundering at start
constexpr Nanos kBetweenLooks = 100 * kMillisecond;
constexpr Nanos kSoon = 5 * kSecond;  // dropped younger than this: the backend does not want them
constexpr uint32_t kMostBackOff = 8;  // doublings of kBetweenLooks: 25 s
constexpr Nanos kDialPatience = 5 * kSecond;
}  // namespace

Session* WarmPool::take(WorkerBackend& backend) {
  Session* found = nullptr;
  uint32_t passed = 0;
  // The oldest first, so that none grows stale behind the others.
  while (passed < backend.warm_count) {
    Session* session = backend.warm.front();
    if (session == nullptr) break;
    if (!session->side[kBackend].writable) {  // its handshake is still under way
      session->warm.unlink();
      backend.warm.push_back(*session);
      ++passed;
      continue;
    }
    if (!still_fresh(session->side[kBackend].fd)) {
      throw_away(*session, false);
      continue;
    }
    found = session;
    break;
  }
  backend.warm_target = std::min(backend.warm_max, backend.warm_target + (found == nullptr ? 1 : 0));
  if (found != nullptr) {
    found->warm.unlink();
    found->timer.cancel();
    --backend.warm_count;
    backend.state->warm.fetch_sub(1, std::memory_order_relaxed);
    backend.state->active.fetch_add(1, std::memory_order_relaxed);
    backend.counters->warm_used.add();
  }
  if (due_ == 0) due_ = ctx_.now + kBetweenLooks;
  return found;
}

void WarmPool::on_event(Session& session) {
  Side& side = session.side[kBackend];
  if (side.error || side.hang_up) {
    throw_away(session, true);
    return;
  }
  if (side.writable && session.turn_at != 0) {  // the handshake is done
    session.backend->warm_failures = 0;
    session.turn_at = 0;
    if (session.backend->warm_timeout > 0) {
      ctx_.wheel.arm(session.timer, ctx_.now + session.backend->warm_timeout);
    } else {
      session.timer.cancel();
    }
  }
}

void WarmPool::on_timer(Session& session) {
  WorkerBackend& backend = *session.backend;
  const bool dialling = session.turn_at != 0;
  if (!dialling && backend.warm_target > backend.warm_min) --backend.warm_target;  // nobody needed it for that long
  throw_away(session, dialling);
}

void WarmPool::throw_away(Session& session, bool failed) {
  WorkerBackend& backend = *session.backend;
  if (failed && ctx_.now < session.accepted_at + kSoon) {
    backend.warm_failures = std::min(backend.warm_failures + 1, kMostBackOff);
    backend.warm_retry_at = ctx_.now + (kBetweenLooks << backend.warm_failures);
  }
  backend.counters->warm_stale.add();
  session.warm.unlink();
  session.timer.cancel();
  ::close(session.side[kBackend].fd);
  --backend.warm_count;
  backend.state->warm.fetch_sub(1, std::memory_order_relaxed);
  backend.state->open.fetch_sub(1, std::memory_order_acq_rel);
  ctx_.slab.release(session.index);
  if (due_ == 0) due_ = ctx_.now + kBetweenLooks;
}

bool WarmPool::dial_one(WorkerBackend& backend) {
  // Clients come first: warm connections leave a quarter of the backend's places alone.
  if (backend.limit != 0) {
    std::atomic<uint32_t>& open = backend.state->open;
    uint32_t seen = open.load(std::memory_order_relaxed);
    do {
      if (seen >= backend.limit - (backend.limit + 3) / 4) return false;
    } while (!open.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel));
  } else {
    backend.state->open.fetch_add(1, std::memory_order_relaxed);
  }
  const int fd = backend_socket(backend.address.family(), backend.options);
  const auto slot = fd < 0 || ctx_.room.is_reserved(fd, ctx_.now) ? Slab<Session>::Slot{} : ctx_.slab.acquire();
  bool failed = slot.item == nullptr;
  if (!failed) {
    Session& session = *slot.item;
    session.index = slot.index;
    session.generation = slot.generation;
    if (backend.options.no_delay) set_no_delay(fd);  // here is the time that a client would not have
    set_lasting_options(fd, backend.options);
    failed = start_connect(fd, backend.address) != 0 || ctx_.poller.add_stream(fd, session.token(kBackend)) != 0;
    if (failed) ctx_.slab.release(slot.index);
  }
  if (failed) {
    if (fd >= 0) ::close(fd);
    backend.state->open.fetch_sub(1, std::memory_order_acq_rel);
    backend.warm_failures = std::min(backend.warm_failures + 1, kMostBackOff);
    backend.warm_retry_at = ctx_.now + (kBetweenLooks << backend.warm_failures);
    return false;
  }
  Session& session = *slot.item;
  session.phase = Phase::kWarm;
  session.backend = &backend;
  session.side[kBackend].fd = fd;
  session.accepted_at = session.turn_at = ctx_.now;
  backend.warm.push_back(session);
  ++backend.warm_count;
  backend.state->warm.fetch_add(1, std::memory_order_relaxed);
  ctx_.wheel.arm(session.timer, ctx_.now + kDialPatience);
  return true;
}

void WarmPool::refill(WorkerBackend& backend) {
  if (backend.removed || backend.warm_max == 0 || ctx_.now < ctx_.descriptors_short_until) return;
  backend.warm_target = std::clamp(backend.warm_target, backend.warm_min, backend.warm_max);
  if (ctx_.now < backend.warm_retry_at) return;
  for (uint32_t i = 0; i < kDialsAtOnce && backend.warm_count < backend.warm_target; ++i) {
    if (!dial_one(backend)) break;
  }
}

void WarmPool::refill_all() {
  bool missing = false;
  for (auto& [slot, backend] : ctx_.backends) {
    refill(*backend);
    missing |= !backend->removed && backend->warm_count < backend->warm_target;
  }
  due_ = missing ? ctx_.now + kBetweenLooks : 0;
}

void WarmPool::close_all(WorkerBackend& backend) {
  while (Session* session = backend.warm.front()) throw_away(*session, false);
}

}  // namespace ub
