// SPDX-License-Identifier: MIT
//
// Keeps records of sessions that end, for the access log: decides which ones, fills them in, and leaves them in a ring
// that the control plane empties. Part of one worker; off it is one test of a word per session. When the ring is full
// records are dropped and counted, and nothing else happens.
#pragma once

#include "base/ring.h"
#include "proxy/counters.h"
#include "proxy/session.h"
#include "proxy/session_record.h"
#include "proxy/snapshot.h"

namespace ub {

class Recorder {
 public:
  static constexpr uint32_t kCapacity = 4096;

  Recorder(uint32_t worker, WorkerCounters& counters) : worker_(worker), counters_(counters) {}

  // Called by the control plane's thread.
  /// Before a snapshot that asks for records is posted.
  bool open() { return ring_.open(); }
  template <typename F>
  size_t take(size_t limit, F&& visit) {
    return ring_.take(limit, visit);
  }

  void follow(const Recording& recording) {
    reasons_ = recording.per_million == 0 ? 0 : recording.reasons;
    per_million_ = recording.per_million;
  }
  bool takes(CloseReason reason) const { return (reasons_ >> static_cast<unsigned>(reason) & 1) != 0; }
  /// Whether this one is among those that are kept; `random` is any word.
  bool samples(uint32_t random) const { return (static_cast<uint64_t>(random) * 1'000'000 >> 32) < per_million_; }
  /// While both sockets are still there. `reset`: the client is sent RST.
  void record(const Session& session, CloseReason reason, bool reset, Nanos now);
  /// A client that never became a session.
  void record_refused(int fd, const sockaddr_storage& peer, const WorkerListener& listener, CloseReason reason);

 private:
  SessionRecord* begin();
  void publish();

  const uint32_t worker_;
  WorkerCounters& counters_;
  uint64_t reasons_ = 0;  // a bit each
  uint32_t per_million_ = 0;
  Ring<SessionRecord, kCapacity> ring_;
};

/// Which sides have ended, and how, in the bits of a record. FIN that was read comes before all else.
inline uint8_t ends_of(const Session& session) {
  uint32_t ends = 0;
  for (const SideIndex at : {kClient, kBackend}) {
    const Side& side = session.side[at];
    uint32_t how = 0;
    if (side.in == Incoming::kEnded) {
      how = kEndedByFin;
    } else if (side.in == Incoming::kReset || side.out == Outgoing::kLost) {
      how = kEndedByReset;
    }
    ends |= how << (at == kBackend ? kBackendEnds : 0);
  }
  return static_cast<uint8_t>(ends);
}

}  // namespace ub
