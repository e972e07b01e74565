// SPDX-License-Identifier: MIT
//
// When sessions run out of time. Activity only stores the turn's time; the one timer of a session looks at what is due
// when it fires and is armed anew, so a busy session costs nothing here and an idle one next to nothing.
#include <algorithm>
#include <cstddef>

#include "base/check.h"
#include "proxy/sessions.h"

namespace ub {
namespace {

constexpr Nanos kTurnPause = 100 * kMillisecond;  // silence that makes an idle moment for max_requests_per_connection
constexpr Nanos kShortestLook = 40 * kMillisecond;
constexpr Nanos kNever = UINT64_MAX;
constexpr uint8_t kLongestLinger = 32;

Session& owner(Timer& timer) {
  return *reinterpret_cast<Session*>(reinterpret_cast<char*>(&timer) - offsetof(Session, timer));
}

bool may_hold_unacknowledged(const Session& s) {
  return s.side[0].sent || s.side[1].sent || s.side[0].queued > 0 || s.side[1].queued > 0;
}

}  // namespace

/// How long the session may be silent as it stands now, and what it is called when it was silent for too long.
Nanos Sessions::patience(const Session& session, CloseReason& reason) const {
  const SessionTimeouts& t = session.listener->spec->timeouts;
  Nanos limit = t.idle;
  reason = CloseReason::kIdleTimeout;
  if (session.one_side_ended()) {
    limit = t.half_close;
    reason = CloseReason::kHalfCloseTimeout;
  } else if (session.turn_open) {
    limit = t.read;
    reason = CloseReason::kReadTimeout;
  }
  const bool waiting = session.bytes_stuck() || session.side[0].queued > 0 || session.side[1].queued > 0;
  if (waiting && t.write != 0 && (limit == 0 || t.write < limit)) {
    limit = t.write;
    reason = CloseReason::kWriteTimeout;
  }
  return limit;
}

/// A queue that shrinks is a sign of life: a slow reader is not a silent one.
void Sessions::look_at_queues(Session& session) {
  for (Side& side : session.side) {
    if (!side.sent && side.queued == 0) continue;
    const auto queued = static_cast<uint32_t>(std::min<size_t>(unacknowledged(side.fd), UINT32_MAX));
    if (!side.sent && queued < side.queued) session.heard_at = ctx_.now;
    side.queued = queued;
    side.sent = false;
  }
}

void Sessions::arm(Session& session) {
  CloseReason reason;
  Nanos next = session.expires_at == 0 ? kNever : session.expires_at;
  const ListenerSpec& spec = *session.listener->spec;
  if (spec.timeouts.first_byte != 0 && !session.client_spoke) {
    next = std::min(next, session.accepted_at + spec.timeouts.first_byte);
  }
  const Nanos limit = patience(session, reason);
  if (limit != 0) {
    next = std::min(next, session.heard_at + limit);
    // While something is under way the queues are looked at now and then, to know when they last moved.
    if (may_hold_unacknowledged(session) || session.bytes_stuck()) {
      next = std::min(next, ctx_.now + std::max(limit / 8, kShortestLook));
    }
  }
  if (spec.max_turns != 0 && session.turns >= spec.max_turns && !session.turn_open) {
    next = std::min(next, std::max(session.heard_at + kTurnPause, ctx_.now + kTurnPause / 4));
  }
  if (session.linger_ms != 0) next = std::min(next, ctx_.now + session.linger_ms * kMillisecond);
  if (next != kNever) {
    ctx_.wheel.arm(session.timer, next);
  } else {
    session.timer.cancel();
  }
}

/// A change of state may have brought the next moment nearer; later ones are found out when the timer fires.
void Sessions::arm_after_change(Session& session) {
  CloseReason reason;
  const Nanos limit = patience(session, reason);
  if (limit != 0) {
    const Nanos look = session.bytes_stuck() ? std::max(limit / 8, kShortestLook) : limit;
    ctx_.wheel.arm_no_later(session.timer, ctx_.now + look);
  }
  const uint32_t max_turns = session.listener->spec->max_turns;
  if (max_turns != 0 && session.turns >= max_turns && !session.turn_open) {
    ctx_.wheel.arm_no_later(session.timer, ctx_.now + kTurnPause);
  }
}

/// RST has to wait until the other end has everything; nothing tells when, so the queue is asked, ever more seldom.
void Sessions::linger(Session& session) {
  session.linger_ms = static_cast<uint8_t>(std::clamp<int>(session.linger_ms * 2, 2, kLongestLinger));
  ctx_.wheel.arm_no_later(session.timer, ctx_.now + session.linger_ms * kMillisecond);
}

void Sessions::on_timer(Timer& timer) {
  Session& session = owner(timer);
  const Nanos now = ctx_.now;
  switch (session.phase) {
    case Phase::kWarm: warm_.on_timer(session); return;
    case Phase::kWaiting:
      if (session.refused) {
        finish(session, session.failure, Ending::kReset);
        return;
      }
      on_dial(session, connector_.dial(session));
      return;
    case Phase::kDialling:
      if (session.expires_at != 0 && now >= session.expires_at) {
        finish(session, CloseReason::kSessionTimeout, Ending::kFair);
        return;
      }
      on_dial(session, connector_.on_timeout(session));
      return;
    case Phase::kRelaying: break;
  }
  if (session.expires_at != 0 && now >= session.expires_at) {
    finish(session, CloseReason::kSessionTimeout, Ending::kFair);
    return;
  }
  const ListenerSpec& spec = *session.listener->spec;
  if (!session.lasting) {
    session.lasting = true;
    set_lasting_options(session.side[kBackend].fd, session.listener->pool->options);
  }
  if (spec.timeouts.first_byte != 0 && !session.client_spoke && now >= session.accepted_at + spec.timeouts.first_byte) {
    finish(session, CloseReason::kFirstByteTimeout, Ending::kFair);
    return;
  }
  const bool first_look = session.side[0].sent || session.side[1].sent;
  look_at_queues(session);
  if (session.linger_ms != 0 && !settle(session)) return;
  const bool quiet = !session.bytes_stuck() && session.side[0].queued == 0 && session.side[1].queued == 0;
  if (spec.max_turns != 0 && session.turns >= spec.max_turns && !session.turn_open && quiet &&
      now >= session.heard_at + kTurnPause) {
    finish(session, CloseReason::kTurnLimit, Ending::kFair);
    return;
  }
  CloseReason reason;
  const Nanos limit = patience(session, reason);
  // Bytes that went out since the last look may be on their way still: whether their queue moves is not known yet.
  if (limit != 0 && now >= session.heard_at + limit && (quiet || !first_look)) {
    finish(session, reason, Ending::kFair);
    return;
  }
  arm(session);
}

void Sessions::relieve_stalled() {
  while (const uint64_t token = ctx_.low_water.overdue(ctx_.now)) {
    const SideIndex from = side_of(token);
    Session* session = ctx_.slab.find(index_of(token), generation_of(token));
    UB_CHECK(session != nullptr);  // one that ends gives its seats up
    ctx_.low_water.stalled(session->relay[from].pace, session->side[from].fd);
    session->side[from].readable = true;
    drive(*session);
  }
}

}  // namespace ub
