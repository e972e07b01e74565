// SPDX-License-Identifier: MIT
//
// A bounded queue between two threads: one puts in, the other takes out, neither waits. Its memory is there from
// open() on and is touched only where it is used; when it is full, what would be put in is the caller's to count.
// Items are plain data: they are written in place and handed out by reference.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>

namespace ub {

template <typename T, uint32_t kCapacity>
class Ring {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_default_constructible_v<T>);
  static_assert((kCapacity & (kCapacity - 1)) == 0, "a power of two, so that counts may wrap");

 public:
  /// By the taking thread, before the other one is told of the ring. Harmless when repeated; false: out of memory.
  bool open() {
    if (!items_) items_.reset(new (std::nothrow) T[kCapacity]);
    return items_ != nullptr;
  }

  /// A place for the next item, or nullptr when all are taken. Nobody sees it before publish().
  T* claim() {
    const uint32_t at = head_.load(std::memory_order_relaxed);
    if (at - tail_.load(std::memory_order_acquire) == kCapacity) return nullptr;
    return &items_[at % kCapacity];
  }
  void publish() { head_.store(head_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

  /// Hands out what is there, oldest first, `limit` items at most. Returns how many.
  template <typename F>
  size_t take(size_t limit, F&& visit) {
    const uint32_t end = head_.load(std::memory_order_acquire);
    uint32_t at = tail_.load(std::memory_order_relaxed);
    size_t taken = 0;
    for (; at != end && taken < limit; ++at, ++taken) visit(static_cast<const T&>(items_[at % kCapacity]));
    tail_.store(at, std::memory_order_release);
    return taken;
  }

 private:
  std::unique_ptr<T[]> items_;
  alignas(64) std::atomic<uint32_t> head_{0};  // the putting thread's
  alignas(64) std::atomic<uint32_t> tail_{0};  // the taking thread's
};

}  // namespace ub
