// SPDX-License-Identifier: MIT
#include "addon/js_error.h"

#include <cstring>

namespace ub {

Napi::Error to_js_error(Napi::Env env, const Error& error) {
  const char* name = strerrorname_np(error.number);
  const std::string code = name == nullptr ? "UNKNOWN" : name;
  std::string message = std::string(error.call) + " " + code + ": " + strerrordesc_np(error.number);
  if (!error.address.empty()) {
    const bool v6 = error.address.find(':') != std::string::npos;
    message += " " + (v6 ? "[" + error.address + "]" : error.address) + ":" + std::to_string(error.port);
  }
  Napi::Error js = Napi::Error::New(env, message);
  js.Set("code", Napi::String::New(env, code));
  js.Set("errno", Napi::Number::New(env, -error.number));
  js.Set("syscall", Napi::String::New(env, error.call));
  if (!error.address.empty()) {
    js.Set("address", Napi::String::New(env, error.address));
    js.Set("port", Napi::Number::New(env, error.port));
  }
  return js;
}

void throw_type_error(Napi::Env env, const std::string& message) {
  Napi::TypeError error = Napi::TypeError::New(env, message);
  error.Set("code", Napi::String::New(env, "ERR_INVALID_ARG_TYPE"));
  error.ThrowAsJavaScriptException();
}

}  // namespace ub
