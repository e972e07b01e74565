// SPDX-License-Identifier: MIT
//
// Fields of a JavaScript object, each checked for its type and range. The first problem is kept, with the path to where
// it is; everything after it is a no-op, so that a caller looks once, at the end. No exception is left pending.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "addon/napi_setup.h"
#include "base/clock.h"

namespace ub {

class Reader {
 public:
  Reader(const Napi::Value& value, std::string path, std::string& problem) : path_(std::move(path)), problem_(problem) {
    if (value.IsObject() && !value.IsArray()) {
      object_ = value.As<Napi::Object>();
    } else {
      fail("", "is not an object");
    }
  }

  bool ok() const { return problem_.empty(); }

  double number(const char* key, double least, double most) {
    const Napi::Value value = get(key);
    if (!ok()) return least;
    const double n = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
    if (!(n >= least && n <= most)) {
      fail(key, "is not a number in range");
      return least;
    }
    return n;
  }
  uint32_t integer(const char* key, double least, double most) {
    return static_cast<uint32_t>(number(key, least, most));
  }
  Nanos milliseconds(const char* key) { return static_cast<Nanos>(number(key, 0, 9e12) * 1e6); }
  bool boolean(const char* key) {
    const Napi::Value value = get(key);
    if (!ok()) return false;
    if (!value.IsBoolean()) fail(key, "is not a boolean");
    return ok() && value.As<Napi::Boolean>().Value();
  }
  std::string text(const char* key) {
    const Napi::Value value = get(key);
    if (!ok()) return {};
    if (!value.IsString()) {
      fail(key, "is not a string");
      return {};
    }
    return value.As<Napi::String>().Utf8Value();
  }
  Reader object(const char* key) { return Reader(get(key), path_ + "." + key, problem_); }

  template <typename F>
  void each(const char* key, F&& visit) {
    const Napi::Value value = get(key);
    if (!ok()) return;
    if (!value.IsArray()) return fail(key, "is not an array");
    const Napi::Array array = value.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length() && ok(); ++i) {
      visit(array.Get(i), path_ + "." + key + "[" + std::to_string(i) + "]");
    }
  }

  Napi::Value get(const char* key) { return ok() ? object_.Get(key) : Napi::Value(); }
  void fail(const char* key, const char* what) {
    if (ok()) problem_ = path_ + (*key == '\0' ? "" : ".") + key + " " + what;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::string& problem_;
  Napi::Object object_;
};

}  // namespace ub
