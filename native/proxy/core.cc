// SPDX-License-Identifier: MIT
#include "proxy/core.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/check.h"

namespace ub {

Core::Core(EventQueue::Notify notify, void* context) { events_.set_notify(notify, context); }

Core::~Core() {
  for (auto& worker : workers_) {
    if (worker && worker->joinable()) worker->post({.kind = Command::Kind::kStop});
  }
  for (auto& worker : workers_) {
    if (worker) worker->join_blocking();
  }
}

Status Core::apply(Snapshot draft) {
  if (stopping_ || draining_) return Error{ECANCELED, "apply", {}, 0};
  if (draft.workers == 0 || draft.workers > kMaxWorkers) return Error{EINVAL, "apply", {}, 0};
  std::vector<Wanted> wanted;
  for (const ListenerSpec& spec : draft.listeners) {
    for (const Address& address : spec.addresses) {
      const bool twice =
          std::any_of(wanted.begin(), wanted.end(), [&](const Wanted& w) { return w.address == address; });
      if (twice) return Error{EADDRINUSE, "bind", address.host(), address.port()};
      wanted.push_back({address, &spec});
    }
  }
  std::vector<Listening> fresh;
  if (Status bound = bind_missing(wanted, draft.workers, fresh); !bound.has_value()) return bound;
  if (Status started = start_workers(draft); !started.has_value()) return started;
  for (Listening& socket : fresh) {
    group_of(socket.address).order.push_back(socket.id);
    sockets_.push_back(std::move(socket));
  }

  place_workers(draft.cpus);
  install_states(draft);
  // The specs move with the vectors' storage, so `wanted` still points at them.
  const auto snapshot = std::make_shared<const Snapshot>(std::move(draft));
  snapshot_ = snapshot;
  for (uint32_t i = 0; i < kMaxWorkers; ++i) {
    if (workers_[i] && workers_[i]->joinable())
      workers_[i]->post({.kind = Command::Kind::kApply, .snapshot = snapshot});
  }
  place_sockets(wanted, snapshot->workers);
  forget_unused();
  return Done{};
}

Status Core::bind_missing(const std::vector<Wanted>& wanted, uint32_t workers, std::vector<Listening>& fresh) {
  for (const Wanted& want : wanted) {
    size_t have = 0;
    bool port_is_ours = false;
    for (const std::vector<Listening>* group : {&sockets_, &fresh}) {
      for (const Listening& s : *group) {
        have += s.address == want.address ? 1 : 0;
        port_is_ours |= s.address.port() == want.address.port();
      }
    }
    for (; have < workers; ++have) {
      // Somebody else's socket on this port is found out by a first bind that does not share it.
      Result<UniqueFd> fd = listen_on(want.address, want.spec->backlog, want.spec->options, !port_is_ours);
      if (!fd.has_value()) return fd.error();
      port_is_ours = true;
      fresh.push_back({next_socket_++, want.address, std::move(fd.value()), want.spec->backlog, want.spec->options});
    }
  }
  return Done{};
}

Status Core::start_workers(const Snapshot& snapshot) {
  for (uint32_t i = 0; i < snapshot.workers; ++i) {
    if (!workers_[i]) workers_[i] = std::make_unique<Worker>(i, events_, doorbells_);
    Worker& worker = *workers_[i];
    if (worker.joinable() && worker.running()) continue;
    if (Status started = worker.start(); !started.has_value()) return started;
  }
  return Done{};
}

void Core::place_workers(const std::vector<int>& cpus) {
  for (uint32_t i = 0; i < kMaxWorkers; ++i) {
    if (workers_[i]) workers_[i]->place(cpus.empty() ? -1 : cpus[i % cpus.size()], everywhere_);
  }
}

void Core::install_states(Snapshot& snapshot) {
  // A retired worker may still run, so every worker that there is has its blocks.
  uint32_t blocks = snapshot.workers;
  for (uint32_t i = 0; i < kMaxWorkers; ++i) {
    if (workers_[i]) blocks = std::max(blocks, i + 1);
  }
  const auto install = [blocks](auto& states, uint32_t slot) {
    auto& state = states[slot];
    using State = typename std::remove_reference_t<decltype(state)>::element_type;
    if (!state) {
      state = std::make_shared<State>();
      state->slot = slot;
    }
    if constexpr (requires { state->counters; }) {
      using Counters = typename std::remove_reference_t<decltype(state->counters[0])>::element_type;
      for (uint32_t i = 0; i < blocks; ++i) {
        if (!state->counters[i]) state->counters[i] = std::make_unique<Counters>();
      }
    }
    return state;
  };
  for (ListenerSpec& spec : snapshot.listeners) spec.state = install(listeners_, spec.slot);
  for (PoolSpec& pool : snapshot.pools) {
    pool.state = install(pools_, pool.slot);
    for (BackendSpec& backend : pool.backends) backend.state = install(backends_, backend.slot);
  }
}

void Core::place_sockets(const std::vector<Wanted>& wanted, uint32_t workers) {
  const auto gone = [&](const Address& address) {
    return std::none_of(wanted.begin(), wanted.end(), [&](const Wanted& w) { return w.address == address; });
  };
  // What goes: our descriptor here, the worker's when it has emptied the queue.
  for (const Listening& socket : sockets_) {
    if (gone(socket.address)) workers_[socket.worker]->post({.kind = Command::Kind::kClose, .socket = socket.id});
  }
  std::erase_if(sockets_, [&](const Listening& s) { return gone(s.address); });
  std::erase_if(groups_, [&](const Group& g) { return gone(g.address); });
  for (const Wanted& want : wanted) place_group(want, workers);
}

/// A socket stays with its worker if it can. There may be more than workers, after their number has gone down: the
/// surplus moves to a worker that stays and gets no new connections; it is closed when its queue has been empty for a
/// while. To close it at once would reset those who wait in it.
void Core::place_group(const Wanted& want, uint32_t workers) {
  std::vector<uint32_t> held(workers, 0);
  std::vector<Listening*> moving;
  for (Listening& s : sockets_) {
    if (!(s.address == want.address)) continue;
    refresh_options(s, *want.spec);
    if (s.worker < workers && held[s.worker] == 0) {
      held[s.worker] = 1;
      assign(s, s.worker, want.spec->slot);
    } else {
      moving.push_back(&s);
    }
  }
  Group& group = group_of(want.address);
  std::vector<uint32_t> surplus;
  for (Listening* s : moving) {
    const auto free = std::find(held.begin(), held.end(), 0U);
    const bool stays = free != held.end();
    const auto target = stays ? static_cast<uint32_t>(free - held.begin()) : s->id % workers;
    if (stays) *free = 1;
    assign(*s, target, want.spec->slot);
    if (stays) continue;
    group.retiring.push_back(s->id);
    surplus.push_back(s->id);
  }
  if (surplus.empty()) return;
  steer(group);
  if (!group.steered) {  // it would go on getting connections: it has to stay
    group.retiring.clear();
    return;
  }
  for (const Listening& s : sockets_) {
    if (std::find(surplus.begin(), surplus.end(), s.id) == surplus.end()) continue;
    workers_[s.worker]->post({.kind = Command::Kind::kRetire, .socket = s.id});
  }
  std::erase_if(sockets_,
                [&](const Listening& s) { return std::find(surplus.begin(), surplus.end(), s.id) != surplus.end(); });
}

void Core::assign(Listening& socket, uint32_t worker, uint32_t listener) {
  const bool moves = socket.worker != worker;
  if (!moves && socket.listener == listener) return;
  if (moves && socket.worker < kMaxWorkers) {
    workers_[socket.worker]->post({.kind = Command::Kind::kRelease, .socket = socket.id});
  }
  const int duplicate = moves ? ::fcntl(socket.fd.get(), F_DUPFD_CLOEXEC, 0) : -1;
  const bool posted = workers_[worker]->post(
      {.kind = Command::Kind::kAssign, .socket = socket.id, .fd = duplicate, .listener = listener});
  if (!posted && duplicate >= 0) ::close(duplicate);
  socket.worker = worker;
  socket.listener = listener;
}

void Core::refresh_options(Listening& socket, const ListenerSpec& spec) {
  if (socket.backlog != spec.backlog)
    ::listen(socket.fd.get(), spec.backlog);  // on a listening socket: its length only
  if (!(socket.options == spec.options)) {
    (void)set_listener_options(socket.fd.get(), spec.options);  // one that is refused now is refused at a start too
  }
  socket.backlog = spec.backlog;
  socket.options = spec.options;
}

Core::Group& Core::group_of(const Address& address) {
  for (Group& group : groups_) {
    if (group.address == address) return group;
  }
  groups_.emplace_back();
  groups_.back().address = address;
  return groups_.back();
}

void Core::steer(Group& group) {
  const auto socket =
      std::find_if(sockets_.begin(), sockets_.end(), [&](const Listening& s) { return s.address == group.address; });
  if (socket == sockets_.end()) return;
  std::vector<uint32_t> places;
  for (uint32_t i = 0; !group.retiring.empty() && i < group.order.size(); ++i) {
    const auto& out = group.retiring;
    if (std::find(out.begin(), out.end(), group.order[i]) == out.end()) places.push_back(i);
  }
  group.steered = steer_new_connections(socket->fd.get(), places) && !places.empty();
}

/// The kernel fills the place of a socket that has gone with the last one.
void Core::forget_socket(uint32_t id) {
  for (Group& group : groups_) {
    const auto at = std::find(group.order.begin(), group.order.end(), id);
    if (at == group.order.end()) continue;
    *at = group.order.back();
    group.order.pop_back();
    std::erase(group.retiring, id);
    steer(group);
  }
}

void Core::forget_unused() {
  // A state that only this map holds has no worker, no snapshot and no session left.
  std::erase_if(listeners_, [](const auto& entry) { return entry.second.use_count() == 1; });
  std::erase_if(backends_, [](const auto& entry) { return entry.second.use_count() == 1; });
  std::erase_if(pools_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

void Core::drain(Nanos patience) {
  if (draining_ || stopping_) return;
  draining_ = true;
  const Nanos deadline = monotonic_now() + patience;
  for (uint32_t i = 0; i < kMaxWorkers; ++i) {
    if (!workers_[i] || !workers_[i]->joinable()) continue;
    if (workers_[i]->post({.kind = Command::Kind::kDrain, .deadline = deadline})) drain_pending_ |= 1ULL << i;
  }
  sockets_.clear();  // the workers close theirs when they have emptied them
  if (drain_pending_ == 0) events_.push({EventType::kDrained, kMaxWorkers, 0, 0});
}

void Core::stop() {
  if (stopping_) return;
  stopping_ = true;
  uint64_t told = 0;
  for (uint32_t i = 0; i < kMaxWorkers; ++i) {
    if (!workers_[i] || !workers_[i]->joinable()) continue;
    if (workers_[i]->post({.kind = Command::Kind::kStop})) told |= 1ULL << i;
  }
  sockets_.clear();
  if (told == 0) events_.push({EventType::kStopped, kMaxWorkers, 0, 0});
}

bool Core::all_left() const {
  return std::none_of(workers_.begin(), workers_.end(), [](const auto& w) { return w && w->joinable(); });
}

std::vector<Event> Core::collect() {
  std::vector<Event> told;
  for (const Event& event : events_.take()) {
    const uint64_t bit = event.worker < kMaxWorkers ? 1ULL << event.worker : 0;
    switch (event.type) {
      case EventType::kApplied: {
        const uint64_t lowest = read().generation;
        if (lowest > told_generation_) {
          told_generation_ = lowest;
          told.push_back({EventType::kApplied, 0, 0, lowest});
        }
        break;
      }
      case EventType::kDrained:
      case EventType::kStopped: {
        const bool was_pending = draining_ && (drain_pending_ != 0 || bit == 0);
        drain_pending_ &= ~bit;
        if (was_pending && drain_pending_ == 0) told.push_back({EventType::kDrained, 0, 0, 0});
        if (event.type == EventType::kStopped) {
          // Joined before the end is told: whoever hears of it may take away what a thread still pushes through.
          if (event.worker < kMaxWorkers && workers_[event.worker]->run_number() == event.value) {
            workers_[event.worker]->join_blocking();
          }
          if (stopping_ && !stopped_told_ && all_left()) {
            stopped_told_ = true;
            told.push_back({EventType::kStopped, 0, 0, 0});
          }
        }
        break;
      }
      case EventType::kSocketClosed: forget_socket(event.subject); break;
      case EventType::kBackendFailing:
      case EventType::kAcceptPaused:
      case EventType::kAcceptResumed: told.push_back(event); break;
    }
  }
  return told;
}

Reading Core::read() const {
  Reading reading;
  reading.generation = snapshot_ ? snapshot_->generation : 0;
  reading.events_dropped = events_.dropped();
  for (const auto& worker : workers_) {
    if (!worker) continue;
    if (worker->running()) reading.generation = std::min(reading.generation, worker->generation());
    reading.workers.push_back(&worker->counters());
  }
  for (const auto& [slot, state] : listeners_) reading.listeners.push_back(state);
  for (const auto& [slot, state] : backends_) reading.backends.push_back(state);
  return reading;
}

std::vector<SessionReport> Core::inspect(size_t limit) {
  const auto inspection = std::make_shared<Inspection>();
  inspection->limit = limit;
  for (const auto& worker : workers_) inspection->expected += worker && worker->running() ? 1 : 0;
  if (inspection->expected == 0) return {};
  auto done = inspection->done.get_future();
  for (const auto& worker : workers_) {
    if (worker && worker->running()) worker->post({.kind = Command::Kind::kInspect, .inspection = inspection});
  }
  done.wait_for(std::chrono::milliseconds(200));  // a worker answers between two turns; a frozen one is not waited for
  const std::lock_guard lock(inspection->mutex);
  return inspection->sessions;
}

void Core::kill(uint32_t worker, uint64_t session) {
  if (worker < kMaxWorkers && workers_[worker]) {
    workers_[worker]->post({.kind = Command::Kind::kKill, .session = session});
  }
}

}  // namespace ub
