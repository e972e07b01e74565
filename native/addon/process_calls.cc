// SPDX-License-Identifier: MIT
//
// System calls that Node has no function for: descriptors over Unix sockets, datagrams to a service manager, users and
// capabilities. Each is one call of net/ or base/ with its arguments checked; none waits.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "addon/exports.h"
#include "addon/js_error.h"
#include "base/privileges.h"
#include "net/local.h"

namespace ub {
namespace {

constexpr double kMostBytes = 1 << 20;

template <typename T>
Napi::Value failed(Napi::Env env, const Result<T>& result) {
  to_js_error(env, result.error()).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value refuse(Napi::Env env, const char* problem) {
  throw_type_error(env, problem);
  return env.Undefined();
}

int descriptor(const Napi::Value& value) { return value.IsNumber() ? value.As<Napi::Number>().Int32Value() : -1; }
std::string text(const Napi::Value& value) { return value.IsString() ? value.As<Napi::String>().Utf8Value() : ""; }

Napi::Value pair(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto ends = local_pair();
  if (!ends.has_value()) return failed(env, ends);
  Napi::Array out = Napi::Array::New(env, 2);
  out.Set(0U, Napi::Number::New(env, ends.value().first.release()));
  out.Set(1U, Napi::Number::New(env, ends.value().second.release()));
  return out;
}

Napi::Value send(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[1].IsBuffer() || !info[2].IsArray()) {
    return refuse(env, "send(socket, bytes, descriptors): bytes is a Buffer, descriptors a list");
  }
  const auto bytes = info[1].As<Napi::Buffer<char>>();
  const Napi::Array list = info[2].As<Napi::Array>();
  std::vector<int> descriptors;
  for (uint32_t i = 0; i < list.Length(); ++i) descriptors.push_back(descriptor(list.Get(i)));
  const auto sent = send_descriptors(descriptor(info[0]), {bytes.Data(), bytes.Length()}, descriptors);
  return sent.has_value() ? Napi::Number::New(env, static_cast<double>(sent.value())) : failed(env, sent);
}

Napi::Value receive(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const double most = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : 0;
  if (!(most >= 1 && most <= kMostBytes)) return refuse(env, "receive(socket, most): most is 1 to 1,048,576");
  auto parcel = receive_descriptors(descriptor(info[0]), static_cast<size_t>(most));
  if (!parcel.has_value()) return failed(env, parcel);
  Napi::Object out = Napi::Object::New(env);
  out.Set("bytes", Napi::Buffer<char>::Copy(env, parcel.value().bytes.data(), parcel.value().bytes.size()));
  Napi::Array descriptors = Napi::Array::New(env, parcel.value().descriptors.size());
  uint32_t at = 0;
  for (UniqueFd& fd : parcel.value().descriptors) descriptors.Set(at++, Napi::Number::New(env, fd.release()));
  out.Set("descriptors", descriptors);
  out.Set("ended", Napi::Boolean::New(env, parcel.value().ended));
  return out;
}

Napi::Value peer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto who = peer_of(descriptor(info[0]));
  if (!who.has_value()) return failed(env, who);
  Napi::Object out = Napi::Object::New(env);
  out.Set("pid", Napi::Number::New(env, who.value().pid));
  out.Set("user", Napi::Number::New(env, who.value().uid));
  return out;
}

Napi::Value duplicate(const Napi::CallbackInfo& info) {
  const int fd = ::fcntl(descriptor(info[0]), F_DUPFD_CLOEXEC, 0);
  if (fd >= 0) return Napi::Number::New(info.Env(), fd);
  return failed(info.Env(), Status(Error{errno, "fcntl", {}, 0}));
}

Napi::Value close_one(const Napi::CallbackInfo& info) {
  const int fd = descriptor(info[0]);
  if (fd > STDERR_FILENO) ::close(fd);
  return info.Env().Undefined();
}

Napi::Value tell(const Napi::CallbackInfo& info) {
  const Status sent = send_datagram(text(info[0]), text(info[1]));
  return sent.has_value() ? info.Env().Undefined() : failed(info.Env(), sent);
}

Napi::Value listens_on(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto address = listening_address(descriptor(info[0]));
  if (!address.has_value()) return env.Undefined();
  Napi::Object out = Napi::Object::New(env);
  out.Set("host", Napi::String::New(env, address.value().host()));
  out.Set("port", Napi::Number::New(env, address.value().port()));
  return out;
}

Napi::Value account(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto found = account_of(text(info[0]));
  if (!found.has_value()) return failed(env, found);
  Napi::Object out = Napi::Object::New(env);
  out.Set("user", Napi::Number::New(env, found.value().user));
  out.Set("group", Napi::Number::New(env, found.value().group));
  out.Set("name", Napi::String::New(env, found.value().name));
  return out;
}

Napi::Value group_number(const Napi::CallbackInfo& info) {
  const auto found = group_of_name(text(info[0]));
  return found.has_value() ? Napi::Number::New(info.Env(), found.value()) : failed(info.Env(), found);
}

Napi::Value become_account(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsNumber() || !info[1].IsNumber() || !info[2].IsString() || !info[3].IsBoolean()) {
    return refuse(env, "become(user, group, name, keepLowPorts)");
  }
  const Account wanted{info[0].As<Napi::Number>().Uint32Value(), info[1].As<Napi::Number>().Uint32Value(),
                       text(info[2])};
  const Status done = become(wanted, info[3].As<Napi::Boolean>().Value());
  return done.has_value() ? env.Undefined() : failed(env, done);
}

Napi::Value gain_nothing(const Napi::CallbackInfo& info) {
  const Status done = no_new_privileges();
  return done.has_value() ? info.Env().Undefined() : failed(info.Env(), done);
}

Napi::Value pass_low_ports(const Napi::CallbackInfo& info) {
  const bool on = info[0].IsBoolean() && info[0].As<Napi::Boolean>().Value();
  return Napi::Boolean::New(info.Env(), pass_on_low_ports(on));
}

}  // namespace

void add_process_calls(Napi::Env env, Napi::Object exports) {
  Napi::Object calls = Napi::Object::New(env);
  calls.Set("pair", Napi::Function::New<pair>(env, "pair"));
  calls.Set("send", Napi::Function::New<send>(env, "send"));
  calls.Set("receive", Napi::Function::New<receive>(env, "receive"));
  calls.Set("peer", Napi::Function::New<peer>(env, "peer"));
  calls.Set("duplicate", Napi::Function::New<duplicate>(env, "duplicate"));
  calls.Set("close", Napi::Function::New<close_one>(env, "close"));
  calls.Set("tell", Napi::Function::New<tell>(env, "tell"));
  calls.Set("listensOn", Napi::Function::New<listens_on>(env, "listensOn"));
  calls.Set("account", Napi::Function::New<account>(env, "account"));
  calls.Set("group", Napi::Function::New<group_number>(env, "group"));
  calls.Set("become", Napi::Function::New<become_account>(env, "become"));
  calls.Set("gainNothing", Napi::Function::New<gain_nothing>(env, "gainNothing"));
  calls.Set("passLowPorts", Napi::Function::New<pass_low_ports>(env, "passLowPorts"));
  exports.Set("process", calls);
}

}  // namespace ub
