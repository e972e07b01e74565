// SPDX-License-Identifier: MIT
//
// The addon's surface, documented in src/engine/binding.ts: create, apply, read, drain, shed, stop, sessions, records,
// kill and a few constants here, listening sockets in handover.cc, calls about the process in process_calls.cc. All state is per
// environment, so worker_threads may load it; everything here runs on the environment's own thread, but for notify,
// which any worker may call.
#include <memory>
#include <vector>

#include "addon/exports.h"
#include "addon/js_error.h"
#include "addon/marshal.h"
#include "addon/napi_setup.h"
#include "proxy/core.h"

namespace ub {
namespace {

struct Handle;
void deliver(Napi::Env env, Napi::Function callback, Handle* handle, void* data);
using Doorman = Napi::TypedThreadSafeFunction<Handle, void, deliver>;

struct Handle {
  std::unique_ptr<Core> core;
  Doorman to_js;
  napi_env env = nullptr;
  bool released = false;  // the thread-safe function is given back: stopped, or about to go
  bool cleaned = false;   // the environment's hook has run
  bool orphaned = false;  // JavaScript has let go of a data plane that runs on

  static void notify(void* self) {
    // Not blocking, and refused once released: both are fine, the events wait to be collected.
    static_cast<Handle*>(self)->to_js.NonBlockingCall();
  }
  void release() {
    if (released) return;
    released = true;
    to_js.Release();
  }
};

const napi_type_tag kHandleTag = {0x7562616c616e6365ULL, 0x722d6c342d636f72ULL};

/// Runs on the environment's thread; env is null while it is torn down.
void deliver(Napi::Env env, Napi::Function callback, Handle* handle, void*) {
  if (env == nullptr || handle == nullptr || !handle->core) return;
  const std::vector<Event> events = handle->core->collect();
  if (events.empty() || callback.IsEmpty()) return;
  const napi_value argument = write_events(env, events);
  if (napi_call_function(env, env.Undefined(), callback, 1, &argument, nullptr) == napi_pending_exception) {
    // Node would swallow it with a warning; what a listener throws is an uncaught exception like any other.
    napi_value thrown = nullptr;
    if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
  }
  for (const Event& event : events) {
    if (event.type == EventType::kStopped) handle->release();
  }
}

/// Stops a data plane whose environment goes away, whatever state it is in. Calls no JavaScript and waits only for
/// loops to come round, which nothing delays. Registered after the thread-safe function is made: hooks run backwards,
/// so that one is still there.
void clean_up(void* data) {
  auto* handle = static_cast<Handle*>(data);
  handle->core.reset();
  handle->release();
  handle->cleaned = true;
  if (handle->orphaned) delete handle;  // else the finalizer of its External comes after this, and does
}

/// JavaScript has let go of the handle. A data plane that was never stopped goes on until its environment ends.
void collect_garbage(Napi::BasicEnv, Handle* handle) {
  if (!handle->released) {
    handle->orphaned = true;
    return;
  }
  if (!handle->cleaned) napi_remove_env_cleanup_hook(handle->env, &clean_up, handle);
  delete handle;
}

Handle* handle_of(const Napi::CallbackInfo& info) {
  if (info.Length() > 0 && info[0].IsExternal()) {
    auto external = info[0].As<Napi::External<Handle>>();
    if (external.CheckTypeTag(&kHandleTag)) return external.Data();
  }
  throw_type_error(info.Env(), "the first argument is not a core made by create()");
  return nullptr;
}

Napi::Value create(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsFunction()) {
    throw_type_error(env, "create(onEvents): onEvents is not a function");
    return env.Undefined();
  }
  auto handle = std::make_unique<Handle>();
  handle->to_js = Doorman::New(env, info[0].As<Napi::Function>(), "ultrabalancer-l4", 0, 1, handle.get());
  handle->core = std::make_unique<Core>(&Handle::notify, handle.get());
  handle->env = env;
  auto external = Napi::External<Handle>::New(env, handle.get(), &collect_garbage);
  external.TypeTag(&kHandleTag);
  napi_add_env_cleanup_hook(env, &clean_up, handle.release());
  return external;
}

Napi::Value apply(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Handle* handle = handle_of(info);
  if (handle == nullptr) return env.Undefined();
  Snapshot snapshot;
  std::string problem;
  if (!read_snapshot(info[1], snapshot, problem)) {
    if (!env.IsExceptionPending()) throw_type_error(env, problem);
    return env.Undefined();
  }
  const Status applied = handle->core->apply(std::move(snapshot));
  if (!applied.has_value()) to_js_error(env, applied.error()).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value read(const Napi::CallbackInfo& info) {
  Handle* handle = handle_of(info);
  return handle == nullptr ? info.Env().Undefined() : write_reading(info.Env(), handle->core->read());
}

Napi::Value drain(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Handle* handle = handle_of(info);
  if (handle == nullptr) return env.Undefined();
  const double ms = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : -1;
  if (!(ms >= 0)) {
    throw_type_error(env, "drain(core, deadlineMs): deadlineMs is not a number of milliseconds");
    return env.Undefined();
  }
  ShedSpec pace;
  std::string problem;
  if (!info[2].IsUndefined() && !read_pace(info[2], pace, problem)) {
    if (!env.IsExceptionPending()) throw_type_error(env, problem);
    return env.Undefined();
  }
  constexpr double kLongest = 9e12;  // three centuries
  handle->core->drain(ms < kLongest ? static_cast<Nanos>(ms * 1e6) : kForEver, pace);
  return env.Undefined();
}

Napi::Value shed(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Handle* handle = handle_of(info);
  if (handle == nullptr) return env.Undefined();
  ShedSpec spec;
  std::string problem;
  if (read_shed(info[1], spec, problem)) {
    handle->core->shed(spec);
  } else if (!env.IsExceptionPending()) {
    throw_type_error(env, problem);
  }
  return env.Undefined();
}

Napi::Value stop(const Napi::CallbackInfo& info) {
  if (Handle* handle = handle_of(info)) handle->core->stop();
  return info.Env().Undefined();
}

Napi::Value sessions(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Handle* handle = handle_of(info);
  if (handle == nullptr) return env.Undefined();
  const double limit = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : 0;
  if (!(limit >= 1 && limit <= 1e6)) {
    throw_type_error(env, "sessions(core, limit): limit is not a number from 1 to 1,000,000");
    return env.Undefined();
  }
  return write_sessions(env, handle->core->inspect(static_cast<size_t>(limit)));
}

Napi::Value records(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Handle* handle = handle_of(info);
  if (handle == nullptr) return env.Undefined();
  const double limit = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : 0;
  if (!(limit >= 1 && limit <= 1e5)) {
    throw_type_error(env, "records(core, limit): limit is not a number from 1 to 100,000");
    return env.Undefined();
  }
  return write_records(env, handle->core->take_records(static_cast<size_t>(limit)));
}

Napi::Value kill(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Handle* handle = handle_of(info);
  if (handle == nullptr) return env.Undefined();
  if (!info[1].IsNumber() || !info[2].IsBigInt()) {
    throw_type_error(env, "kill(core, worker, id): worker is a number, id a bigint");
    return env.Undefined();
  }
  bool lossless = false;
  handle->core->kill(info[1].As<Napi::Number>().Uint32Value(), info[2].As<Napi::BigInt>().Uint64Value(&lossless));
  return env.Undefined();
}

template <size_t kCount>
Napi::Array names(Napi::Env env, const char* const (&texts)[kCount]) {
  Napi::Array out = Napi::Array::New(env, kCount);
  for (size_t i = 0; i < kCount; ++i) out.Set(static_cast<uint32_t>(i), Napi::String::New(env, texts[i]));
  return out;
}

}  // namespace

Core* core_of(const Napi::CallbackInfo& info) {
  Handle* handle = handle_of(info);
  return handle == nullptr ? nullptr : handle->core.get();
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports.Set("abi", Napi::Number::New(env, 4));
  exports.Set("closeReasons", names(env, kCloseReasonNames));
  exports.Set("connectFailures", names(env, kConnectFailureNames));
  exports.Set("maxWorkers", Napi::Number::New(env, kMaxWorkers));
  Napi::Array bounds = Napi::Array::New(env, kLatencyBounds);
  for (size_t i = 0; i < kLatencyBounds; ++i) {
    bounds.Set(static_cast<uint32_t>(i), Napi::Number::New(env, static_cast<double>(kLatencyBoundsUs[i]) / 1e6));
  }
  exports.Set("latencyBounds", bounds);
  exports.Set("create", Napi::Function::New<create>(env, "create"));
  exports.Set("apply", Napi::Function::New<apply>(env, "apply"));
  exports.Set("read", Napi::Function::New<read>(env, "read"));
  exports.Set("drain", Napi::Function::New<drain>(env, "drain"));
  exports.Set("shed", Napi::Function::New<shed>(env, "shed"));
  exports.Set("stop", Napi::Function::New<stop>(env, "stop"));
  exports.Set("sessions", Napi::Function::New<sessions>(env, "sessions"));
  exports.Set("recordColumns", record_columns(env));
  exports.Set("records", Napi::Function::New<records>(env, "records"));
  exports.Set("kill", Napi::Function::New<kill>(env, "kill"));
  add_handover(env, exports);
  add_process_calls(env, exports);
  return exports;
}

}  // namespace ub

namespace {
Napi::Object initialise(Napi::Env env, Napi::Object exports) { return ub::initialise(env, exports); }
}  // namespace

NODE_API_MODULE(ultrabalancer_l4, initialise)
