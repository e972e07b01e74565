// SPDX-License-Identifier: MIT
//
// What is kept of a session that has ended: of fixed size, so that a ring of them is all the memory there is. Numbers
// only; who is behind a slot is known where names are. The addon tells the fields to TypeScript by name.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "net/address.h"
#include "net/socket.h"
#include "proxy/close_reason.h"

namespace ub {

inline constexpr uint32_t kNoSlot = UINT32_MAX;
inline constexpr Nanos kNotYet = UINT64_MAX;  // of a time: it never came to that

/// How sides ended, as bits: those of the client, and the same shifted for the backend.
enum Ends : uint8_t { kEndedByFin = 1, kEndedByReset = 2 };
inline constexpr uint32_t kBackendEnds = 2;  // shift

struct SessionRecord {
  Nanos ended_at;  // since 1970: the only wall clock time in here
  Nanos duration;
  Nanos waited;         // from accept to a connected backend
  Nanos handshake;      // of the connect that succeeded; kNotYet for a warm connection
  Nanos first_byte[2];  // by side, from accept
  Nanos turns_took;     // all turns: from the client's first byte to the answer's
  Nanos longest_turn;
  uint64_t to_backend;  // bytes that left for it
  uint64_t to_client;
  ClientKey client;
  ClientKey local;  // the address that the client connected to; no bytes when the kernel does not know any more
  uint16_t client_port;
  uint16_t local_port;
  uint32_t listener;  // slots
  uint32_t pool;
  uint32_t backend;  // the last one that was tried, kNoSlot for none
  uint32_t turns;
  TcpFacts tcp[2];     // by side
  uint8_t attempts;    // backends that were dialled
  uint8_t first_ends;  // who had ended when first somebody had; 0: neither side
  uint8_t worker;
  CloseReason reason;
  ConnectFailure failure;  // of the last attempt that failed
  bool failed_once;        // whether one did
  bool warm;               // it began on a warm connection
  bool reset;              // the client was sent RST, since bytes for it were lost or it got nobody
  bool backend_ended;      // the backend's FIN had been read
  bool stuck[2];           // by side: bytes waited for it
};

}  // namespace ub
