// SPDX-License-Identifier: MIT
//
// Counts of durations in buckets that are at most 0.4 percent wide, so that a quantile is exact to that.
// Fixed size, no allocation, a few nanoseconds per record.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "base.h"
#include "json.h"

namespace load {

class Histogram {
 public:
  void record(Nanos duration) {
    const uint64_t v = duration < 0 ? 0 : static_cast<uint64_t>(duration);
    counts_[index(v)] += 1;
    total_ += 1;
    sum_ += v;
    if (v > max_) max_ = v;
  }

  uint64_t total() const { return total_; }

  /// The value below which the share `q` of all records lies, interpolated within its bucket.
  double quantile(double q) const {
    if (total_ == 0) return 0;
    const double rank = q * static_cast<double>(total_);
    double before = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] == 0) continue;
      const double here = static_cast<double>(counts_[i]);
      if (before + here >= rank) {
        const double low = static_cast<double>(floor_of(i));
        const double high = static_cast<double>(floor_of(i + 1));
        return std::min(low + (high - low) * (rank - before) / here, static_cast<double>(max_));
      }
      before += here;
    }
    return static_cast<double>(max_);
  }

  void report(Json& json, const char* name) const {
    json.key(name).open('{').field("count", total_);
    json.field("mean", total_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(total_));
    json.field("p50", quantile(0.5)).field("p90", quantile(0.9)).field("p99", quantile(0.99));
    json.field("p999", quantile(0.999)).field("max", max_).close('}');
  }

 private:
  static constexpr uint32_t kBits = 8;  // sub-buckets per power of two: 256
  static constexpr uint32_t kSub = 1u << kBits;
  static constexpr uint32_t kOctaves = 34;  // up to about an hour

  static size_t index(uint64_t v) {
    if (v < kSub) return v;
    const uint32_t shift = static_cast<uint32_t>(std::bit_width(v)) - kBits - 1;
    const size_t at = (static_cast<size_t>(shift + 1) << kBits) + ((v >> shift) - kSub);
    return std::min(at, static_cast<size_t>(kSub) * kOctaves - 1);
  }

  static uint64_t floor_of(size_t i) {
    if (i < kSub) return i;
    const uint32_t shift = static_cast<uint32_t>(i >> kBits) - 1;
    return ((i & (kSub - 1)) + kSub) << shift;
  }

  std::array<uint32_t, static_cast<size_t>(kSub) * kOctaves> counts_{};
  uint64_t total_ = 0;
  uint64_t sum_ = 0;
  uint64_t max_ = 0;
};

}  // namespace load
