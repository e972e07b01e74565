// SPDX-License-Identifier: MIT
//
// An ub::Error as Node spells errors: message, code, errno, syscall, and address and port where known.
#pragma once

#include "addon/napi_setup.h"
#include "base/result.h"

namespace ub {

Napi::Error to_js_error(Napi::Env env, const Error& error);
void throw_type_error(Napi::Env env, const std::string& message);

}  // namespace ub
