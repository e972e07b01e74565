// SPDX-License-Identifier: MIT
//
// What the files of the addon know of one another. Calls come on the environment's own thread.
#pragma once

#include "addon/napi_setup.h"
#include "proxy/core.h"

namespace ub {

/// Of the first argument. Null with an exception pending when it is none.
Core* core_of(const Napi::CallbackInfo& info);

/// Listening sockets that come from another process or go to one.
void add_handover(Napi::Env env, Napi::Object exports);
/// Descriptors, Unix sockets, users and capabilities: nothing of a data plane.
void add_process_calls(Napi::Env env, Napi::Object exports);

}  // namespace ub
