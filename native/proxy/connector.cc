// SPDX-License-Identifier: MIT
#include "proxy/connector.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "proxy/picker.h"

namespace ub {
namespace {

ConnectFailure failure_of(int error) {
  switch (error) {
    case ECONNREFUSED: return ConnectFailure::kRefused;
    case ETIMEDOUT: return ConnectFailure::kTimeout;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN: return ConnectFailure::kUnreachable;
    case EADDRNOTAVAIL:
    case EADDRINUSE: return ConnectFailure::kNoLocalPort;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return ConnectFailure::kNoDescriptor;
    default: return ConnectFailure::kOther;
  }
}

/// Our own shortage says nothing about the backend.
bool is_ours(ConnectFailure why) { return why == ConnectFailure::kNoLocalPort || why == ConnectFailure::kNoDescriptor; }

constexpr Nanos kShortage = 100 * kMillisecond;  // pause before descriptors are asked for again

}  // namespace

Dial Connector::dial(Session& session) {
  const uint32_t offers = std::min(session.listener->spec->retries + 1, kMostTried);
  while (session.tries < offers) {
    const PoolSpec& pool = *session.listener->pool;
    const Picked picked = pick(pool, session.client, {session.tried, session.tries}, ctx_.random, ctx_.now,
                               session.listener->shortlist.get());
    if (picked.backend == nullptr) {
      if (session.tries == 0) session.failure = picked.full ? CloseReason::kBackendsFull : CloseReason::kNoBackend;
      return Dial::kFailed;
    }
    const auto found = ctx_.backends.find(picked.backend->state->slot);
    UB_CHECK(found != ctx_.backends.end());
    WorkerBackend& backend = *found->second;
    if (backend.warm_count > 0) {
      if (Session* warm = warm_.take(backend)) {
        // The warm connection brings its own place; the one just taken is one too many.
        release_place(*backend.state);
        adopt(session, *warm);
        return Dial::kConnected;
      }
    } else if (backend.warm_max > 0) {
      warm_.take(backend);  // tells that one was missing
    }
    session.backend = &backend;
    ++backend.sessions;
    const int fd = backend_socket(picked.backend->address.family(), pool.options);
    int error = fd < 0 ? errno : start_connect(fd, picked.backend->address);
    session.side[kBackend] = Side();
    session.side[kBackend].fd = fd;
    session.side[kBackend].nagle = pool.options.no_delay;
    if (error == 0) error = ctx_.poller.add_stream(fd, session.token(kBackend));
    if (error == 0) {
      session.phase = Phase::kDialling;
      session.turn_at = ctx_.now;
      ctx_.wheel.arm(session.timer, ctx_.now + session.listener->spec->timeouts.connect);
      return Dial::kUnderWay;
    }
    const ConnectFailure why = failure_of(error);
    if (why == ConnectFailure::kNoDescriptor && fd < 0 &&
        ctx_.now < session.accepted_at + session.listener->spec->timeouts.connect) {
      ctx_.pipes.trim();
      ctx_.descriptors_short_until = ctx_.now + kShortage;
      abandon(session);
      session.phase = Phase::kWaiting;
      ctx_.wheel.arm(session.timer, ctx_.now + kShortage / 2);
      return Dial::kWaiting;
    }
    count_failure(backend, session, why);
    session.failure = CloseReason::kConnectFailed;
    session.tried[session.tries++] = backend.state->slot;
    abandon(session);
  }
  return Dial::kFailed;
}

Dial Connector::on_event(Session& session) {
  Side& side = session.side[kBackend];
  if (!side.error && !side.hang_up) {
    if (!side.writable) return Dial::kUnderWay;
    connected(session, true);
    return Dial::kConnected;
  }
  // FIN right behind the handshake is no failure, and neither is RST: the client is owed both as they are.
  const int error = side.error ? take_error(side.fd) : 0;
  if (error == 0 || error == ECONNRESET || error == EPIPE) {
    side.reset_told = error == ECONNRESET;
    if (error != 0) {
      side.out = Outgoing::kLost;
      side.writable = false;
    }
    connected(session, true);
    return Dial::kConnected;
  }
  return failed(session, failure_of(error));
}

Dial Connector::on_timeout(Session& session) { return failed(session, ConnectFailure::kTimeout); }

Dial Connector::failed(Session& session, ConnectFailure why) {
  WorkerBackend& backend = *session.backend;
  count_failure(backend, session, why);
  session.failure = why == ConnectFailure::kTimeout ? CloseReason::kConnectTimeout : CloseReason::kConnectFailed;
  session.tried[session.tries++] = backend.state->slot;
  abandon(session);
  return dial(session);
}

void Connector::count_failure(WorkerBackend& backend, Session& session, ConnectFailure why) {
  session.failed_once = true;
  session.last_failure = why;
  backend.counters->failures[static_cast<size_t>(why)].add();
  if (session.tries < std::min(session.listener->spec->retries, kMostTried - 1)) backend.counters->retries.add();
  if (is_ours(why)) return;
  const uint32_t in_row = backend.state->failures_in_row.fetch_add(1, std::memory_order_relaxed) + 1;
  const uint32_t threshold = session.listener->pool->failure_threshold;
  if (threshold != 0 && in_row % threshold == 0) {
    ctx_.events.push({EventType::kBackendFailing, ctx_.index, backend.state->slot, in_row});
  }
}

void Connector::connected(Session& session, bool fresh) {
  WorkerBackend& backend = *session.backend;
  if (backend.state->failures_in_row.load(std::memory_order_relaxed) != 0) {
    backend.state->failures_in_row.store(0, std::memory_order_relaxed);
  }
  backend.counters->sessions.add();
  session.connected_at = ctx_.now;
  session.was_warm = !fresh;
  if (!fresh) return;
  const Nanos took = session.handshake = ctx_.now - session.turn_at;
  backend.counters->connects.add();
  backend.counters->connect.record(took);
  if (session.listener->pool->kind == PlanKind::kEwma) learn_latency(*backend.state, took, false, ctx_.now);
}

void Connector::adopt(Session& session, Session& warm) {
  session.backend = warm.backend;
  ++session.backend->sessions;
  session.side[kBackend] = warm.side[kBackend];
  session.lasting = true;
  ctx_.poller.rename_stream(session.side[kBackend].fd, session.token(kBackend));
  ctx_.slab.release(warm.index);
  connected(session, false);
}

void Connector::abandon(Session& session) {
  if (session.backend == nullptr) return;
  Side& side = session.side[kBackend];
  if (side.fd >= 0) ::close(side.fd);
  side = Side();
  --session.backend->sessions;
  release_place(*session.backend->state);
  session.backend = nullptr;
}

}  // namespace ub
