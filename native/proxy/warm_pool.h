// SPDX-License-Identifier: MIT
//
// Connections to backends made before a client asks (connection_pool). Each is handed to one client, fresh, never
// used; one that has ended or failed meanwhile is thrown away before anybody gets it, one that a backend greeted on
// keeps the greeting for its client. A backend that drops them soon is asked ever more seldom. Part of one worker.
#pragma once

#include "proxy/context.h"

namespace ub {

class WarmPool {
 public:
  explicit WarmPool(WorkerContext& context) : ctx_(context) {}

  /// A fresh connection with its place on the backend, or nullptr. The session that carries it becomes the client's.
  Session* take(WorkerBackend& backend);
  /// Something happened on a warm connection.
  void on_event(Session& session);
  void on_timer(Session& session);
  /// Makes what is missing. Called after a change and from time to time.
  void refill(WorkerBackend& backend);
  void refill_all();
  void close_all(WorkerBackend& backend);
  /// When refill_all has something to do again; 0 for never.
  Nanos due() const { return due_; }

 private:
  bool dial_one(WorkerBackend& backend);
  void throw_away(Session& session, bool failed);

  WorkerContext& ctx_;
  Nanos due_ = 0;
};

}  // namespace ub
