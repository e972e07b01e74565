// SPDX-License-Identifier: MIT
//
// CPU affinity, best effort: what cannot be pinned runs where the system likes.
#pragma once

#include <pthread.h>
#include <sched.h>

namespace ub {

inline bool pin_thread(pthread_t thread, int cpu) {
  if (cpu < 0 || cpu >= CPU_SETSIZE) return false;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  return pthread_setaffinity_np(thread, sizeof set, &set) == 0;
}

inline cpu_set_t own_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  pthread_getaffinity_np(pthread_self(), sizeof set, &set);
  return set;
}

inline void unpin_thread(pthread_t thread, const cpu_set_t& everywhere) {
  pthread_setaffinity_np(thread, sizeof everywhere, &everywhere);
}

}  // namespace ub
