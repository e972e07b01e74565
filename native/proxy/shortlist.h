// SPDX-License-Identifier: MIT
//
// What a worker remembers of its last look at a large pool under plan `least`. Data of the picker; whoever keeps one throws
// it away with the snapshot that its pool is from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace ub {

/// The members of a large pool that have least to do, as one worker found them a moment ago. Looking at hundreds of
/// backends costs more than all the rest of a pick, so at a high rate several picks share one look; at a low rate each has
/// its own.
struct Shortlist {
  static constexpr size_t kMost = 16;
  static constexpr Nanos kLasts = kMillisecond;
  static constexpr size_t kFromMembers = 65;  // smaller pools are looked at as a whole, always

  struct Entry {
    uint64_t load;   // after a pick, by weight: comparable, and equal where loads are
    uint64_t order;  // among equals: from the cursor on
    uint32_t at;     // index into members
    uint32_t active;
    bool before(const Entry& other) const { return load != other.load ? load < other.load : order < other.order; }
  };
  std::array<Entry, kMost> entries;  // best last, so that it is cheap to take
  size_t count = 0;
  bool complete = false;  // there is nobody else
  Entry bound{};          // nobody who is not listed comes before this one
  Nanos made_at = 0;      // 0: never
};

}  // namespace ub
