// SPDX-License-Identifier: MIT
//
// The listening sockets of one worker: accepts in small batches, stops when a listener is full or descriptors are
// short (before the last are gone: the control plane needs some), and goes on when a place or a descriptor is free. A socket that is to go is emptied first: what stands in its
// queue has been promised a session.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "proxy/context.h"
#include "proxy/sessions.h"

namespace ub {

class Acceptor {
 public:
  Acceptor(WorkerContext& context, Sessions& sessions) : ctx_(context), sessions_(sessions) {}

  /// Watches the socket, or hands one that is watched already to another listener.
  void assign(uint32_t id, int fd, WorkerListener& listener);
  /// Lets go of its own descriptor; the queue and the socket live on elsewhere.
  void release(uint32_t id);
  /// No new connections are sent here any more: closes once none has come for a while.
  void retire(uint32_t id);
  /// Empties the queue, then closes.
  void close(uint32_t id);
  void close_all();
  /// Closes those that have retired for long enough.
  void close_retired();
  /// When close_retired has something to do; 0 for never.
  Nanos retire_at() const { return retire_at_; }

  void on_event(uint32_t id);
  /// Those that were full or short of descriptors look again.
  void resume();
  /// When descriptors will be asked for again; 0 when they are not short.
  Nanos resume_at() const { return resume_at_; }
  bool any() const { return !sockets_.empty(); }

 private:
  enum class Pause : uint8_t { kNone, kFull, kShortage };
  struct Socket {
    int fd;
    WorkerListener* listener;
    Pause pause = Pause::kNone;
    uint32_t batch = 1;      // accepts per turn; grows while there is more in every turn
    uint64_t last_turn = 0;  // in which the batch was used up
    Nanos retire_at = 0;     // 0: it stays
  };
  enum class Accepted : uint8_t { kOne, kNone, kFull, kShortage };

  /// `last`: nobody will come for those who are left in the queue, so the last descriptors may go to them.
  Accepted accept_one(Socket& socket, bool last);
  Accepted shortage(WorkerListener& listener, int error);
  /// Takes it out of all lists when its queue is empty; the descriptor is the caller's. -1: there is none.
  int empty(uint32_t id);
  void pause(uint32_t id, Socket& socket, Pause why);
  static bool take_place(WorkerListener& listener);

  WorkerContext& ctx_;
  Sessions& sessions_;
  std::unordered_map<uint32_t, Socket> sockets_;
  Nanos resume_at_ = 0;
  Nanos retire_at_ = 0;
  Nanos tell_again_at_ = 0;
  bool told_of_shortage_ = false;
  bool near_limit_ = false;  // the descriptor given last was one of the last
};

}  // namespace ub
