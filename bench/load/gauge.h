// SPDX-License-Identifier: MIT
//
// What the kernel has on the books: CPU time of the proxy's threads, of this process and of the whole
// machine, and memory. Read by the generator itself at the edges of the window, at the same moment as the
// units of work, so that no delay between processes gets into a figure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base.h"
#include "json.h"

namespace load {

struct ThreadTime {
  pid_t pid = 0;
  pid_t tid = 0;
  std::string name;
  uint64_t ns = 0;
};

struct Reading {
  Nanos at = 0;
  std::vector<ThreadTime> threads;  // of the proxy: schedstat, first number
  /// The processes' CPU clocks: the same time, kept by another counter that also remembers threads that are
  /// gone.
  uint64_t process_clock_ns = 0;
  uint64_t own_ns = 0;
  /// All CPUs together. Idle time is exact while the kernel stops its tick when idle; the rest follows from
  /// it.
  uint64_t idle_ns = 0;
  uint64_t steal_ns = 0;
  /// Of every task of the machine that is there: schedstat. Tasks that were started and ended in between show in `forks`.
  uint64_t tasks_ns = 0;
  uint64_t forks = 0;
};

Reading read_gauge(const std::vector<pid_t>& pids);

/// Writes the differences as fields of the object that is open.
void report_window(Json& json, const Reading& before, const Reading& after);

/// Descriptors that are open in the processes. Threads with a table of their own are counted by their own.
uint64_t open_descriptors(const std::vector<pid_t>& pids);

struct Memory {
  uint64_t pss = 0;
  uint64_t rss = 0;
  /// Bytes in the kernel's caches of what a TCP connection consists of. Of the whole machine.
  uint64_t slab = 0;
};

Memory read_memory(const std::vector<pid_t>& pids);

/// Sockets in TIME_WAIT in this network namespace.
uint64_t time_wait_sockets();

}  // namespace load
