// SPDX-License-Identifier: MIT
//
// What workers tell the control plane. Rare by design: failures are told when a count is reached, not one by one.
// The queue is bounded; what does not fit is dropped and counted, and the counters still have the truth.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace ub {

enum class EventType : uint8_t {
  kApplied,         // value: generation
  kBackendFailing,  // subject: backend slot, value: failures in a row
  kAcceptPaused,    // subject: listener slot, value: errno
  kAcceptResumed,
  kSocketClosed,  // subject: number of a listening socket that was to retire
  kDrained,
  kStopped,
};

struct Event {
  EventType type;
  uint32_t worker = 0;
  uint32_t subject = 0;
  uint64_t value = 0;
};

class EventQueue {
 public:
  using Notify = void (*)(void*);

  /// notify is called on the pushing thread, at most once until the next take().
  void set_notify(Notify notify, void* context) {
    const std::lock_guard lock(mutex_);
    notify_ = notify;
    context_ = context;
  }

  void push(Event event) {
    push(event, [] {});
  }

  /// `what` is done, and told, before anything that another worker does like this.
  template <typename F>
  void push(Event event, F&& what) {
    const std::lock_guard lock(mutex_);
    what();
    if (events_.size() >= kMost) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    events_.push_back(event);
    if (events_.size() == 1 && notify_ != nullptr) notify_(context_);
  }

  std::vector<Event> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(events_, {});
  }

  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kMost = 4096;

  std::mutex mutex_;
  std::vector<Event> events_;
  Notify notify_ = nullptr;
  void* context_ = nullptr;
  std::atomic<uint64_t> dropped_{0};
};

}  // namespace ub
