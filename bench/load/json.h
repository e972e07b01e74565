// SPDX-License-Identifier: MIT
//
// Writes one JSON value on one line. The caller keeps the structure right; this only places commas and
// quotes.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <type_traits>

namespace load {

class Json {
 public:
  Json& open(char bracket) {
    separate();
    text_ += bracket;
    fresh_ = true;
    return *this;
  }

  Json& close(char bracket) {
    text_ += bracket;
    fresh_ = false;
    return *this;
  }

  Json& key(const char* name) {
    separate();
    quote(name);
    text_ += ':';
    fresh_ = true;
    return *this;
  }

  Json& value(const std::string& text) {
    separate();
    quote(text);
    return *this;
  }

  template <typename T>
  requires std::is_arithmetic_v<T> Json& value(T number) {
    separate();
    if constexpr (std::is_same_v<T, bool>) {
      text_ += number ? "true" : "false";
    } else if constexpr (std::is_integral_v<T>) {
      text_ += std::to_string(number);
    } else {
      char buffer[32];
      std::snprintf(buffer, sizeof buffer, "%.9g", std::isfinite(number) ? static_cast<double>(number) : 0.0);
      text_ += buffer;
    }
    return *this;
  }

  template <typename T>
  Json& field(const char* name, const T& what) {
    return key(name).value(what);
  }

  void print() {
    text_ += '\n';
    std::fwrite(text_.data(), 1, text_.size(), stdout);
    std::fflush(stdout);
    text_.clear();
    fresh_ = true;
  }

 private:
  void separate() {
    if (!fresh_) text_ += ',';
    fresh_ = false;
  }

  void quote(const std::string& text) {
    text_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') {
        text_ += '\\';
        text_ += c;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        text_ += ' ';
      } else {
        text_ += c;
      }
    }
    text_ += '"';
  }

  std::string text_;
  bool fresh_ = true;
};

}  // namespace load
