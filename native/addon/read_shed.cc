// SPDX-License-Identifier: MIT
#include <cmath>

#include "addon/marshal.h"
#include "addon/reader.h"

namespace ub {
namespace {

constexpr double kMostRate = 1e6;
constexpr double kExact = 9007199254740991.0;

void read_pace(Reader& in, ShedSpec& spec) {
  const std::string first = in.text("first");
  spec.first = first == "oldest" ? ShedFirst::kOldest : ShedFirst::kIdle;
  if (in.ok() && spec.first == ShedFirst::kIdle && first != "idle") in.fail("first", "is not idle or oldest");
  spec.rate = in.number("rate", 0, kMostRate);
  spec.even = in.boolean("even");
  spec.min_idle = in.milliseconds("idleMs");
}

}  // namespace

bool read_pace(const Napi::Value& value, ShedSpec& spec, std::string& problem) {
  Reader in(value, "pace", problem);
  read_pace(in, spec);
  return in.ok();
}

bool read_shed(const Napi::Value& value, ShedSpec& spec, std::string& problem) {
  Reader in(value, "order", problem);
  const std::string scope = in.text("scope");
  spec.scope = scope == "listener" ? ShedScope::kListener : ShedScope::kBackend;
  if (in.ok() && spec.scope == ShedScope::kBackend && scope != "backend") {
    in.fail("scope", "is not listener or backend");
  }
  spec.slot = in.integer("slot", 0, 4294967295.0);
  read_pace(in, spec);
  const double most = in.number("most", 0, kExact);
  if (most > 0) spec.most = static_cast<uint64_t>(most);
  spec.patience = in.milliseconds("deadlineMs");
  spec.has_deadline = spec.patience != 0;
  spec.lifetime = in.milliseconds("lifetimeMs");
  const std::string reason = in.text("reason");
  spec.reason = reason == "rebalanced" ? CloseReason::kRebalanced : CloseReason::kDrained;
  if (in.ok() && spec.reason == CloseReason::kDrained && reason != "drained") {
    in.fail("reason", "is not drained or rebalanced");
  }
  return in.ok();
}

}  // namespace ub
