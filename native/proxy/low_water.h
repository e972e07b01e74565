// SPDX-License-Identifier: MIT
//
// Spares bulk relays wake-ups. A worker is faster than most senders, so it would be woken for every segment and pay
// more for waking than for moving it. Once a relay has shown that its source is fast, the kernel is told (SO_RCVLOWAT)
// to wake the worker only when so many bytes wait; FIN, RST and a full window wake it all the same (tcp_data_ready()).
// What bounds the price: bytes below the mark wait kStall at most, and a relay that stalls twice within one stretch
// loses its mark and has to show more before it gets another. Why these figures: ARCHITECTURE.md, decisions.
// Knows paces and descriptors, no sessions. Not thread-safe: one per worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace ub {

/// How fast the source of one relay is; part of it.
struct Pace {
  Nanos since = 0;             // when the present stretch began
  uint64_t passed_before = 0;  // through all relays, then
  uint32_t bytes = 0;          // of the present stretch
  uint8_t seat = 0;            // in LowWater, from 1 on; 0: the kernel wakes for every byte
  uint8_t wary = 0;            // stretches are longer by this many bits
  bool stalled = false;        // within the present stretch
};

class LowWater {
 public:
  static constexpr size_t kSeats = 16;  // relays of kLeast per kFill each: more than one CPU moves
  static constexpr uint32_t kStretch = 64 << 20;
  static constexpr uint32_t kLeast = 256 * 1024;  // a mark below it spares too little
  static constexpr uint32_t kMost = 2 << 20;      // the kernel caps it at half of what a receive buffer may be
  static constexpr uint32_t kGrain = 64 * 1024;
  // What all relays move in kFill together; below it latency is worth more than wake-ups.
  static constexpr uint64_t kLeastLoad = 1 << 20;
  static constexpr Nanos kFill = 2 * kMillisecond;      // in which a source at its pace reaches its mark
  static constexpr Nanos kStall = 3900 * kMicrosecond;  // with the poller's millisecond: four milliseconds

  /// `size` bytes were taken from the socket `fd`, which `token` stands for.
  void passed(Pace& pace, int fd, uint64_t token, size_t size, Nanos now);
  /// After each pump of a relay with a seat: does it wait for the kernel to tell of more?
  void rest(const Pace& pace, bool waits, Nanos now);
  /// When the first one will have waited for too long; 0 when none waits.
  Nanos due() const;
  /// The token of one that has, or 0; the caller has it `stalled` and reads what there is.
  uint64_t overdue(Nanos now);
  void stalled(Pace& pace, int fd);
  /// Its session ends. The socket is left as it is.
  void forget(Pace& pace);

  uint32_t relays() const { return relays_; }
  uint64_t stalls() const { return stalls_; }

 private:
  struct Seat {
    uint64_t token = 0;  // 0: free
    Nanos since = 0;     // when it began to wait; 0: it does not
    uint32_t mark = 0;
  };

  void set_mark(Pace& pace, int fd, uint64_t token, uint32_t mark);
  void leave(Pace& pace, int fd);

  std::array<Seat, kSeats> seats_;
  uint64_t passed_ = 0;  // bytes of all relays
  uint32_t relays_ = 0;
  uint64_t stalls_ = 0;
};

}  // namespace ub
