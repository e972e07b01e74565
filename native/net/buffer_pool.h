// SPDX-License-Identifier: MIT
//
// Memory for bytes that are stuck, in power-of-two sizes. A direction that moves owns none: its bytes pass through the
// worker's one hot buffer. Freed blocks are kept up to a limit, the rest goes back. Not thread-safe: a worker's.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace ub {

struct Block {
  Block* next = nullptr;
  uint32_t capacity = 0;
  char data[1];  // capacity bytes
};

class BufferPool {
 public:
  /// nullptr when memory is out.
  Block* acquire(size_t size) {
    const int grade = grade_of(size);
    const size_t capacity = kSmallest << grade;
    Block* block = free_[grade];
    if (block != nullptr) {
      free_[grade] = block->next;
      kept_ -= capacity;
    } else {
      block = static_cast<Block*>(std::malloc(offsetof(Block, data) + capacity));
      if (block == nullptr) return nullptr;
      block->capacity = static_cast<uint32_t>(capacity);
    }
    in_use_ += capacity;
    return block;
  }

  void release(Block* block) {
    in_use_ -= block->capacity;
    if (kept_ + block->capacity > kMostKept) {
      std::free(block);
      return;
    }
    kept_ += block->capacity;
    const int grade = grade_of(block->capacity);
    block->next = free_[grade];
    free_[grade] = block;
  }

  size_t in_use() const { return in_use_; }

  ~BufferPool() {
    for (Block* list : free_) {
      while (list != nullptr) {
        Block* next = list->next;
        std::free(list);
        list = next;
      }
    }
  }

 private:
  static constexpr size_t kSmallest = 1024;
  static constexpr int kGrades = 15;  // 1 KiB to 16 MiB
  static constexpr size_t kMostKept = 2 << 20;

  static int grade_of(size_t size) {
    const size_t units = (size + kSmallest - 1) / kSmallest;
    return units <= 1 ? 0 : static_cast<int>(std::bit_width(units - 1));
  }

  Block* free_[kGrades] = {};
  size_t kept_ = 0;
  size_t in_use_ = 0;
};

}  // namespace ub
