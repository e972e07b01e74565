// SPDX-License-Identifier: MIT
//
// The course of one trial, the same for every load: backends listen and are told on stdout; `go TARGET PIDS`
// comes on stdin (TARGET is an address, or `direct` for the backends themselves); connect; warm up; measure
// between two readings of the gauge; end in good order; print one line of JSON. A load fills in the parts.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "args.h"
#include "base.h"
#include "json.h"
#include "loop.h"
#include "sockets.h"

namespace load {

/// What all loads share. Lives as long as the process.
struct Trial {
  Loop loop;
  Errors errors;
  uint32_t net = 1;
  uint64_t seed = 1;
  std::vector<Endpoint> backends;
  std::vector<Endpoint> targets;  // the proxy, or all backends
  std::vector<pid_t> pids;        // of the proxy; empty when direct
  bool measuring = false;
  Nanos window_from = kNever;  // kNever until it opens
  Nanos window_to = kNever;
  /// Connections on which something was asked, by backend: probes ask nothing.
  std::vector<uint64_t> asked;

  const Endpoint& target(uint32_t n) const { return targets[n % targets.size()]; }
  bool in_window(Nanos t) const { return t >= window_from && t < window_to; }
};

class Load {
 public:
  virtual ~Load() = default;
  /// A connection to backend `backend` was accepted; takes the descriptor.
  virtual void accepted(int fd, uint32_t backend) = 0;
  virtual void connect() = 0;
  virtual bool connected() const = 0;
  virtual void begin(Nanos now) = 0;
  /// What is due; returns when to be called next.
  virtual Nanos on_time(Nanos) { return kNever; }
  /// No new work; what is under way finishes and both sides of every connection end.
  virtual void end() = 0;
  virtual bool ended() const = 0;
  /// Done so far, in the unit of the load.
  virtual uint64_t units() const = 0;
  virtual const char* unit() const = 0;
  virtual void report(Json& json) const = 0;
};

/// Backends of a trial: one listening socket per address, all on one port. Names them in the trial.
class Acceptors {
 public:
  Acceptors(Trial& trial, uint32_t count);
  ~Acceptors();
  void start(Load& load);

 private:
  class One;
  Trial& trial_;
  std::vector<std::unique_ptr<One>> all_;
};

/// Reads one line of commands while the loop goes on.
class Console : public Watched {
 public:
  Console() { fd = STDIN_FILENO; }
  void on_ready(uint32_t events) override;
  bool complete() const { return line.find('\n') != std::string::npos; }

  std::string line;
};

/// Prints the backends and waits for `go`; backends already answer meanwhile.
void wait_for_go(Trial& trial);

/// The whole course. Returns the exit code.
int run_trial(Trial& trial, Load& load, const Args& args);

void report_errors(Json& json, const Errors& errors);

}  // namespace load
