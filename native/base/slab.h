// SPDX-License-Identifier: MIT
//
// Slots for one worker's sessions: addressed by a 31-bit index, guarded by a generation that is never reused while a
// stale event could still name it (2^32 allocations). Memory comes in chunks; a chunk that is empty goes back to the
// system except for one, so that a peak does not stay resident. Not thread-safe: owned by a worker.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "base/check.h"

namespace ub {

template <typename T, uint32_t kPerChunk = 128>
class Slab {
 public:
  struct Slot {
    T* item;
    uint32_t index;
    uint32_t generation;
  };

  /// A fresh item, or {nullptr} when memory is out. Its constructor takes no arguments.
  Slot acquire() {
    if (partial_.empty() && !grow()) return {nullptr, 0, 0};
    const uint32_t number = partial_.back();
    Chunk& chunk = *chunks_[number];
    const uint32_t cell = chunk.free_head;
    chunk.free_head = chunk.cells[cell].next_free;
    if (++chunk.live == kPerChunk) partial_.pop_back();
    if (++last_generation_ == 0) ++last_generation_;
    chunk.cells[cell].generation = last_generation_;
    ++live_;
    T* item = new (chunk.cells[cell].storage) T();
    return {item, number * kPerChunk + cell, last_generation_};
  }

  void release(uint32_t index) {
    const uint32_t number = index / kPerChunk;
    const uint32_t cell = index % kPerChunk;
    Chunk& chunk = *chunks_[number];
    Cell& c = chunk.cells[cell];
    UB_CHECK(c.generation != 0);
    std::launder(reinterpret_cast<T*>(c.storage))->~T();
    c.generation = 0;
    c.next_free = chunk.free_head;
    chunk.free_head = cell;
    --live_;
    if (chunk.live-- == kPerChunk) partial_.push_back(number);
    if (chunk.live == 0) empty_chunk(number);
  }

  /// The item behind an event's token, or nullptr when it has ended meanwhile.
  T* find(uint32_t index, uint32_t generation) {
    const uint32_t number = index / kPerChunk;
    if (number >= chunks_.size() || !chunks_[number]) return nullptr;
    Cell& c = chunks_[number]->cells[index % kPerChunk];
    if (c.generation != generation || generation == 0) return nullptr;
    return std::launder(reinterpret_cast<T*>(c.storage));
  }

  template <typename F>
  void for_each(F&& visit) {  // visit may release the item it is handed
    for (size_t n = 0; n < chunks_.size(); ++n) {
      for (uint32_t i = 0; chunks_[n] && i < kPerChunk; ++i) {
        Cell& c = chunks_[n]->cells[i];
        if (c.generation != 0) visit(*std::launder(reinterpret_cast<T*>(c.storage)));
      }
    }
  }

  static constexpr uint32_t kEnd = UINT32_MAX;
  /// Visits what is in the next `most` cells from `from` on, as for_each does, until visit says no; the answer is where
  /// to go on, or kEnd. A chunk that is not there counts as one cell.
  template <typename F>
  uint32_t walk(uint32_t from, uint32_t most, F&& visit) {
    size_t number = from / kPerChunk;
    uint32_t cell = from % kPerChunk;
    for (; number < chunks_.size(); ++number, cell = 0) {
      if (!chunks_[number] && most-- == 0) return static_cast<uint32_t>(number) * kPerChunk;
      for (; chunks_[number] && cell < kPerChunk; ++cell) {
        const uint32_t here = static_cast<uint32_t>(number) * kPerChunk + cell;
        if (most-- == 0) return here;
        Cell& c = chunks_[number]->cells[cell];
        if (c.generation != 0 && !visit(*std::launder(reinterpret_cast<T*>(c.storage)))) return here + 1;
      }
    }
    return kEnd;
  }

  uint32_t live() const { return live_; }
  ~Slab() {
    for_each([](T& item) { item.~T(); });
  }

 private:
  struct Cell {
    alignas(T) unsigned char storage[sizeof(T)];
    uint32_t generation = 0;
    uint32_t next_free = 0;
  };
  struct Chunk {
    Cell cells[kPerChunk];
    uint32_t free_head = 0;
    uint32_t live = 0;
  };

  bool grow() {
    size_t number = 0;
    while (number < chunks_.size() && chunks_[number]) ++number;
    std::unique_ptr<Chunk> chunk(new (std::nothrow) Chunk);
    if (!chunk) return false;
    for (uint32_t i = 0; i < kPerChunk; ++i) chunk->cells[i].next_free = i + 1;
    if (number == chunks_.size()) {
      chunks_.push_back(std::move(chunk));
      partial_.reserve(chunks_.size());
    } else {
      chunks_[number] = std::move(chunk);
    }
    partial_.push_back(static_cast<uint32_t>(number));
    return true;
  }

  /// One empty chunk is kept, at the bottom of the list: it is the last to be used again.
  void empty_chunk(uint32_t number) {
    size_t empties = 0;
    for (uint32_t n : partial_) empties += chunks_[n]->live == 0;
    if (empties <= 1) return;
    std::erase(partial_, number);
    chunks_[number].reset();
  }

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<uint32_t> partial_;  // chunks with a free cell
  uint32_t last_generation_ = 0;
  uint32_t live_ = 0;
};

}  // namespace ub
