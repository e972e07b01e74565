// SPDX-License-Identifier: MIT
//
// ONE direction of a session: from a source side through a conduit to a sink side. It knows neither client nor
// backend, no timers and no other session; it moves what can be moved now and records how each side stands. What
// follows from that (FIN, RST, the end) is the session's business.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/buffer_pool.h"
#include "net/pipe_pool.h"
#include "proxy/conduit.h"
#include "proxy/low_water.h"
#include "proxy/snapshot.h"

namespace ub {

enum class Incoming : uint8_t { kOpen, kEnded, kReset };   // kEnded: FIN read; kReset: RST, after every byte before it
enum class Outgoing : uint8_t { kOpen, kFinSent, kLost };  // kLost: takes no more bytes, ever

/// One socket of a session. Readiness bits are cleared only on proof: EAGAIN, or a short read.
struct Side {
  int fd = -1;
  uint32_t queued = 0;  // unacknowledged bytes when last looked at
  bool readable = false;
  bool writable = false;
  bool hang_up = false;     // the kernel tells that FIN or RST has arrived
  bool error = false;       // EPOLLERR was seen: FIN can't be told from RST by events alone
  bool urgent = false;      // urgent data splits reads: a short one proves nothing
  bool reset_told = false;  // a send was told of the RST; the kernel tells it once, so reads will see FIN
  bool sent = false;        // bytes went out since `queued` was looked at
  bool nagle = false;       // TCP_NODELAY is wanted and not set yet: the first send does not need it
  Incoming in = Incoming::kOpen;
  Outgoing out = Outgoing::kOpen;
};

/// What a worker lends to a relay for one pump.
struct RelayIo {
  char* hot;  // one buffer per worker, so that it stays in the cache
  size_t hot_size;
  PipePool& pipes;
  BufferPool& buffers;
  LowWater& low_water;
  const ListenerSpec* spec;
  ListenerCounters* counters;
  Nanos now;
  bool quick_ack;  // re-arm on the source after reads
  uint64_t token;  // the source's, for events
};

struct Relay {
  Conduit conduit;
  uint64_t bytes = 0;  // that left for the sink
  Pace pace;
  uint32_t read_size = 0;     // of the next read; grows while reads are full, at every second one: what a sink that
                              // stops leaves behind is as large as the last read
  uint8_t small_splices = 0;  // in a row
  bool grows = false;         // the last read was full, and the next full one makes reads larger
  bool spliced = false;
  bool splice_refused = false;  // these sockets can't be spliced
};

struct Pumped {
  size_t taken = 0;   // bytes read from the source
  size_t given = 0;   // bytes written to the sink
  bool more = false;  // the budget is used up and there is more to do
  bool no_memory = false;
};

/// Moves bytes until the source is dry, the sink is full, an end is reached, or the turn's budget is used up.
Pumped pump(Relay& relay, Side& source, Side& sink, RelayIo& io);

}  // namespace ub
