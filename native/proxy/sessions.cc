// SPDX-License-Identifier: MIT
#include "proxy/sessions.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>

#include "proxy/picker.h"

namespace ub {
namespace {

CloseReason reset_by(SideIndex side) {
  return side == kClient ? CloseReason::kClientReset : CloseReason::kBackendReset;
}
CloseReason lost_by(SideIndex side) { return side == kClient ? CloseReason::kClientLost : CloseReason::kBackendLost; }

constexpr SideIndex other(SideIndex side) { return side == kClient ? kBackend : kClient; }

constexpr Nanos kRefusalPause = 5 * kMillisecond;
// A session of this age is not one of the short ones, whose sockets are spared the options that they never need.
constexpr Nanos kLasting = 100 * kMillisecond;
constexpr size_t kMostDiscarded = 1 << 20;  // unread input dropped so that close() sends FIN and not RST

}  // namespace

void Sessions::open(int fd, const sockaddr_storage& peer, WorkerListener& listener) {
  const auto slot = ctx_.slab.acquire();
  listener.counters->accepted.add();
  ctx_.counters.accepted.add();
  if (slot.item == nullptr) {
    if (ctx_.recorder.takes(CloseReason::kNoMemory) && ctx_.recorder.samples(ctx_.random.next())) {
      ctx_.recorder.record_refused(fd, peer, listener, CloseReason::kNoMemory);
    }
    arm_reset(fd);
    ::close(fd);
    listener.counters->closed[static_cast<size_t>(CloseReason::kNoMemory)].add();
    listener.state->active.fetch_sub(1);
    return;
  }
  Session& session = *slot.item;
  session.index = slot.index;
  session.generation = slot.generation;
  session.listener = &listener;
  session.client = client_key(peer);
  session.client_port = port_of(peer);
  session.side[kClient].fd = fd;
  session.side[kClient].writable = true;
  session.accepted_at = session.heard_at = ctx_.now;
  session.relay[0].read_size = session.relay[1].read_size = listener.spec->buffer_size;
  const SessionTimeouts& timeouts = listener.spec->timeouts;
  if (timeouts.session != 0) {
    const Nanos spread = timeouts.session / 100 * timeouts.session_jitter;
    const Nanos less = spread == 0 ? 0 : static_cast<Nanos>(ctx_.random.next()) % spread;
    session.expires_at = ctx_.now + timeouts.session - less;
  }
  ++listener.sessions;
  ++ctx_.clients;
  if (listener.spec->options.quick_ack) rearm_quick_ack(fd);
  on_dial(session, connector_.dial(session));
}

void Sessions::watch_client(Session& session) {
  if (session.client_watched) return;
  session.client_watched = true;
  if (ctx_.poller.add_stream(session.side[kClient].fd, session.token(kClient)) == 0) return;
  // Out of memory or of watches: without events there is no session. The timer ends it in this very turn.
  session.side[kClient].error = true;
  session.expires_at = ctx_.now;
  ctx_.wheel.arm(session.timer, ctx_.now);
}

void Sessions::on_dial(Session& session, Dial outcome) {
  switch (outcome) {
    case Dial::kUnderWay:
    case Dial::kWaiting: watch_client(session); return;
    case Dial::kFailed:
      if (ctx_.now == session.accepted_at) {
        refuse(session);
      } else {
        finish(session, session.failure, Ending::kReset);
      }
      return;
    case Dial::kConnected:
      session.phase = Phase::kRelaying;
      session.turn_at = 0;
      session.heard_at = ctx_.now;
      if (session.listener->pool->options.quick_ack) rearm_quick_ack(session.side[kBackend].fd);
      watch_client(session);
      session.timer.cancel();
      arm(session);
      if (!session.lasting && session.listener->pool->options.keep_alive) {
        ctx_.wheel.arm_no_later(session.timer, ctx_.now + kLasting);
      }
      drive(session);
      return;
  }
}

/// A reset in the moment of accepting may overtake the client's own connect(), which then fails in a way that says
/// nothing: it would look as if nobody listened.
void Sessions::refuse(Session& session) {
  session.refused = true;
  session.phase = Phase::kWaiting;
  ctx_.wheel.arm(session.timer, ctx_.now + kRefusalPause);
}

void Sessions::on_event(uint32_t index, uint32_t generation, SideIndex which, uint32_t events) {
  Session* found = ctx_.slab.find(index, generation);
  if (found == nullptr) {
    ctx_.counters.stale_events.add();
    return;
  }
  Session& session = *found;
  Side& side = session.side[which];
  if (side.in == Incoming::kOpen && (events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) side.readable = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) side.hang_up = true;
  if ((events & EPOLLPRI) != 0) side.urgent = true;
  if ((events & EPOLLERR) != 0) side.error = true;
  if ((events & EPOLLOUT) != 0 && side.out != Outgoing::kLost) side.writable = true;

  switch (session.phase) {
    case Phase::kWarm: warm_.on_event(session); return;
    case Phase::kDialling:
      if (which == kBackend) {
        on_dial(session, connector_.on_event(session));
        return;
      }
      [[fallthrough]];
    case Phase::kWaiting:
      // A client that has reset waits for nothing, unless it has left bytes: those are owed to a backend.
      if (side.error && unread(side.fd) == 0) finish(session, CloseReason::kClientReset, Ending::kReset);
      return;
    case Phase::kRelaying:
      // Served when the batch has been read: what the other side has to say in it counts too, and saves work.
      if (!session.ready.linked()) ctx_.ready.push_back(session);
      return;
  }
}

void Sessions::drive(Session& session) {
  for (Side& side : session.side) {
    if (side.error && side.out == Outgoing::kOpen) {  // a dead connection takes nothing: known without trying
      side.out = Outgoing::kLost;
      side.writable = false;
    }
  }
  const bool was_stuck = session.bytes_stuck();
  const bool had_ended = session.one_side_ended();
  const bool had_turn = session.turn_open;
  RelayIo io{ctx_.hot.data(),
             ctx_.hot.size(),
             ctx_.pipes,
             ctx_.buffers,
             ctx_.low_water,
             session.listener->spec,
             session.listener->counters,
             ctx_.now,
             session.listener->spec->options.quick_ack,
             session.token(kClient)};
  Side& client = session.side[kClient];
  Side& backend = session.side[kBackend];
  const Pumped up = pump(session.relay[0], client, backend, io);
  io.quick_ack = session.listener->pool->options.quick_ack;
  io.token = session.token(kBackend);
  const Pumped down = pump(session.relay[1], backend, client, io);
  const bool has_ended = session.one_side_ended();
  if (has_ended && session.first_ends == 0) session.first_ends = ends_of(session);
  if (up.no_memory || down.no_memory) {
    finish(session, CloseReason::kNoMemory, Ending::kReset);
    return;
  }
  if (up.given > 0) {
    session.listener->counters->to_backend_bytes.add(up.given);
    session.backend->counters->to_backend_bytes.add(up.given);
  }
  if (down.given > 0) {
    session.listener->counters->to_client_bytes.add(down.given);
    session.backend->counters->to_client_bytes.add(down.given);
  }
  if (up.taken + up.given + down.taken + down.given > 0) session.heard_at = ctx_.now;
  note_turns(session, up.taken, down.taken);
  if ((up.more || down.more) && !session.ready.linked()) ctx_.ready.push_back(session);
  if (!settle(session)) return;
  if (session.bytes_stuck() != was_stuck || has_ended != had_ended || session.turn_open != had_turn) {
    arm_after_change(session);
  }
}

void Sessions::note_turns(Session& session, size_t from_client, size_t from_backend) {
  if (from_client > 0) {
    if (!session.turn_open) {
      session.turn_open = true;
      session.turn_at = ctx_.now;
      if (!session.client_spoke) session.first_byte_at[kClient] = ctx_.now;
    }
    session.client_spoke = true;
  }
  if (from_backend > 0 && session.first_byte_at[kBackend] == 0) session.first_byte_at[kBackend] = ctx_.now;
  if (from_backend > 0 && session.turn_open) {
    session.turn_open = false;
    ++session.turns;
    const Nanos took = ctx_.now - session.turn_at;
    session.turns_took += took;
    session.longest_turn = std::max(session.longest_turn, took);
    session.listener->counters->turns.add();
    session.listener->counters->turn.record(took);
    session.backend->counters->turns.add();
    session.backend->counters->turn.record(took);
    if (session.listener->pool->kind == PlanKind::kEwma) learn_latency(*session.backend->state, took, true, ctx_.now);
  }
}

bool Sessions::settle(Session& session) {
  const bool done[2] = {session.relay[0].conduit.empty(), session.relay[1].conduit.empty()};
  Side* side = session.side;
  if (side[0].in == Incoming::kEnded && side[1].in == Incoming::kEnded && done[0] && done[1] &&
      side[0].out != Outgoing::kLost && side[1].out != Outgoing::kLost) {
    finish(session, CloseReason::kFinished, Ending::kFin);  // close() sends the FINs that are still owed
    return false;
  }
  for (SideIndex from : {kClient, kBackend}) {
    Side& to = side[other(from)];
    if (side[from].in == Incoming::kEnded && done[from] && to.out == Outgoing::kOpen) {
      send_fin(to.fd);
      to.out = Outgoing::kFinSent;
      to.writable = false;
      to.sent = true;
      session.heard_at = ctx_.now;
    }
  }
  for (SideIndex from : {kClient, kBackend}) {
    const bool over =
        side[from].in == Incoming::kReset || (side[from].out == Outgoing::kLost && side[from].in == Incoming::kEnded);
    if (!over || !done[from]) continue;
    // What the other end has not acknowledged, a RST would destroy.
    Side& to = side[other(from)];
    if (to.out == Outgoing::kLost || unacknowledged(to.fd) == 0) {
      finish(session, side[from].in == Incoming::kReset ? reset_by(from) : lost_by(from), Ending::kReset);
      return false;
    }
    linger(session);
  }
  return true;
}

void Sessions::finish(Session& session, CloseReason reason, Ending ending) {
  WorkerListener& listener = *session.listener;
  bool lost[2] = {true, true};  // by side: bytes meant for it are
  if (session.phase == Phase::kRelaying && ending != Ending::kReset) {
    for (SideIndex to : {kClient, kBackend}) {
      const Side& from = session.side[other(to)];
      lost[to] = ending == Ending::kFair &&
                 (!session.relay[other(to)].conduit.empty() || (from.in == Incoming::kOpen && unread(from.fd) > 0));
    }
  }
  if (ctx_.recorder.takes(reason) && ctx_.recorder.samples(ctx_.random.next())) {
    ctx_.recorder.record(session, reason, lost[kClient], ctx_.now);
  }
  if (session.phase == Phase::kRelaying) {
    Side* side = session.side;
    if (ending == Ending::kFair) {
      close_fairly(session, kClient, lost[kClient]);
      close_fairly(session, kBackend, lost[kBackend]);
    } else {
      for (SideIndex at : {kBackend, kClient}) {
        if (ending == Ending::kReset && side[at].in != Incoming::kReset) arm_reset(side[at].fd);
        ::close(side[at].fd);
      }
    }
    for (Relay& relay : session.relay) {
      relay.conduit.release(ctx_.buffers, ctx_.pipes);
      ctx_.low_water.forget(relay.pace);
    }
    --session.backend->sessions;
    release_place(*session.backend->state);
  } else {
    if (session.side[kBackend].fd >= 0) arm_reset(session.side[kBackend].fd);
    connector_.abandon(session);
    arm_reset(session.side[kClient].fd);  // its bytes, if any, went nowhere
    ::close(session.side[kClient].fd);
  }
  listener.counters->closed[static_cast<size_t>(reason)].add();
  --listener.sessions;
  --ctx_.clients;
  listener.state->active.fetch_sub(1);
  if (listener.state->waiting.load() != 0) {
    const uint64_t workers = listener.state->waiting.exchange(0);
    const uint64_t mine = 1ULL << ctx_.index;
    if ((workers & mine) != 0) ctx_.place_freed = true;
    ctx_.doorbells.ring(workers & ~mine);
  }
  session.timer.cancel();
  session.ready.unlink();
  ctx_.slab.release(session.index);
}

void Sessions::close_fairly(Session& session, SideIndex at, bool lost) {
  Side& side = session.side[at];
  if (lost) {
    arm_reset(side.fd);
  } else if (side.in == Incoming::kOpen) {
    // Unread input would turn the FIN into a RST that destroys what the kernel still has for this end.
    send_fin(side.fd);
    for (size_t dropped = 0; dropped < kMostDiscarded;) {
      const IoCount got = discard(side.fd, kMostDiscarded);
      if (got.bytes <= 0) break;
      dropped += static_cast<size_t>(got.bytes);
    }
  }
  ::close(side.fd);
}

void Sessions::run_ready() {
  List<Session, &Session::ready> batch;
  batch.splice_back(ctx_.ready);
  while (Session* session = batch.pop_front()) {
    // A session that ends takes itself out of the list, so every one met here is alive.
    if (session->phase == Phase::kRelaying) drive(*session);
  }
}

void Sessions::end_all(CloseReason reason) {
  ctx_.slab.for_each([&](Session& session) {
    if (session.phase != Phase::kWarm) finish(session, reason, Ending::kFair);
  });
}

void Sessions::end_one(uint32_t index, uint32_t generation, CloseReason reason) {
  Session* session = ctx_.slab.find(index, generation);
  if (session != nullptr && session->phase != Phase::kWarm) finish(*session, reason, Ending::kFair);
}

}  // namespace ub
