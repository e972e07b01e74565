// SPDX-License-Identifier: MIT
//
// Finds a session its backend: picks, dials, tries another while none has got a byte. It never sends and never reads;
// what the client has said waits in the kernel until there is somebody to say it to. Part of one worker.
#pragma once

#include "proxy/context.h"
#include "proxy/warm_pool.h"

namespace ub {

enum class Dial : uint8_t {
  kUnderWay,   // an event or the timer will tell
  kConnected,  // a warm connection was there: session.side[kBackend] is ready
  kWaiting,    // no descriptor to be had: try again soon
  kFailed,     // session.failure says why; no backend is held
};

class Connector {
 public:
  Connector(WorkerContext& context, WarmPool& warm) : ctx_(context), warm_(warm) {}

  Dial dial(Session& session);
  /// The attempt under way has come to an end by an event of its socket. kConnected: established.
  Dial on_event(Session& session);
  /// The attempt under way has run out of time.
  Dial on_timeout(Session& session);
  /// Gives up the attempt under way, if any.
  void abandon(Session& session);

 private:
  Dial failed(Session& session, ConnectFailure why);
  void count_failure(WorkerBackend& backend, Session& session, ConnectFailure why);
  void adopt(Session& session, Session& warm);
  void connected(Session& session, bool fresh);

  WorkerContext& ctx_;
  WarmPool& warm_;
};

}  // namespace ub
