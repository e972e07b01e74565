// SPDX-License-Identifier: MIT
//
// The one hash by which clients are told apart: MurmurHash3, 32 bits. src/balance/hash.ts computes the same, pinned by
// test/fixtures/hash-vectors.json; every node with the same config so sends a client to the same backend.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "net/address.h"

namespace ub {

inline uint32_t hash_bytes(const unsigned char* data, size_t size, uint32_t seed) {
  constexpr uint32_t kMixFirst = 0xcc9e2d51;
  constexpr uint32_t kMixSecond = 0x1b873593;
  uint32_t h = seed;
  size_t i = 0;
  const auto mixed = [](uint32_t k) { return std::rotl(k * kMixFirst, 15) * kMixSecond; };
  for (; i + 4 <= size; i += 4) {
    const uint32_t word = static_cast<uint32_t>(data[i]) | static_cast<uint32_t>(data[i + 1]) << 8 |
                          static_cast<uint32_t>(data[i + 2]) << 16 | static_cast<uint32_t>(data[i + 3]) << 24;
    h = std::rotl(h ^ mixed(word), 13) * 5 + 0xe6546b64;
  }
  uint32_t tail = 0;
  for (size_t n = size; n > i; --n) tail = tail << 8 | data[n - 1];
  if (size > i) h ^= mixed(tail);
  h ^= static_cast<uint32_t>(size);
  h = (h ^ h >> 16) * 0x85ebca6b;
  h = (h ^ h >> 13) * 0xc2b2ae35;
  return h ^ h >> 16;
}

/// The n-th place to look for this client's backend.
inline uint32_t hash_client(const ClientKey& client, uint32_t attempt) {
  return hash_bytes(client.bytes, client.length, attempt * 0x9e3779b9U);
}

}  // namespace ub
