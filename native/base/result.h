// SPDX-License-Identifier: MIT
//
// Failure as a value: an errno and the call that gave it. Used where a failure is expected and told to people;
// the relay path uses plain enums instead. Named like std::expected so that it can be replaced by it.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace ub {

struct Error {
  int number = 0;         // errno
  const char* call = "";  // the system call, or what was being done
  std::string address;    // host of the address it was about, if any
  int port = 0;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor): returns read better
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return value_.has_value(); }
  T& value() { return *value_; }
  const T& value() const { return *value_; }
  const Error& error() const { return error_; }

 private:
  std::optional<T> value_;
  Error error_;
};

struct Done {};
using Status = Result<Done>;

}  // namespace ub
