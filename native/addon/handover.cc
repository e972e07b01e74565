// SPDX-License-Identifier: MIT
//
// What an upgrade does with the listening sockets of a data plane: adopt, setOwner, offer, letGo, steerAgain. Checks its
// arguments for safety; who may hand over what to whom is decided elsewhere.
#include <vector>

#include "addon/exports.h"
#include "addon/js_error.h"

namespace ub {
namespace {

Napi::Object write_address(Napi::Env env, const Address& address) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("host", Napi::String::New(env, address.host()));
  out.Set("port", Napi::Number::New(env, address.port()));
  return out;
}

Napi::Value adopt(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Core* core = core_of(info);
  if (core == nullptr) return env.Undefined();
  if (!info[1].IsNumber()) {
    throw_type_error(env, "adopt(core, descriptor): descriptor is not a number");
    return env.Undefined();
  }
  const Result<Address> address = core->listening().adopt(info[1].As<Napi::Number>().Int32Value());
  if (address.has_value()) return write_address(env, address.value());
  to_js_error(env, address.error()).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value set_owner(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Core* core = core_of(info);
  if (core == nullptr) return env.Undefined();
  if (!info[1].IsNumber() || !info[2].IsNumber()) {
    throw_type_error(env, "setOwner(core, user, group): user and group are numbers");
    return env.Undefined();
  }
  core->listening().set_owner({info[1].As<Napi::Number>().Uint32Value(), info[2].As<Napi::Number>().Uint32Value()});
  return env.Undefined();
}

Napi::Value offer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Core* core = core_of(info);
  if (core == nullptr) return env.Undefined();
  Result<std::vector<Listening::Offered>> offered = core->listening().offer();
  if (!offered.has_value()) {
    to_js_error(env, offered.error()).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::Array out = Napi::Array::New(env, offered.value().size());
  uint32_t at = 0;
  for (Listening::Offered& one : offered.value()) {
    Napi::Object entry = write_address(env, one.address);
    entry.Set("fd", Napi::Number::New(env, one.fd.release()));
    out.Set(at++, entry);
  }
  return out;
}

Napi::Value let_go(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Core* core = core_of(info);
  if (core == nullptr) return env.Undefined();
  std::vector<Address> addresses;
  const Napi::Array list = info[1].IsArray() ? info[1].As<Napi::Array>() : Napi::Array::New(env);
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value entry = list.Get(i);
    const Napi::Value host = entry.IsObject() ? entry.As<Napi::Object>().Get("host") : env.Undefined();
    const Napi::Value port = entry.IsObject() ? entry.As<Napi::Object>().Get("port") : env.Undefined();
    const uint32_t number = port.IsNumber() ? port.As<Napi::Number>().Uint32Value() : UINT32_MAX;
    const auto address = host.IsString() && number <= UINT16_MAX
                             ? Address::parse(host.As<Napi::String>().Utf8Value(), static_cast<uint16_t>(number))
                             : std::nullopt;
    if (!address) {
      throw_type_error(env, "letGo(core, addresses): an address is { host: numeric, port: 0 to 65535 }");
      return env.Undefined();
    }
    addresses.push_back(*address);
  }
  core->listening().let_go(addresses);
  return env.Undefined();
}

Napi::Value steer_again(const Napi::CallbackInfo& info) {
  if (Core* core = core_of(info)) core->listening().steer_again();
  return info.Env().Undefined();
}

}  // namespace

void add_handover(Napi::Env env, Napi::Object exports) {
  exports.Set("adopt", Napi::Function::New<adopt>(env, "adopt"));
  exports.Set("setOwner", Napi::Function::New<set_owner>(env, "setOwner"));
  exports.Set("offer", Napi::Function::New<offer>(env, "offer"));
  exports.Set("letGo", Napi::Function::New<let_go>(env, "letGo"));
  exports.Set("steerAgain", Napi::Function::New<steer_again>(env, "steerAgain"));
}

}  // namespace ub
