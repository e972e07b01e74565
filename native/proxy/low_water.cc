// SPDX-License-Identifier: MIT
#include "proxy/low_water.h"

#include <algorithm>

#include "base/check.h"
#include "net/socket.h"

namespace ub {
namespace {
constexpr uint8_t kMostWary = 4;
}

void LowWater::passed(Pace& pace, int fd, uint64_t token, size_t size, Nanos now) {
  if (pace.bytes == 0) {
    pace.since = now;
    pace.passed_before = passed_;
  }
  passed_ += size;
  pace.bytes += static_cast<uint32_t>(size);
  if (pace.bytes < kStretch << pace.wary) return;
  const Nanos took = std::max<Nanos>(now - pace.since, 1);
  const uint64_t filled = uint64_t{pace.bytes} * kFill / took;
  const uint64_t load = (passed_ - pace.passed_before) * kFill / took;
  const uint32_t mark =
      load < kLeastLoad ? 0 : static_cast<uint32_t>(std::min<uint64_t>(filled, kMost)) / kGrain * kGrain;
  pace.bytes = 0;
  pace.stalled = false;
  if (pace.seat != 0 && pace.wary > 0) --pace.wary;
  if (mark < kLeast) {
    if (pace.seat != 0) leave(pace, fd);
  } else {
    set_mark(pace, fd, token, mark);
  }
}

void LowWater::set_mark(Pace& pace, int fd, uint64_t token, uint32_t mark) {
  if (pace.seat == 0) {
    const auto free = std::find_if(seats_.begin(), seats_.end(), [](const Seat& seat) { return seat.token == 0; });
    if (free == seats_.end()) return;
    *free = Seat{token, 0, 0};
    pace.seat = static_cast<uint8_t>(free - seats_.begin() + 1);
    ++relays_;
  }
  Seat& seat = seats_[pace.seat - 1U];
  UB_CHECK(seat.token == token);
  if (seat.mark == mark) return;
  seat.mark = mark;
  set_low_water(fd, mark);
}

void LowWater::rest(const Pace& pace, bool waits, Nanos now) { seats_[pace.seat - 1U].since = waits ? now : 0; }

Nanos LowWater::due() const {
  if (relays_ == 0) return 0;
  Nanos first = 0;
  for (const Seat& seat : seats_) {
    if (seat.since != 0 && (first == 0 || seat.since < first)) first = seat.since;
  }
  return first == 0 ? 0 : first + kStall;
}

uint64_t LowWater::overdue(Nanos now) {
  for (Seat& seat : seats_) {
    if (seat.since == 0 || seat.since + kStall > now) continue;
    seat.since = 0;
    return seat.token;
  }
  return 0;
}

void LowWater::stalled(Pace& pace, int fd) {
  ++stalls_;
  // One may be the end of a message. Another within the same stretch says that this is no bulk.
  if (!pace.stalled) {
    pace.stalled = true;
    return;
  }
  if (pace.wary < kMostWary) ++pace.wary;
  pace.bytes = 0;
  pace.stalled = false;
  leave(pace, fd);
}

void LowWater::leave(Pace& pace, int fd) {
  set_low_water(fd, 1);
  forget(pace);
}

void LowWater::forget(Pace& pace) {
  if (pace.seat == 0) return;
  seats_[pace.seat - 1U] = Seat{};
  pace.seat = 0;
  --relays_;
}

}  // namespace ub
