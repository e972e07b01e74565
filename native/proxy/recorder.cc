// SPDX-License-Identifier: MIT
#include "proxy/recorder.h"

#include "proxy/context.h"

namespace ub {
namespace {

/// By side: bytes wait here for it, or its kernel has some that it has not acknowledged.
bool waits_for(const Session& session, SideIndex side) {
  return !session.relay[side == kBackend ? 0 : 1].conduit.empty() || session.side[side].queued > 0;
}

}  // namespace

SessionRecord* Recorder::begin() {
  SessionRecord* record = ring_.claim();
  if (record == nullptr) {
    counters_.records_dropped.add();
    return nullptr;
  }
  *record = SessionRecord{};
  record->ended_at = wall_now();
  record->worker = static_cast<uint8_t>(worker_);
  record->handshake = record->waited = record->first_byte[kClient] = record->first_byte[kBackend] = kNotYet;
  record->backend = kNoSlot;
  return record;
}

void Recorder::publish() {
  ring_.publish();
  counters_.records.add();
}

void Recorder::record(const Session& session, CloseReason reason, bool reset, Nanos now) {
  SessionRecord* const record = begin();
  if (record == nullptr) return;
  const bool relaying = session.phase == Phase::kRelaying;
  record->reason = reason;
  record->reset = reset;
  record->duration = now - session.accepted_at;
  record->client = session.client;
  record->client_port = session.client_port;
  record->local_port = local_address(session.side[kClient].fd, record->local);
  record->listener = session.listener->state->slot;
  record->pool = session.listener->pool->slot;
  if (session.backend != nullptr) {
    record->backend = session.backend->state->slot;
  } else if (session.tries > 0) {
    record->backend = session.tried[session.tries - 1];
  }
  record->attempts = static_cast<uint8_t>(session.tries + (session.backend != nullptr ? 1 : 0));
  record->failed_once = session.failed_once;
  record->failure = session.last_failure;
  record->warm = session.was_warm;
  if (relaying) {
    record->waited = session.connected_at - session.accepted_at;
    if (!session.was_warm) record->handshake = session.handshake;
  }
  for (const SideIndex side : {kClient, kBackend}) {
    const Nanos at = session.first_byte_at[side];
    if (at != 0) record->first_byte[side] = at - session.accepted_at;
    record->stuck[side] = relaying && waits_for(session, side);
    if (session.side[side].fd >= 0) tcp_facts(session.side[side].fd, record->tcp[side]);
  }
  record->turns = session.turns;
  record->turns_took = session.turns_took;
  record->longest_turn = session.longest_turn;
  record->to_backend = session.relay[0].bytes;
  record->to_client = session.relay[1].bytes;
  record->backend_ended = session.side[kBackend].in == Incoming::kEnded;
  record->first_ends = session.first_ends != 0 ? session.first_ends : ends_of(session);
  // While a backend is being dialled nothing is read from the client: its reset is known by the reason alone.
  if (record->first_ends == 0 && reason == CloseReason::kClientReset) record->first_ends = kEndedByReset;
  publish();
}

void Recorder::record_refused(int fd, const sockaddr_storage& peer, const WorkerListener& listener,
                              CloseReason reason) {
  SessionRecord* const record = begin();
  if (record == nullptr) return;
  record->reason = reason;
  record->reset = true;
  record->client = client_key(peer);
  record->client_port = port_of(peer);
  record->local_port = local_address(fd, record->local);
  record->listener = listener.state->slot;
  record->pool = listener.pool->slot;
  publish();
}

}  // namespace ub
