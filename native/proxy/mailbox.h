// SPDX-License-Identifier: MIT
//
// Commands to a worker: pushed by the control plane's thread, taken by the worker between turns. Bounded by what the
// control plane does, which waits for generations to be acknowledged.
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "net/wakeup.h"
#include "proxy/shed_order.h"
#include "proxy/snapshot.h"

namespace ub {

/// One session, for people to look at.
struct SessionReport {
  uint64_t id = 0;
  uint32_t worker = 0;
  uint32_t listener = 0;
  uint32_t backend = 0;
  bool has_backend = false;
  std::string client;
  Nanos age = 0;
  Nanos idle = 0;
  uint64_t to_backend = 0;
  uint64_t to_client = 0;
  uint32_t turns = 0;
};

/// Filled by the workers that get to it in time; shared, so that a late one writes to nobody's stack.
struct Inspection {
  std::mutex mutex;
  std::vector<SessionReport> sessions;
  size_t limit = 0;
  size_t answers = 0;
  std::promise<void> done;
  size_t expected = 0;
};

struct Command {
  enum class Kind : uint8_t { kApply, kAssign, kRelease, kRetire, kClose, kDrain, kShed, kStop, kInspect, kKill };
  Kind kind;
  std::shared_ptr<const Snapshot> snapshot{};  // apply
  uint32_t socket = 0;                         // assign, release, retire, close
  int fd = -1;                                 // assign: a duplicate, the worker's from then on; -1 when it has one
  uint32_t listener = 0;                       // assign: slot
  std::shared_ptr<ShedOrder> shed{};           // drain, shed
  std::shared_ptr<Inspection> inspection{};    // inspect
  uint64_t session = 0;                        // kill
};

class Mailbox {
 public:
  /// False when the worker has left: nobody would read it.
  bool push(Command command) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return false;
      commands_.push_back(std::move(command));
    }
    bell.ring();
    return true;
  }
  std::vector<Command> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(commands_, {});
  }
  /// The worker wants to leave: true when nothing is left to read, and from then on nothing comes.
  bool close_if_empty() {
    const std::lock_guard lock(mutex_);
    if (commands_.empty()) closed_ = true;
    return closed_;
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  void reopen() {
    const std::lock_guard lock(mutex_);
    closed_ = false;
    commands_.clear();
  }

  Wakeup bell;

 private:
  std::mutex mutex_;
  std::vector<Command> commands_;
  bool closed_ = true;
};

}  // namespace ub
