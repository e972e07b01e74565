// SPDX-License-Identifier: MIT
//
// The data plane as a whole, driven from one thread (the control plane's): starts and feeds workers, adds up what they
// count. Nothing here is on the path of a byte or a connection.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/result.h"
#include "proxy/cpu.h"
#include "proxy/events.h"
#include "proxy/listening.h"
#include "proxy/worker.h"

namespace ub {

/// Counters added up over workers, with whom they belong to.
struct Reading {
  uint64_t generation = 0;  // the lowest that a worker runs
  uint64_t events_dropped = 0;
  std::vector<std::shared_ptr<ListenerState>> listeners;
  std::vector<std::shared_ptr<BackendState>> backends;
  std::vector<const WorkerCounters*> workers;
};

class Core {
 public:
  explicit Core(EventQueue::Notify notify = nullptr, void* context = nullptr);
  ~Core();

  /// All or nothing: new addresses are bound and new workers started before anything else changes.
  Status apply(Snapshot draft);
  /// No more clients; what is left after that time is ended, and before it as `pace` says.
  void drain(Nanos patience, ShedSpec pace = {});
  /// Ends sessions as it says, from then on; takes the place of an order for the same scope.
  void shed(const ShedSpec& wanted);
  /// Asynchronous: kStopped is collected when the last worker has left.
  void stop();
  /// What happened since the last call, folded over workers.
  std::vector<Event> collect();
  /// The listening sockets, for what an upgrade does with them between two snapshots.
  Listening& listening() { return listening_; }
  Reading read() const;
  std::vector<SessionReport> inspect(size_t limit);
  /// Records of sessions that have ended since, worker by worker, at most `limit`.
  std::vector<SessionRecord> take_records(size_t limit);
  void kill(uint32_t worker, uint64_t session);

 private:
  Status start_workers(const Snapshot& snapshot, std::vector<uint32_t>& started);
  void take_back(const std::vector<uint32_t>& started);
  Status open_recorders(const Recording& recording);
  void place_workers(const std::vector<int>& cpus);
  void install_states(Snapshot& snapshot);
  void forget_unused();
  bool all_left() const;

  const cpu_set_t everywhere_ = own_affinity();  // where the process may run, as it was when this was made
  EventQueue events_;
  Doorbells doorbells_;
  Workers workers_;
  Listening listening_{workers_};
  std::map<uint32_t, std::shared_ptr<ListenerState>> listeners_;
  std::map<uint32_t, std::shared_ptr<BackendState>> backends_;
  std::map<uint32_t, std::shared_ptr<PoolState>> pools_;
  std::shared_ptr<const Snapshot> snapshot_;
  uint64_t told_generation_ = 0;
  uint32_t next_recorder_ = 0;  // whose records are taken first, next time
  bool draining_ = false;
  uint64_t drain_pending_ = 0;  // workers that have not told yet, a bit each
  bool stopping_ = false;
  bool stopped_told_ = false;
};

}  // namespace ub
