// SPDX-License-Identifier: MIT
//
// A client connection and its backend connection, as data. What happens to it is in sessions.cc; this file says what
// is known of it. An idle one costs sizeof(Session) of user memory, no pipe and no buffer.
//
//   kDialling --connected--> kRelaying --both ended, reset, timeout--> gone
//      ^  |
//      |  +--no descriptor--> kWaiting --timer--> kDialling
//      +--------retry---------+
//   kWarm (a backend connection without a client) --taken--> kRelaying
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/list.h"
#include "net/address.h"
#include "net/timer_wheel.h"
#include "proxy/relay.h"

namespace ub {

struct WorkerListener;
struct WorkerBackend;

enum class Phase : uint8_t { kDialling, kWaiting, kRelaying, kWarm };

enum SideIndex : uint32_t { kClient = 0, kBackend = 1 };

/// What an event of a session's side carries: generation, index, side. The generation is never 0.
constexpr uint32_t generation_of(uint64_t token) { return static_cast<uint32_t>(token >> 32); }
constexpr uint32_t index_of(uint64_t token) { return static_cast<uint32_t>(token) >> 1; }
constexpr SideIndex side_of(uint64_t token) { return static_cast<SideIndex>(token & 1); }

inline constexpr uint32_t kMostTried = 8;  // backends that one client is offered to, at most

struct Session {
  Side side[2];
  Relay relay[2];  // [0] client to backend, [1] backend to client
  Timer timer;     // the next moment at which something may be due
  Link ready;      // has more to do in the next turn
  Link warm;       // in its backend's list of fresh connections
  WorkerListener* listener = nullptr;
  WorkerBackend* backend = nullptr;
  Nanos accepted_at = 0;
  Nanos heard_at = 0;    // when a byte last moved, either way
  Nanos turn_at = 0;     // when the open turn began; while dialling: when this attempt did
  Nanos expires_at = 0;  // end of its whole age, 0 for none
  uint32_t index = 0;
  uint32_t generation = 0;
  uint32_t turns = 0;
  uint32_t tried[kMostTried];  // slots of backends that could not be connected to
  ClientKey client{};
  // What only a record of it needs (session_record.h).
  Nanos connected_at = 0;
  Nanos handshake = 0;          // of the connect that succeeded
  Nanos first_byte_at[2] = {};  // by side, 0 for none yet
  Nanos turns_took = 0;
  Nanos longest_turn = 0;
  uint16_t client_port = 0;
  uint8_t first_ends = 0;  // which sides had ended when first one had
  bool was_warm = false;
  bool failed_once = false;  // a connect did; last_failure says why
  ConnectFailure last_failure = ConnectFailure::kOther;
  uint8_t tries = 0;
  uint8_t linger_ms = 0;  // pause before the next look at a queue that must empty before RST
  Phase phase = Phase::kDialling;
  CloseReason failure = CloseReason::kConnectFailed;  // of the last attempt
  bool turn_open = false;
  bool client_spoke = false;
  bool client_watched = false;  // registered with epoll
  bool refused = false;         // kWaiting for nothing but its end
  bool lasting = false;         // the backend's socket has the options of connections that last

  uint64_t token(SideIndex s) const {
    return static_cast<uint64_t>(generation) << 32 | static_cast<uint64_t>(index) << 1 | s;
  }
  bool one_side_ended() const {
    return side[0].in != Incoming::kOpen || side[1].in != Incoming::kOpen || side[0].out == Outgoing::kLost ||
           side[1].out == Outgoing::kLost;
  }
  bool bytes_stuck() const { return !relay[0].conduit.empty() || !relay[1].conduit.empty(); }
};

static_assert(sizeof(Session) <= 480, "an idle session is promised to cost at most 512 bytes");

}  // namespace ub
