// SPDX-License-Identifier: MIT
#include "addon/marshal.h"

namespace ub {
namespace {

Napi::Value big(Napi::Env env, uint64_t n) { return Napi::BigInt::New(env, n); }

template <typename F>
uint64_t sum(const std::array<std::unique_ptr<ListenerCounters>, kMaxWorkers>& blocks, F&& of) {
  uint64_t total = 0;
  for (const auto& block : blocks) total += block ? of(*block) : 0;
  return total;
}
template <typename F>
uint64_t sum(const std::array<std::unique_ptr<BackendCounters>, kMaxWorkers>& blocks, F&& of) {
  uint64_t total = 0;
  for (const auto& block : blocks) total += block ? of(*block) : 0;
  return total;
}

template <typename Blocks, typename F>
void write_histogram(Napi::Env env, Napi::Object& into, const char* buckets, const char* sum_name, const Blocks& blocks,
                     F&& of) {
  Napi::Array counts = Napi::Array::New(env, kLatencyBounds + 1);
  for (size_t i = 0; i <= kLatencyBounds; ++i) {
    counts.Set(static_cast<uint32_t>(i), big(env, sum(blocks, [&](const auto& b) { return of(b).bucket(i); })));
  }
  into.Set(buckets, counts);
  into.Set(sum_name, big(env, sum(blocks, [&](const auto& b) { return of(b).sum(); })));
}

Napi::Object write_listener(Napi::Env env, const ListenerState& state) {
  Napi::Object out = Napi::Object::New(env);
  const auto& blocks = state.counters;
  out.Set("slot", Napi::Number::New(env, state.slot));
  out.Set("active", big(env, state.active.load(std::memory_order_relaxed)));
#define UB_PUT(name, key) out.Set(key, big(env, sum(blocks, [](const ListenerCounters& b) { return b.name.get(); })));
  UB_PUT(accepted, "accepted")
  UB_PUT(to_backend_bytes, "toBackendBytes")
  UB_PUT(to_client_bytes, "toClientBytes")
  UB_PUT(spliced_bytes, "splicedBytes")
  UB_PUT(copied_bytes, "copiedBytes")
  UB_PUT(turns, "turns")
  UB_PUT(accept_pauses, "acceptPauses")
  UB_PUT(accept_errors, "acceptErrors")
#undef UB_PUT
  Napi::Array closed = Napi::Array::New(env, kCloseReasons);
  for (size_t i = 0; i < kCloseReasons; ++i) {
    closed.Set(static_cast<uint32_t>(i),
               big(env, sum(blocks, [i](const ListenerCounters& b) { return b.closed[i].get(); })));
  }
  out.Set("closed", closed);
  write_histogram(env, out, "turnBuckets", "turnSumNs", blocks,
                  [](const ListenerCounters& b) -> const LatencyHistogram& { return b.turn; });
  return out;
}

Napi::Object write_backend(Napi::Env env, const BackendState& state) {
  Napi::Object out = Napi::Object::New(env);
  const auto& blocks = state.counters;
  out.Set("slot", Napi::Number::New(env, state.slot));
  out.Set("active", big(env, state.active.load(std::memory_order_relaxed)));
  out.Set("warm", big(env, state.warm.load(std::memory_order_relaxed)));
#define UB_PUT(name, key) out.Set(key, big(env, sum(blocks, [](const BackendCounters& b) { return b.name.get(); })));
  UB_PUT(sessions, "sessions")
  UB_PUT(connects, "connects")
  UB_PUT(retries, "retries")
  UB_PUT(to_backend_bytes, "toBackendBytes")
  UB_PUT(to_client_bytes, "toClientBytes")
  UB_PUT(warm_used, "warmUsed")
  UB_PUT(warm_stale, "warmStale")
  UB_PUT(turns, "turns")
  UB_PUT(drained, "drained")
  UB_PUT(rebalanced, "rebalanced")
#undef UB_PUT
  Napi::Array failures = Napi::Array::New(env, kConnectFailures);
  for (size_t i = 0; i < kConnectFailures; ++i) {
    failures.Set(static_cast<uint32_t>(i),
                 big(env, sum(blocks, [i](const BackendCounters& b) { return b.failures[i].get(); })));
  }
  out.Set("failures", failures);
  write_histogram(env, out, "turnBuckets", "turnSumNs", blocks,
                  [](const BackendCounters& b) -> const LatencyHistogram& { return b.turn; });
  write_histogram(env, out, "connectBuckets", "connectSumNs", blocks,
                  [](const BackendCounters& b) -> const LatencyHistogram& { return b.connect; });
  return out;
}

Napi::Object write_worker(Napi::Env env, const WorkerCounters& counters) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("accepted", big(env, counters.accepted.get()));
  out.Set("loops", big(env, counters.loops.get()));
  out.Set("events", big(env, counters.events.get()));
  out.Set("staleEvents", big(env, counters.stale_events.get()));
  out.Set("sessions", big(env, counters.sessions.get()));
  out.Set("pipesOpen", big(env, counters.pipes_open.get()));
  out.Set("pipesBorrowed", big(env, counters.pipes_borrowed.get()));
  out.Set("pipeFailures", big(env, counters.pipe_failures.get()));
  out.Set("lowWaterRelays", big(env, counters.low_water_relays.get()));
  out.Set("lowWaterStalls", big(env, counters.low_water_stalls.get()));
  out.Set("bufferBytes", big(env, counters.buffer_bytes.get()));
  out.Set("records", big(env, counters.records.get()));
  out.Set("recordsDropped", big(env, counters.records_dropped.get()));
  return out;
}

const char* event_name(EventType type) {
  switch (type) {
    case EventType::kApplied: return "applied";
    case EventType::kBackendFailing: return "backend-failing";
    case EventType::kAcceptPaused: return "accept-paused";
    case EventType::kAcceptResumed: return "accept-resumed";
    case EventType::kSocketClosed: return "";  // Core's own
    case EventType::kDrained: return "drained";
    case EventType::kStopped: return "stopped";
  }
  return "";
}

}  // namespace

Napi::Value write_reading(Napi::Env env, const Reading& reading) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("generation", Napi::Number::New(env, static_cast<double>(reading.generation)));
  out.Set("eventsDropped", big(env, reading.events_dropped));
  Napi::Array listeners = Napi::Array::New(env);
  for (const auto& state : reading.listeners) listeners.Set(listeners.Length(), write_listener(env, *state));
  Napi::Array backends = Napi::Array::New(env);
  for (const auto& state : reading.backends) backends.Set(backends.Length(), write_backend(env, *state));
  Napi::Array workers = Napi::Array::New(env);
  for (const WorkerCounters* counters : reading.workers) workers.Set(workers.Length(), write_worker(env, *counters));
  out.Set("listeners", listeners);
  out.Set("backends", backends);
  out.Set("workers", workers);
  return out;
}

Napi::Value write_events(Napi::Env env, const std::vector<Event>& events) {
  Napi::Array out = Napi::Array::New(env, events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    const Event& event = events[i];
    Napi::Object js = Napi::Object::New(env);
    js.Set("type", Napi::String::New(env, event_name(event.type)));
    switch (event.type) {
      case EventType::kApplied: js.Set("generation", Napi::Number::New(env, static_cast<double>(event.value))); break;
      case EventType::kBackendFailing:
        js.Set("backend", Napi::Number::New(env, event.subject));
        js.Set("failures", Napi::Number::New(env, static_cast<double>(event.value)));
        break;
      case EventType::kAcceptPaused: {
        js.Set("listener", Napi::Number::New(env, event.subject));
        js.Set("worker", Napi::Number::New(env, event.worker));
        const char* name = strerrorname_np(static_cast<int>(event.value));
        js.Set("cause", Napi::String::New(env, name == nullptr ? "UNKNOWN" : name));
        break;
      }
      case EventType::kAcceptResumed: js.Set("worker", Napi::Number::New(env, event.worker)); break;
      case EventType::kSocketClosed:
      case EventType::kDrained:
      case EventType::kStopped: break;
    }
    out.Set(static_cast<uint32_t>(i), js);
  }
  return out;
}

Napi::Value write_sessions(Napi::Env env, const std::vector<SessionReport>& sessions) {
  Napi::Array out = Napi::Array::New(env, sessions.size());
  for (size_t i = 0; i < sessions.size(); ++i) {
    const SessionReport& s = sessions[i];
    Napi::Object js = Napi::Object::New(env);
    js.Set("id", big(env, s.id));
    js.Set("worker", Napi::Number::New(env, s.worker));
    js.Set("listener", Napi::Number::New(env, s.listener));
    js.Set("backend", Napi::Number::New(env, s.has_backend ? static_cast<double>(s.backend) : -1.0));
    js.Set("client", Napi::String::New(env, s.client));
    js.Set("ageMs", Napi::Number::New(env, static_cast<double>(s.age / kMillisecond)));
    js.Set("idleMs", Napi::Number::New(env, static_cast<double>(s.idle / kMillisecond)));
    js.Set("toBackendBytes", big(env, s.to_backend));
    js.Set("toClientBytes", big(env, s.to_client));
    js.Set("turns", Napi::Number::New(env, s.turns));
    out.Set(static_cast<uint32_t>(i), js);
  }
  return out;
}

}  // namespace ub
