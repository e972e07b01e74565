// SPDX-License-Identifier: MIT
#include "proxy/relay.h"

#include <algorithm>
#include <cerrno>

#include "base/check.h"

namespace ub {
namespace {

// Bytes per direction and turn before others are served: one bulk stream must not starve the rest. Large enough that
// the detour through the ready list costs nothing measurable per byte.
constexpr size_t kTurnBudget = 512 * 1024;
// A full read of this size says that the source has more than it makes sense to copy.
constexpr size_t kSpliceFrom = 32 * 1024;
// Splices below this for three times in a row: the stream has become a conversation, and copying is cheaper.
constexpr size_t kSmallSplice = 8 * 1024;

enum class Step : uint8_t { kContinue, kStop };

void lose(Side& sink, int error) {
  sink.out = Outgoing::kLost;
  sink.writable = false;
  // EPIPE: its FIN came before its RST, so its own bytes ended in good order.
  if (error != EPIPE) sink.reset_told = true;
}

void source_failed(Side& source) {
  source.in = Incoming::kReset;
  source.readable = false;
}

void source_ended(Side& source) {
  source.in = source.reset_told ? Incoming::kReset : Incoming::kEnded;
  source.readable = false;
}

/// Is the end known without another read? A short read has emptied the queue, and the FIN stands right behind it.
/// Not when an error was told (it may be a RST) or urgent data (a read stops in front of it).
bool ends_behind(const Side& source, bool short_read) {
  return short_read && source.hang_up && !source.error && !source.urgent && !source.reset_told;
}

/// Nagle's algorithm holds a small segment back while another is not acknowledged, so only a second send has to fear it.
void before_send(const Relay& relay, Side& sink, const Pumped& done) {
  if (!sink.nagle || relay.bytes + done.given == 0) return;
  sink.nagle = false;
  set_no_delay(sink.fd);
}

Step flush(Relay& relay, Side& sink, RelayIo& io, Pumped& done) {
  while (!relay.conduit.empty()) {
    const bool piped = relay.conduit.pipe() != nullptr;
    before_send(relay, sink, done);
    const IoCount sent = relay.conduit.drain_into(sink.fd, false);
    if (sent.bytes > 0) {
      const auto size = static_cast<size_t>(sent.bytes);
      done.given += size;
      (piped ? io.counters->spliced_bytes : io.counters->copied_bytes).add(size);
      continue;
    }
    if (sent.bytes < 0 && sent.error == EAGAIN) {
      sink.writable = false;
      return Step::kStop;
    }
    lose(sink, sent.error);
    break;
  }
  if (relay.conduit.pipe() == nullptr || sink.out == Outgoing::kLost) relay.conduit.release(io.buffers, io.pipes);
  return Step::kContinue;
}

/// The sink takes no more: what still comes is read and dropped, so that the source is not held up by it.
Step drop(Side& source, size_t& budget, Pumped& done) {
  const IoCount got = discard(source.fd, 1 << 20);
  if (got.bytes > 0) {
    done.taken += static_cast<size_t>(got.bytes);
    budget -= std::min(budget, static_cast<size_t>(got.bytes));
    return Step::kContinue;
  }
  if (got.bytes == 0) {
    source_ended(source);
  } else if (got.error == EAGAIN) {
    source.readable = false;
  } else {
    source_failed(source);
  }
  return Step::kStop;
}

Step copy(Relay& relay, Side& source, Side& sink, RelayIo& io, size_t& budget, Pumped& done) {
  if (relay.conduit.pipe() != nullptr) relay.conduit.release(io.buffers, io.pipes);  // empty: bytes wait in one place
  const size_t wanted = std::min<size_t>(relay.read_size, io.hot_size);
  const IoCount got = receive(source.fd, io.hot, wanted);
  if (got.bytes < 0) {
    if (got.error != EAGAIN) {
      source_failed(source);
    } else {
      source.readable = source.urgent = false;
    }
    return Step::kStop;
  }
  if (got.bytes == 0) {
    source_ended(source);
    return Step::kStop;
  }
  const auto size = static_cast<size_t>(got.bytes);
  done.taken += size;
  budget -= std::min(budget, size);
  if (io.quick_ack) rearm_quick_ack(source.fd);
  const bool short_read = size < wanted;
  const bool last = ends_behind(source, short_read);
  if (last) {
    source_ended(source);
  } else if (short_read && !source.hang_up && !source.urgent) {
    source.readable = false;
  }
  if (short_read) {
    relay.grows = false;
    if (size * 4 < wanted && relay.read_size > io.spec->buffer_size) relay.read_size = io.spec->buffer_size;
  } else {
    const bool at_most = relay.read_size >= io.spec->max_buffer_size;
    if (wanted >= kSpliceFrom || at_most) relay.spliced = io.spec->splice == SpliceMode::kAuto && !relay.splice_refused;
    if (relay.grows) relay.read_size = std::min(relay.read_size * 2, io.spec->max_buffer_size);
    relay.grows = !relay.grows;
  }
  before_send(relay, sink, done);
  // The last bytes go out together with the FIN that follows: one segment less.
  const IoCount sent = transmit(sink.fd, io.hot, size, last);
  size_t gone = sent.bytes > 0 ? static_cast<size_t>(sent.bytes) : 0;
  if (sent.bytes < 0 && sent.error != EAGAIN) {
    lose(sink, sent.error);
    return Step::kContinue;
  }
  done.given += gone;
  io.counters->copied_bytes.add(gone);
  if (gone == size) return last ? Step::kStop : Step::kContinue;
  sink.writable = false;
  if (!relay.conduit.keep(io.buffers, io.hot + gone, size - gone)) done.no_memory = true;
  return Step::kStop;
}

Step splice_through(Relay& relay, Side& source, Side& sink, RelayIo& io, size_t& budget, Pumped& done) {
  Pipe* pipe = relay.conduit.ready_pipe(io.pipes, io.spec->pipe_size, io.now);
  if (pipe == nullptr) return copy(relay, source, sink, io, budget, done);
  const IoCount got = splice_in(source.fd, pipe->write_end.get(), pipe->capacity);
  if (got.bytes == 0) {
    // FIN, or urgent data in front: only a read can tell.
    return copy(relay, source, sink, io, budget, done);
  }
  if (got.bytes < 0) {
    if (got.error == EAGAIN) {
      // The pipe is empty here, so it is the socket that has nothing.
      source.readable = source.urgent = false;
      return Step::kStop;
    }
    if (got.error == EINVAL) {
      relay.splice_refused = true;
      relay.spliced = false;
      return Step::kContinue;
    }
    source_failed(source);
    return Step::kStop;
  }
  const auto size = static_cast<size_t>(got.bytes);
  done.taken += size;
  budget -= std::min(budget, size);
  if (io.quick_ack) rearm_quick_ack(source.fd);
  relay.conduit.filled(size);
  io.low_water.passed(relay.pace, source.fd, io.token, size, io.now);
  // A pipe that was not filled says that the socket is dry, or that it came in small pieces: the next turn finds out,
  // and by then there is more to take at once.
  if (size >= kSpliceFrom && size < pipe->capacity) budget = 0;
  if (size >= kSmallSplice) {
    relay.small_splices = 0;
  } else if (++relay.small_splices >= 3) {
    relay.small_splices = 0;
    if (io.spec->splice != SpliceMode::kOn) {
      relay.spliced = false;
      relay.read_size = io.spec->buffer_size;
    }
  }
  return Step::kContinue;
}

}  // namespace

Pumped pump(Relay& relay, Side& source, Side& sink, RelayIo& io) {
  Pumped done;
  size_t budget = kTurnBudget;
  if (io.spec->splice == SpliceMode::kOn && !relay.splice_refused) relay.spliced = true;
  Step step = Step::kContinue;
  while (step == Step::kContinue) {
    if (sink.out == Outgoing::kLost) {
      relay.conduit.release(io.buffers, io.pipes);
    } else if (!relay.conduit.empty()) {
      if (!sink.writable) break;
      step = flush(relay, sink, io, done);
      continue;
    }
    if (source.in != Incoming::kOpen || !source.readable) break;
    if (sink.out != Outgoing::kLost && !sink.writable) break;
    if (budget == 0) {
      done.more = true;
      break;
    }
    if (sink.out == Outgoing::kLost) {
      step = drop(source, budget, done);
    } else if (relay.spliced) {
      step = splice_through(relay, source, sink, io, budget, done);
    } else {
      step = copy(relay, source, sink, io, budget, done);
    }
  }
  // A pipe is borrowed only while bytes are inside.
  if (relay.conduit.empty() && relay.conduit.pipe() != nullptr) relay.conduit.release(io.buffers, io.pipes);
  if (relay.pace.seat != 0) io.low_water.rest(relay.pace, source.in == Incoming::kOpen && !source.readable, io.now);
  relay.bytes += done.given;
  if (done.given > 0) sink.sent = true;
  return done;
}

}  // namespace ub
