// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstring>

#include "addon/marshal.h"
#include "addon/reader.h"

namespace ub {
namespace {

constexpr double kAny = 4294967295.0;

TcpOptions read_options(Reader in) {
  TcpOptions o;
  o.no_delay = in.boolean("noDelay");
  o.quick_ack = in.boolean("quickAck");
  o.keep_alive = in.boolean("keepAlive");
  const auto seconds = [&](const char* key) { return static_cast<int>(std::ceil(in.number(key, 0, 32767e3) / 1000)); };
  o.keep_alive_idle_s = seconds("keepAliveIdleMs");
  o.keep_alive_interval_s = seconds("keepAliveIntervalMs");
  o.keep_alive_count = static_cast<int>(in.number("keepAliveCount", 0, 127));
  o.user_timeout_ms = static_cast<int>(in.number("userTimeoutMs", 0, 2147483647));
  o.defer_accept_s = seconds("deferAcceptMs");
  o.fast_open = static_cast<int>(in.number("fastOpen", 0, 65535));
  o.receive_buffer = static_cast<int>(in.number("receiveBuffer", 0, 1 << 30));
  o.send_buffer = static_cast<int>(in.number("sendBuffer", 0, 1 << 30));
  o.congestion = in.text("congestion");
  return o;
}

Address read_address(const Napi::Value& value, const std::string& path, std::string& problem) {
  Reader in(value, path, problem);
  const std::string host = in.text("host");
  const auto port = static_cast<uint16_t>(in.number("port", 1, 65535));
  if (!in.ok()) return {};
  const auto address = Address::parse(host, port);
  if (!address) in.fail("host", "is not a numeric address");
  return address.value_or(Address());
}

SessionTimeouts read_timeouts(Reader in) {
  SessionTimeouts t;
  t.connect = in.milliseconds("connectMs");
  t.read = in.milliseconds("readMs");
  t.write = in.milliseconds("writeMs");
  t.idle = in.milliseconds("idleMs");
  t.half_close = in.milliseconds("halfCloseMs");
  t.first_byte = in.milliseconds("firstByteMs");
  t.session = in.milliseconds("sessionMs");
  t.session_jitter = in.integer("sessionJitter", 0, 100);
  if (in.ok() && t.connect == 0) in.fail("connectMs", "is not a number in range");
  return t;
}

PlanKind read_kind(Reader& in) {
  static constexpr std::pair<const char*, PlanKind> kKinds[] = {
      {"sequence", PlanKind::kSequence}, {"random", PlanKind::kRandom}, {"two", PlanKind::kTwo},
      {"least", PlanKind::kLeast},       {"hash", PlanKind::kHash},     {"ewma", PlanKind::kEwma}};
  const std::string name = in.text("kind");
  for (const auto& [text, kind] : kKinds) {
    if (name == text) return kind;
  }
  in.fail("kind", "is no plan");
  return PlanKind::kSequence;
}

void read_plan(Reader in, PoolSpec& pool) {
  pool.kind = read_kind(in);
  in.each("members", [&](const Napi::Value& value, const std::string&) {
    const double n = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
    if (!(n >= 0 && n < static_cast<double>(pool.backends.size())) || n != std::floor(n)) {
      return in.fail("members", "names a backend that is not there");
    }
    BackendSpec& backend = pool.backends[static_cast<size_t>(n)];
    if (backend.member) return in.fail("members", "names a backend twice");
    backend.member = true;
    pool.members.push_back(static_cast<uint16_t>(n));
  });
  const Napi::Value table = in.get("table");
  if (!in.ok()) return;
  if (!table.IsTypedArray() || table.As<Napi::TypedArray>().TypedArrayType() != napi_uint16_array) {
    return in.fail("table", "is not a Uint16Array");
  }
  const auto entries = table.As<Napi::Uint16Array>();
  pool.table.assign(entries.Data(), entries.Data() + entries.ElementLength());
  const bool inside =
      std::all_of(pool.table.begin(), pool.table.end(), [&](uint16_t index) { return index < pool.backends.size(); });
  if (!inside) return in.fail("table", "names a backend that is not there");
  const bool needs_table = pool.kind != PlanKind::kLeast && pool.kind != PlanKind::kEwma && !pool.members.empty();
  if (needs_table && pool.table.empty()) in.fail("table", "is empty");
}

PoolSpec read_pool(const Napi::Value& value, const std::string& path, std::string& problem) {
  PoolSpec pool;
  Reader in(value, path, problem);
  pool.slot = in.integer("slot", 0, kAny);
  pool.name = in.text("name");
  in.each("backends", [&](const Napi::Value& entry, const std::string& at) {
    Reader backend_in(entry, at, problem);
    BackendSpec backend;
    backend.slot = backend_in.integer("slot", 0, kAny);
    backend.weight = std::max<uint32_t>(backend_in.integer("weight", 0, 65535), 1);
    backend.max_connections = backend_in.integer("maxConnections", 0, 2147483647);
    if (backend_in.ok()) backend.address = read_address(backend_in.get("address"), at + ".address", problem);
    pool.backends.push_back(std::move(backend));
  });
  if (in.ok() && pool.backends.size() > 65535) in.fail("backends", "are too many");
  if (in.ok()) read_plan(in.object("plan"), pool);
  if (in.ok()) pool.options = read_options(in.object("options"));
  pool.failure_threshold = in.integer("failureThreshold", 0, kAny);
  if (in.ok()) {
    Reader warm = in.object("preconnect");
    pool.warm_min = warm.integer("min", 0, 1e6);
    pool.warm_max = warm.integer("max", 0, 1e6);
    pool.warm_timeout = warm.milliseconds("timeoutMs");
    if (warm.ok() && pool.warm_min > pool.warm_max) warm.fail("min", "is above max");
  }
  return pool;
}

ListenerSpec read_listener(const Napi::Value& value, const std::string& path, const std::vector<PoolSpec>& pools,
                           std::string& problem) {
  ListenerSpec spec;
  Reader in(value, path, problem);
  spec.slot = in.integer("slot", 0, kAny);
  spec.name = in.text("name");
  in.each("addresses", [&](const Napi::Value& entry, const std::string& at) {
    spec.addresses.push_back(read_address(entry, at, problem));
  });
  const uint32_t pool = in.integer("pool", 0, kAny);
  const auto at = std::find_if(pools.begin(), pools.end(), [pool](const PoolSpec& p) { return p.slot == pool; });
  if (at == pools.end()) in.fail("pool", "is not there");
  spec.pool = static_cast<uint32_t>(at - pools.begin());
  spec.backlog = static_cast<int>(in.number("backlog", 1, 65535));
  spec.max_connections = in.integer("maxConnections", 0, 2147483647);
  spec.retries = in.integer("retries", 0, 255);
  spec.max_turns = in.integer("maxTurns", 0, kAny);
  spec.buffer_size = in.integer("bufferSize", 256, 1 << 24);
  spec.max_buffer_size = in.integer("maxBufferSize", 256, 1 << 24);
  if (in.ok() && spec.buffer_size > spec.max_buffer_size) in.fail("bufferSize", "is above maxBufferSize");
  spec.pipe_size = in.integer("pipeSize", 4096, 1 << 20);
  const std::string splice = in.text("splice");
  spec.splice = splice == "on" ? SpliceMode::kOn : splice == "off" ? SpliceMode::kOff : SpliceMode::kAuto;
  if (in.ok() && spec.splice == SpliceMode::kAuto && splice != "auto") in.fail("splice", "is not off, auto or on");
  if (in.ok()) spec.timeouts = read_timeouts(in.object("timeouts"));
  if (in.ok()) spec.options = read_options(in.object("options"));
  return spec;
}

/// Absent: none are recorded.
Recording read_recording(const Napi::Value& value, std::string& problem) {
  Recording recording;
  if (value.IsUndefined()) return recording;
  Reader in(value, "snapshot.recording", problem);
  recording.per_million = in.integer("perMillion", 0, 1e6);
  in.each("reasons", [&](const Napi::Value& reason, const std::string&) {
    const double n = reason.IsNumber() ? reason.As<Napi::Number>().DoubleValue() : -1;
    if (!(n >= 0 && n < static_cast<double>(kCloseReasons)) || n != std::floor(n)) {
      return in.fail("reasons", "are not numbers of close reasons");
    }
    recording.reasons |= uint64_t{1} << static_cast<unsigned>(n);
  });
  return recording;
}

template <typename T>
bool slots_differ(const std::vector<T>& items) {
  std::vector<uint32_t> slots;
  for (const T& item : items) slots.push_back(item.slot);
  std::sort(slots.begin(), slots.end());
  return std::adjacent_find(slots.begin(), slots.end()) == slots.end();
}

}  // namespace

bool read_snapshot(const Napi::Value& value, Snapshot& snapshot, std::string& problem) {
  Reader in(value, "snapshot", problem);
  snapshot.generation = static_cast<uint64_t>(in.number("generation", 1, 9007199254740991.0));
  snapshot.workers = in.integer("workers", 1, kMaxWorkers);
  in.each("cpus", [&](const Napi::Value& cpu, const std::string&) {
    if (!cpu.IsNumber()) return in.fail("cpus", "are not numbers");
    snapshot.cpus.push_back(cpu.As<Napi::Number>().Int32Value());
  });
  in.each("pools", [&](const Napi::Value& pool, const std::string& at) {
    snapshot.pools.push_back(read_pool(pool, at, problem));
  });
  in.each("listeners", [&](const Napi::Value& listener, const std::string& at) {
    snapshot.listeners.push_back(read_listener(listener, at, snapshot.pools, problem));
  });
  if (in.ok()) snapshot.recording = read_recording(in.get("recording"), problem);
  std::vector<BackendSpec> backends;
  for (const PoolSpec& pool : snapshot.pools)
    backends.insert(backends.end(), pool.backends.begin(), pool.backends.end());
  if (in.ok() && !(slots_differ(snapshot.pools) && slots_differ(snapshot.listeners) && slots_differ(backends))) {
    in.fail("", "uses a slot twice");
  }
  return in.ok();
}

}  // namespace ub
