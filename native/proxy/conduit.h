// SPDX-License-Identifier: MIT
//
// Where the bytes of one direction wait when their sink takes none: in a block of memory or in a kernel pipe, never in
// both. An empty conduit owns nothing, so an idle session costs neither. Not thread-safe: part of a session.
#pragma once

#include <cstdint>

#include "net/buffer_pool.h"
#include "net/pipe_pool.h"
#include "net/socket.h"

namespace ub {

class Conduit {
 public:
  bool empty() const { return size_ == 0; }
  uint32_t size() const { return size_; }
  Pipe* pipe() const { return pipe_; }

  /// Keeps a copy of bytes; the conduit is empty. False when memory is out.
  bool keep(BufferPool& pool, const char* data, size_t size) {
    block_ = pool.acquire(size);
    if (block_ == nullptr) return false;
    __builtin_memcpy(block_->data, data, size);
    offset_ = 0;
    size_ = static_cast<uint32_t>(size);
    return true;
  }

  /// The pipe that the next bytes go into, or nullptr when none is to be had.
  Pipe* ready_pipe(PipePool& pool, size_t wanted, Nanos now) {
    if (pipe_ == nullptr) pipe_ = pool.borrow(wanted, now);
    return pipe_;
  }
  void filled(size_t size) { size_ += static_cast<uint32_t>(size); }

  /// Sends what waits, once. The caller looks at the count and calls again or gives up.
  IoCount drain_into(int fd, bool more) {
    IoCount done = pipe_ != nullptr ? splice_out(pipe_->read_end.get(), fd, size_)
                                    : transmit(fd, block_->data + offset_, size_, more);
    if (done.bytes > 0) {
      offset_ += static_cast<uint32_t>(done.bytes);
      size_ -= static_cast<uint32_t>(done.bytes);
    }
    return done;
  }

  /// Gives back what is owned; bytes still inside are gone.
  void release(BufferPool& buffers, PipePool& pipes) {
    if (block_ != nullptr) buffers.release(block_);
    if (pipe_ != nullptr) pipes.give_back(pipe_, size_ == 0);
    block_ = nullptr;
    pipe_ = nullptr;
    offset_ = size_ = 0;
  }

 private:
  Block* block_ = nullptr;
  Pipe* pipe_ = nullptr;
  uint32_t offset_ = 0;
  uint32_t size_ = 0;
};

}  // namespace ub
