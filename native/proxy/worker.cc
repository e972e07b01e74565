// SPDX-License-Identifier: MIT
#include "proxy/worker.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/privileges.h"
#include "proxy/cpu.h"
#include "proxy/picker.h"

namespace ub {
namespace {
constexpr uint64_t kDoorbellToken = 0;    // sockets of listeners are numbered from 1; sessions have a generation
constexpr uint32_t kMostFullBatches = 8;  // turns in a row in which timers wait for events that came before them
constexpr size_t kSmallestHot = 64 * 1024;
}  // namespace

Worker::Worker(uint32_t index, EventQueue& events, Doorbells& doorbells)
    : events_(events),
      doorbells_(doorbells),
      ctx_(index, events, doorbells),
      warm_(ctx_),
      connector_(ctx_, warm_),
      sessions_(ctx_, connector_, warm_),
      acceptor_(ctx_, sessions_),
      shedding_(ctx_, sessions_, listeners_) {}

Worker::~Worker() {
  if (joinable_) {
    post({.kind = Command::Kind::kStop});
    join_blocking();
  }
  doorbells_.bells[ctx_.index].store(nullptr, std::memory_order_release);
}

Status Worker::start() {
  if (joinable_) join_blocking();
  if (mailbox_.bell.fd() < 0) {
    if (Status opened = ctx_.poller.open(); !opened.has_value()) return opened;
    if (Status opened = mailbox_.bell.open(); !opened.has_value()) return opened;
    ctx_.poller.add_level(mailbox_.bell.fd(), kDoorbellToken);
    doorbells_.bells[ctx_.index].store(&mailbox_.bell, std::memory_order_release);
  }
  stopping_ = retired_ = draining_ = drained_told_ = false;
  shedding_.forget_all();
  mailbox_.reopen();
  ++run_number_;
  running_.store(true, std::memory_order_release);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);  // signals are the control plane's; SIGPIPE from splice must not kill anybody
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(&thread_, nullptr, &Worker::thread_main, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) {
    running_.store(false, std::memory_order_release);
    return Error{error, "pthread_create", {}, 0};
  }
  joinable_ = true;
  char name[16];
  std::snprintf(name, sizeof name, "ub-worker-%u", ctx_.index);
  pthread_setname_np(thread_, name);
  return Done{};
}

void Worker::place(int cpu, const cpu_set_t& everywhere) {
  if (!joinable_) return;
  if (cpu < 0 || !pin_thread(thread_, cpu)) unpin_thread(thread_, everywhere);
}

void Worker::join_blocking() {
  if (!joinable_) return;
  pthread_join(thread_, nullptr);
  joinable_ = false;
}

void* Worker::thread_main(void* self) {
  static_cast<Worker*>(self)->run();
  return nullptr;
}

void Worker::run() {
  // It inherits what the control plane has kept for binding, and binds nothing. Root is root without them too.
  if (::geteuid() != 0) drop_capabilities();
  while (!stopping_) turn();
  mailbox_.close();
  publish();
  running_.store(false, std::memory_order_release);
  events_.push({EventType::kStopped, ctx_.index, 0, run_number_});  // its last word: nothing is pushed after it
}

int Worker::patience() const {
  if (!ctx_.ready.empty()) return 0;
  int wait = ctx_.wheel.wait_ms(ctx_.now);
  for (const Nanos at :
       {acceptor_.resume_at(), acceptor_.retire_at(), warm_.due(), shedding_.due(), ctx_.low_water.due()}) {
    if (at == 0) continue;
    const int ms = at <= ctx_.now ? 0 : static_cast<int>(std::min<Nanos>((at - ctx_.now) / kMillisecond + 1, 60'000));
    wait = wait < 0 ? ms : std::min(wait, ms);
  }
  return wait;
}

void Worker::turn() {
  epoll_event events[Poller::kBatch];
  const int count = ctx_.poller.wait(events, patience());
  ctx_.now = monotonic_now();
  bool rung = false;
  for (int i = 0; i < count; ++i) {
    const uint64_t token = events[i].data.u64;
    if (generation_of(token) != 0) {
      sessions_.on_event(index_of(token), generation_of(token), side_of(token), events[i].events);
    } else if (token == kDoorbellToken) {
      rung = true;
    } else {
      acceptor_.on_event(static_cast<uint32_t>(token));
    }
  }
  sessions_.run_ready();
  if (ctx_.low_water.relays() != 0) sessions_.relieve_stalled();
  // What came while this thread did not run is no silence: all of it is read before anybody is found to be late.
  full_batches_ = count == Poller::kBatch && full_batches_ < kMostFullBatches ? full_batches_ + 1 : 0;
  if (full_batches_ == 0) ctx_.wheel.advance(ctx_.now, [this](Timer& timer) { sessions_.on_timer(timer); });
  if (rung) read_mailbox();
  if (ctx_.place_freed || (acceptor_.resume_at() != 0 && ctx_.now >= acceptor_.resume_at())) acceptor_.resume();
  if (acceptor_.retire_at() != 0 && ctx_.now >= acceptor_.retire_at()) acceptor_.close_retired();
  if (warm_.due() != 0 && ctx_.now >= warm_.due()) warm_.refill_all();
  if (shedding_.due() != 0 && ctx_.now >= shedding_.due()) shedding_.work();
  if (draining_ && ctx_.clients == 0 && !drained_told_) {
    drained_told_ = true;
    events_.push({EventType::kDrained, ctx_.index, 0, 0});
  }
  if (sweep_at_ != 0 && ctx_.now >= sweep_at_) sweep();
  if (retired_ && ctx_.clients == 0 && !acceptor_.any() && mailbox_.close_if_empty()) stopping_ = true;
  ctx_.counters.loops.add();
  ctx_.counters.events.add(static_cast<uint64_t>(count));
  publish();
}

void Worker::publish() {
  ctx_.counters.sessions.set(ctx_.clients);
  ctx_.counters.pipes_open.set(ctx_.pipes.open());
  ctx_.counters.pipes_borrowed.set(ctx_.pipes.borrowed());
  ctx_.counters.pipe_failures.set(ctx_.pipes.stats().failed + ctx_.pipes.stats().shrunk);
  ctx_.counters.low_water_relays.set(ctx_.low_water.relays());
  ctx_.counters.low_water_stalls.set(ctx_.low_water.stalls());
  ctx_.counters.buffer_bytes.set(ctx_.buffers.in_use());
}

void Worker::read_mailbox() {
  mailbox_.bell.answer();
  ctx_.place_freed = true;  // the bell is also rung when a listener that was full has room
  for (Command& command : mailbox_.take()) obey(command);
}

void Worker::obey(Command& command) {
  switch (command.kind) {
    case Command::Kind::kApply: apply(std::move(command.snapshot)); return;
    case Command::Kind::kAssign: {
      const auto at = listeners_.find(command.listener);
      if (at != listeners_.end()) acceptor_.assign(command.socket, command.fd, *at->second);
      return;
    }
    case Command::Kind::kRetire: acceptor_.retire(command.socket); return;
    case Command::Kind::kRelease: acceptor_.release(command.socket); return;
    case Command::Kind::kClose: acceptor_.close(command.socket); return;
    case Command::Kind::kDrain:
      draining_ = true;
      acceptor_.close_all();
      close_warm();
      shedding_.obey(std::move(command.shed));
      return;
    case Command::Kind::kShed: shedding_.obey(std::move(command.shed)); return;
    case Command::Kind::kStop:
      acceptor_.close_all();
      sessions_.end_all(CloseReason::kShutdown);
      close_warm();
      stopping_ = true;
      return;
    case Command::Kind::kInspect: inspect(*command.inspection); return;
    case Command::Kind::kKill:
      sessions_.end_one(static_cast<uint32_t>(command.session), static_cast<uint32_t>(command.session >> 32),
                        CloseReason::kKilled);
      return;
  }
}

void Worker::close_warm() {
  for (auto& [slot, backend] : ctx_.backends) {
    backend->warm_max = backend->warm_min = backend->warm_target = 0;
    warm_.close_all(*backend);
  }
}

void Worker::apply(std::shared_ptr<const Snapshot> snapshot) {
  retired_ = ctx_.index >= snapshot->workers;  // it serves the sessions it has, and leaves with the last
  size_t hot = kSmallestHot;
  for (auto& [slot, listener] : listeners_) listener->removed = true;
  for (const ListenerSpec& spec : snapshot->listeners) {
    std::unique_ptr<WorkerListener>& listener = listeners_[spec.state->slot];
    if (!listener) listener = std::make_unique<WorkerListener>();
    listener->snapshot = snapshot;
    listener->spec = &spec;
    listener->pool = &snapshot->pools[spec.pool];
    listener->shortlist = wants_shortlist(*listener->pool) ? std::make_unique<Shortlist>() : nullptr;
    listener->state = spec.state.get();
    listener->counters = spec.state->counters[ctx_.index].get();
    listener->removed = false;
    hot = std::max<size_t>(hot, spec.max_buffer_size);
  }
  if (ctx_.hot.size() < hot) ctx_.hot.resize(hot);
  adopt_backends(*snapshot);
  ctx_.recorder.follow(snapshot->recording);
  snapshot_ = std::move(snapshot);
  ctx_.place_freed = true;  // limits may have been raised
  sweep_at_ = ctx_.now;
  generation_.store(snapshot_->generation, std::memory_order_release);
  events_.push({EventType::kApplied, ctx_.index, 0, snapshot_->generation});
}

void Worker::adopt_backends(const Snapshot& snapshot) {
  for (auto& [slot, backend] : ctx_.backends) backend->removed = true;
  const uint32_t workers = snapshot.workers;
  // Each worker has its share of the warm connections; the first ones take what does not divide.
  const auto share = [&](uint32_t total) {
    return retired_ || draining_ ? 0 : total / workers + (ctx_.index < total % workers ? 1 : 0);
  };
  for (const PoolSpec& pool : snapshot.pools) {
    for (const BackendSpec& spec : pool.backends) {
      std::unique_ptr<WorkerBackend>& backend = ctx_.backends[spec.state->slot];
      if (!backend) backend = std::make_unique<WorkerBackend>();
      backend->removed = false;
      backend->state = spec.state;
      backend->counters = spec.state->counters[ctx_.index].get();
      backend->address = spec.address;
      backend->options = pool.options;
      backend->limit = spec.max_connections;
      backend->warm_min = spec.member ? share(pool.warm_min) : 0;
      backend->warm_max = spec.member ? share(pool.warm_max) : 0;
      backend->warm_timeout = pool.warm_timeout;
      if (backend->warm_max == 0 && backend->warm_count > 0) warm_.close_all(*backend);
    }
  }
  for (auto& [slot, backend] : ctx_.backends) {
    if (backend->removed) warm_.close_all(*backend);
  }
  warm_.refill_all();
}

void Worker::sweep() {
  bool left = false;
  const auto unused = [&left](bool removed, bool in_use) {
    left |= removed && in_use;
    return removed && !in_use;
  };
  // The order to close a socket may come a turn after the snapshot that has no listener for it any more.
  std::erase_if(listeners_, [&](const auto& entry) {
    return unused(entry.second->removed, entry.second->sessions > 0 || entry.second->sockets > 0);
  });
  std::erase_if(ctx_.backends,
                [&](const auto& entry) { return unused(entry.second->removed, entry.second->sessions > 0); });
  sweep_at_ = left ? ctx_.now + kSecond : 0;
}

void Worker::inspect(Inspection& inspection) {
  std::vector<SessionReport> found;
  ctx_.slab.for_each([&](Session& session) {
    if (session.phase == Phase::kWarm || found.size() >= inspection.limit) return;
    found.push_back({.id = static_cast<uint64_t>(session.generation) << 32 | session.index,
                     .worker = ctx_.index,
                     .listener = session.listener->state->slot,
                     .backend = session.backend == nullptr ? 0 : session.backend->state->slot,
                     .has_backend = session.backend != nullptr,
                     .client = client_text(session.client),
                     .age = ctx_.now - session.accepted_at,
                     .idle = ctx_.now - session.heard_at,
                     .to_backend = session.relay[0].bytes,
                     .to_client = session.relay[1].bytes,
                     .turns = session.turns});
  });
  const std::lock_guard lock(inspection.mutex);
  for (SessionReport& report : found) {
    if (inspection.sessions.size() < inspection.limit) inspection.sessions.push_back(std::move(report));
  }
  if (++inspection.answers == inspection.expected) inspection.done.set_value();
}

}  // namespace ub
