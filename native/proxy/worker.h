// SPDX-License-Identifier: MIT
//
// One thread, one loop: wait for events, serve them, fire timers, serve leftovers, read the mailbox. Everything it owns
// is touched by its thread alone; the control plane reaches it through the mailbox and reads its counters.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <memory>
#include <unordered_map>

#include "proxy/acceptor.h"
#include "proxy/connector.h"
#include "proxy/context.h"
#include "proxy/mailbox.h"
#include "proxy/sessions.h"
#include "proxy/shedding.h"
#include "proxy/warm_pool.h"

namespace ub {

class Worker {
 public:
  Worker(uint32_t index, EventQueue& events, Doorbells& doorbells);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  // Called by the control plane's thread.
  Status start();
  /// On this CPU alone, or (below 0) wherever the process may run.
  void place(int cpu, const cpu_set_t& everywhere);
  /// False when its thread is not there to read it.
  bool post(Command command) { return mailbox_.push(std::move(command)); }
  /// Waits for a thread that has been told to stop or has retired; no loop waits for anything but epoll.
  void join_blocking();
  bool running() const { return running_.load(std::memory_order_acquire); }
  bool joinable() const { return joinable_; }
  /// Of the thread that was started last; its kStopped carries it.
  uint64_t run_number() const { return run_number_; }
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  const WorkerCounters& counters() const { return ctx_.counters; }
  /// Its thread fills it, and only once a snapshot asks for that.
  Recorder& recorder() { return ctx_.recorder; }

 private:
  static void* thread_main(void* self);
  void run();
  void turn();
  void read_mailbox();
  void obey(Command& command);
  void apply(std::shared_ptr<const Snapshot> snapshot);
  void adopt_backends(const Snapshot& snapshot);
  void inspect(Inspection& inspection);
  void close_warm();
  void sweep();
  int patience() const;
  void publish();

  EventQueue& events_;
  Doorbells& doorbells_;
  Mailbox mailbox_;
  WorkerContext ctx_;
  WarmPool warm_;
  Connector connector_;
  Sessions sessions_;
  Acceptor acceptor_;
  std::unordered_map<uint32_t, std::unique_ptr<WorkerListener>> listeners_;  // by slot
  Shedding shedding_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<bool> running_{false};
  pthread_t thread_{};
  bool joinable_ = false;
  uint64_t run_number_ = 0;
  bool stopping_ = false;
  bool retired_ = false;
  bool draining_ = false;
  bool drained_told_ = false;
  Nanos sweep_at_ = 0;  // when removed listeners and backends are looked at; 0: there are none
  uint32_t full_batches_ = 0;
};

}  // namespace ub
