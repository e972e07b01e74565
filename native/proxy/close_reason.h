// SPDX-License-Identifier: MIT
//
// Why sessions end and why connects fail: closed lists, the same as CLOSE_REASONS and CONNECT_FAILURES in
// src/engine/engine.ts. A contract test compares the names; add at the end.
#pragma once

#include <cstddef>
#include <cstdint>

#define UB_CLOSE_REASONS(X)                                                  \
  X(kFinished, "finished")          /* both sides ended in order */          \
  X(kClientReset, "client_reset")   /* RST from the client */                \
  X(kBackendReset, "backend_reset") /* RST from the backend */               \
  X(kClientLost, "client_lost")     /* ended, then took no more */           \
  X(kBackendLost, "backend_lost")                                            \
  X(kConnectFailed, "connect_failed") /* no backend could be connected to */ \
  X(kConnectTimeout, "connect_timeout")                                      \
  X(kNoBackend, "no_backend")       /* none in rotation */                   \
  X(kBackendsFull, "backends_full") /* all at max_connections */             \
  X(kReadTimeout, "read_timeout")                                            \
  X(kWriteTimeout, "write_timeout")                                          \
  X(kIdleTimeout, "idle_timeout")                                            \
  X(kHalfCloseTimeout, "half_close_timeout")                                 \
  X(kFirstByteTimeout, "first_byte_timeout")                                 \
  X(kSessionTimeout, "session_timeout")                                      \
  X(kTurnLimit, "turn_limit") /* max_requests_per_connection */              \
  X(kDrained, "drained")      /* a drain's deadline has come, or its pace */ \
  X(kKilled, "killed")        /* an operator asked */                        \
  X(kShutdown, "shutdown")                                                   \
  X(kNoMemory, "no_memory")                                                  \
  X(kRebalanced, "rebalanced") /* idle, on a backend that had too many */

#define UB_CONNECT_FAILURES(X)      \
  X(kRefused, "refused")            \
  X(kTimeout, "timeout")            \
  X(kUnreachable, "unreachable")    \
  X(kNoLocalPort, "no_local_port")  \
  X(kNoDescriptor, "no_descriptor") \
  X(kOther, "other")

namespace ub {

enum class CloseReason : uint8_t {
#define UB_NAME(id, text) id,
  UB_CLOSE_REASONS(UB_NAME)
#undef UB_NAME
};
inline constexpr const char* kCloseReasonNames[] = {
#define UB_TEXT(id, text) text,
    UB_CLOSE_REASONS(UB_TEXT)
#undef UB_TEXT
};
inline constexpr size_t kCloseReasons = sizeof kCloseReasonNames / sizeof *kCloseReasonNames;

enum class ConnectFailure : uint8_t {
#define UB_NAME(id, text) id,
  UB_CONNECT_FAILURES(UB_NAME)
#undef UB_NAME
};
inline constexpr const char* kConnectFailureNames[] = {
#define UB_TEXT(id, text) text,
    UB_CONNECT_FAILURES(UB_TEXT)
#undef UB_TEXT
};
inline constexpr size_t kConnectFailures = sizeof kConnectFailureNames / sizeof *kConnectFailureNames;

}  // namespace ub
