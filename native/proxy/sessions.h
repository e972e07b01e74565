// SPDX-License-Identifier: MIT
//
// The life of sessions on one worker: opened for an accepted client, connected, relayed both ways, ended. Everything
// that a session owes its two ends is decided here:
//   - every byte once and in order; FIN passes after the bytes before it, each direction on its own;
//   - RST passes as RST, after every byte that arrived before it and once the other end has acknowledged them;
//   - an end that takes no more costs its own direction only: the other one's tail is delivered first;
//   - silence and limits end a session: FIN for an end whose bytes are all with the kernel, RST for one that loses some.
#pragma once

#include "proxy/connector.h"
#include "proxy/context.h"
#include "proxy/warm_pool.h"

namespace ub {

class Sessions {
 public:
  Sessions(WorkerContext& context, Connector& connector, WarmPool& warm)
      : ctx_(context), connector_(connector), warm_(warm) {}

  /// Takes over an accepted client; its place on the listener is already counted. Closes it when that can't be done.
  void open(int fd, const sockaddr_storage& peer, WorkerListener& listener);
  void on_event(uint32_t index, uint32_t generation, SideIndex side, uint32_t events);
  void on_timer(Timer& timer);
  /// Serves those whom this turn's events woke, and those who had more to do than the last turn allowed.
  void run_ready();
  /// Reads what waits below its low-water mark for too long.
  void relieve_stalled();
  /// Ends all that have a client.
  void end_all(CloseReason reason);
  void end_one(uint32_t index, uint32_t generation, CloseReason reason);
  /// Each side gets FIN if it loses nothing by it, else RST.
  void end(Session& session, CloseReason reason) { finish(session, reason, Ending::kFair); }

 private:
  enum class Ending : uint8_t { kFin, kReset, kFair };  // kFair: to each side what it has deserved

  void on_dial(Session& session, Dial outcome);
  void drive(Session& session);
  bool settle(Session& session);  // false: it has ended
  void finish(Session& session, CloseReason reason, Ending ending);
  void close_fairly(Session& session, SideIndex side, bool lost);
  void watch_client(Session& session);
  void refuse(Session& session);

  void note_turns(Session& session, size_t from_client, size_t from_backend);
  void look_at_queues(Session& session);
  Nanos patience(const Session& session, CloseReason& reason) const;
  void arm(Session& session);
  void arm_after_change(Session& session);
  void linger(Session& session);

  WorkerContext& ctx_;
  Connector& connector_;
  WarmPool& warm_;
};

}  // namespace ub
