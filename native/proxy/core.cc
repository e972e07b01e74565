// SPDX-License-Identifier: MIT
#include "proxy/core.h"

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
  const Result<std::vector<Listening::Wanted>> wanted = Listening::wanted_by(draft);
  if (!wanted.has_value()) return wanted.error();
  Result<Listening::Fresh> fresh = listening_.bind_missing(wanted.value(), draft.workers);
  if (!fresh.has_value()) return fresh.error();
  std::vector<uint32_t> started;
  Status ready = start_workers(draft, started);
  if (ready.has_value()) ready = open_recorders(draft.recording);
  if (!ready.has_value()) {
    take_back(started);
    return ready;
  }
  listening_.add(wanted.value(), std::move(fresh.value()));

  place_workers(draft.cpus);
  install_states(draft);
  // The specs move with the vectors' storage, so `wanted` still points at them.
  const auto snapshot = std::make_shared<const Snapshot>(std::move(draft));
  snapshot_ = snapshot;
  for (uint32_t i = 0; i < kMaxWorkers; ++i) {
    if (workers_[i] && workers_[i]->joinable())
      workers_[i]->post({.kind = Command::Kind::kApply, .snapshot = snapshot});
  }
  listening_.place(wanted.value(), snapshot->workers);
  forget_unused();
  return Done{};
}

Status Core::start_workers(const Snapshot& snapshot, std::vector<uint32_t>& started) {
  for (uint32_t i = 0; i < snapshot.workers; ++i) {
    if (!workers_[i]) workers_[i] = std::make_unique<Worker>(i, events_, doorbells_);
    Worker& worker = *workers_[i];
    if (worker.joinable() && worker.running()) continue;
    started.push_back(i);
    if (Status running = worker.start(); !running.has_value()) return running;
  }
  return Done{};
}

/// Those that did start have nothing to serve: they leave at once. The workers stay, as ones that have retired do, since
/// their last word is still on its way and names a run of theirs.
void Core::take_back(const std::vector<uint32_t>& started) {
  for (uint32_t i : started) {
    workers_[i]->post({.kind = Command::Kind::kStop});
    workers_[i]->join_blocking();
  }
}

/// A worker that has retired may still have sessions, so every one that there is gets its ring.
Status Core::open_recorders(const Recording& recording) {
  if (recording.per_million == 0) return Done{};
  for (const auto& worker : workers_) {
    if (worker && !worker->recorder().open()) return Error{ENOMEM, "records of sessions", {}, 0};
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

void Core::forget_unused() {
  // A state that only this map holds has no worker, no snapshot and no session left.
  std::erase_if(listeners_, [](const auto& entry) { return entry.second.use_count() == 1; });
  std::erase_if(backends_, [](const auto& entry) { return entry.second.use_count() == 1; });
  std::erase_if(pools_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

void Core::drain(Nanos patience, ShedSpec pace) {
  if (draining_ || stopping_) return;
  draining_ = true;
  pace.scope = ShedScope::kAll;
  pace.has_deadline = patience != kForEver;
  pace.patience = patience;
  const auto order = std::make_shared<ShedOrder>(pace, monotonic_now());
  for (uint32_t i = 0; i < kMaxWorkers; ++i) {
    if (!workers_[i] || !workers_[i]->joinable()) continue;
    if (workers_[i]->post({.kind = Command::Kind::kDrain, .shed = order})) drain_pending_ |= 1ULL << i;
  }
  listening_.clear();  // the workers close theirs when they have emptied them
  if (drain_pending_ == 0) events_.push({EventType::kDrained, kMaxWorkers, 0, 0});
}

void Core::shed(const ShedSpec& wanted) {
  const auto order = std::make_shared<ShedOrder>(wanted, monotonic_now());
  for (const auto& worker : workers_) {
    if (worker && worker->joinable()) worker->post({.kind = Command::Kind::kShed, .shed = order});
  }
}

void Core::stop() {
  if (stopping_) return;
  stopping_ = true;
  uint64_t told = 0;
  for (uint32_t i = 0; i < kMaxWorkers; ++i) {
    if (!workers_[i] || !workers_[i]->joinable()) continue;
    if (workers_[i]->post({.kind = Command::Kind::kStop})) told |= 1ULL << i;
  }
  listening_.clear();
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
      case EventType::kSocketClosed: listening_.forget(event.subject); break;
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
    if (!worker || (!worker->running() && worker->generation() == 0)) continue;  // one that never served has no counts
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

std::vector<SessionRecord> Core::take_records(size_t limit) {
  std::vector<SessionRecord> records;
  // Another worker comes first each time: one that is busier than this is often enough does not hide the rest.
  const uint32_t first = next_recorder_++;
  for (uint32_t i = 0; i < kMaxWorkers && records.size() < limit; ++i) {
    const auto& worker = workers_[(first + i) % kMaxWorkers];
    if (!worker) continue;
    worker->recorder().take(limit - records.size(), [&](const SessionRecord& record) { records.push_back(record); });
  }
  return records;
}

void Core::kill(uint32_t worker, uint64_t session) {
  if (worker < kMaxWorkers && workers_[worker]) {
    workers_[worker]->post({.kind = Command::Kind::kKill, .session = session});
  }
}

}  // namespace ub
