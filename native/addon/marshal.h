// SPDX-License-Identifier: MIT
//
// JavaScript values to and from the data plane's own. Checks everything again, briefly: TypeScript validates for
// people, this validates for safety. Nothing of V8 is kept.
#pragma once

#include <string>
#include <vector>

#include "addon/napi_setup.h"
#include "proxy/core.h"
#include "proxy/snapshot.h"

namespace ub {

/// False when something is wrong: `problem` says what, and no exception is pending.
bool read_snapshot(const Napi::Value& value, Snapshot& snapshot, std::string& problem);
/// How a drain ends sessions before its deadline; an order to end sessions. As read_snapshot.
bool read_pace(const Napi::Value& value, ShedSpec& spec, std::string& problem);
bool read_shed(const Napi::Value& value, ShedSpec& spec, std::string& problem);
Napi::Value write_reading(Napi::Env env, const Reading& reading);
Napi::Value write_events(Napi::Env env, const std::vector<Event>& events);
Napi::Value write_sessions(Napi::Env env, const std::vector<SessionReport>& sessions);
Napi::Value write_records(Napi::Env env, const std::vector<SessionRecord>& records);
Napi::Value record_columns(Napi::Env env);

}  // namespace ub
