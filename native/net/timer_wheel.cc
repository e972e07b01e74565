// SPDX-License-Identifier: MIT
#include "net/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace ub {

void TimerWheel::arm(Timer& timer, Nanos deadline) {
  timer.link.unlink();
  timer.tick = std::max((deadline + kTick - 1) / kTick, current_ + 1);
  place(timer);
}

void TimerWheel::arm_no_later(Timer& timer, Nanos deadline) {
  if (timer.armed() && timer.tick * kTick <= deadline) return;
  arm(timer, deadline);
}

void TimerWheel::place(Timer& timer) {
  const uint64_t ahead = timer.tick - current_;
  int level = 0;
  while (level < kLevels - 1 && ahead >= (1ULL << (kBits * (level + 1)))) ++level;
  uint64_t tick = timer.tick;
  const uint64_t horizon = (1ULL << (kBits * kLevels)) - 1;
  if (ahead > horizon) tick = current_ + horizon;
  const uint64_t slot = (tick >> (kBits * level)) & kMask;
  slots_[level][slot].push_back(timer);
  occupied_[level] |= 1ULL << slot;
}

void TimerWheel::cascade() {
  for (int level = 1; level < kLevels; ++level) {
    if ((current_ & ((1ULL << (kBits * level)) - 1)) != 0) return;
    const uint64_t slot = (current_ >> (kBits * level)) & kMask;
    List<Timer, &Timer::link> moved;
    moved.splice_back(slots_[level][slot]);
    occupied_[level] &= ~(1ULL << slot);
    while (Timer* timer = moved.pop_front()) {
      if (timer->tick <= current_) timer->tick = current_;  // due in this very tick: level 0 is read after cascading
      place(*timer);
    }
  }
}

uint64_t TimerWheel::quiet_ticks(uint64_t limit) const {
  uint64_t any = 0;
  for (uint64_t bits : occupied_) any |= bits;
  if (any == 0) return limit;
  const uint64_t next = current_ + 1;
  const uint64_t to_turn = (kSlots - (next & kMask)) & kMask;  // ticks before level 0 wraps and the others may cascade
  const uint64_t rotated = std::rotr(occupied_[0], static_cast<int>(next & kMask));
  const uint64_t to_slot = rotated == 0 ? kSlots : static_cast<uint64_t>(std::countr_zero(rotated));
  return std::min({limit, to_turn, to_slot});
}

int TimerWheel::wait_ms(Nanos now) const {
  uint64_t best = UINT64_MAX;
  for (int level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const uint64_t base = current_ >> (kBits * level);
    const uint64_t rotated = std::rotr(occupied_[level], static_cast<int>((base + 1) & kMask));
    const uint64_t slot = base + 1 + static_cast<uint64_t>(std::countr_zero(rotated));
    best = std::min(best, slot << (kBits * level));
  }
  if (best == UINT64_MAX) return -1;
  const Nanos at = best * kTick;
  if (at <= now) return 0;
  const Nanos ms = (at - now + kMillisecond - 1) / kMillisecond;
  return static_cast<int>(std::min<Nanos>(ms, 60'000));
}

}  // namespace ub
