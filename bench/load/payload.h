// SPDX-License-Identifier: MIT
//
// Bytes that can be checked. Bulk streams carry a tape that repeats with a prime period, so that lost,
// doubled or reordered bytes shift every later one. Small messages carry their connection, their number and
// words derived from both; an answer derives its words in another way, so that an echo of the question is no
// answer.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "base.h"

namespace load {

class Tape {
 public:
  static constexpr size_t kPeriod = 65'521;     // the largest prime below 64 KiB
  static constexpr size_t kChunk = 256 * 1024;  // the most that may be read from one place

  Tape() : bytes_(kPeriod + kChunk) {
    Random random(0x7a9e);
    for (size_t i = 0; i < kPeriod; ++i) bytes_[i] = static_cast<char>(random.next() >> 56);
    for (size_t i = kPeriod; i < bytes_.size(); ++i) bytes_[i] = bytes_[i - kPeriod];
  }

  const char* at(uint64_t offset) const { return bytes_.data() + offset % kPeriod; }

  bool matches(uint64_t offset, const char* data, size_t size) const {
    return std::memcmp(at(offset), data, size) == 0;
  }

  /// Both ends of the piece and a stretch inside: any shift shows, for a hundredth of the cost of comparing
  /// it all.
  bool spot_check(uint64_t offset, const char* data, size_t size) const {
    constexpr size_t kSpot = 128;
    if (size <= 3 * kSpot) return matches(offset, data, size);
    const size_t inside = kSpot + offset * 7919 % (size - 3 * kSpot);
    const char* tape = at(offset);
    return std::memcmp(tape, data, kSpot) == 0 && std::memcmp(tape + inside, data + inside, kSpot) == 0 &&
           std::memcmp(tape + size - kSpot, data + size - kSpot, kSpot) == 0;
  }

 private:
  std::vector<char> bytes_;
};

/// First word of a bulk stream, in its upper half; no small message begins like it.
inline constexpr uint64_t kBulkGreeting = 0xb01cb01c;

enum class Kind : uint64_t { kQuestion = 0x51, kAnswer = 0xa5 };

inline uint64_t first_word(uint32_t connection, uint32_t number) {
  return (static_cast<uint64_t>(connection) << 32) | number;
}

inline uint64_t nth_word(uint64_t first, Kind kind, size_t n) {
  const uint64_t z = (first + static_cast<uint64_t>(kind) + n) * 0x9e3779b97f4a7c15ULL;
  return z ^ (z >> 29);
}

/// `size` is at least 8.
inline void write_message(char* to, size_t size, uint64_t first, Kind kind) {
  std::memcpy(to, &first, sizeof first);
  size_t at = sizeof first;
  for (size_t n = 1; at < size; ++n) {
    const uint64_t word = nth_word(first, kind, n);
    const size_t part = std::min(sizeof word, size - at);
    std::memcpy(to + at, &word, part);
    at += part;
  }
}

inline bool check_message(const char* from, size_t size, uint64_t first, Kind kind) {
  if (std::memcmp(from, &first, sizeof first) != 0) return false;
  size_t at = sizeof first;
  for (size_t n = 1; at < size; ++n) {
    const uint64_t word = nth_word(first, kind, n);
    const size_t part = std::min(sizeof word, size - at);
    if (std::memcmp(from + at, &word, part) != 0) return false;
    at += part;
  }
  return true;
}

}  // namespace load
