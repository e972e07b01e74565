// SPDX-License-Identifier: MIT
//
// Assertions. UB_CHECK guards what would corrupt other sessions and stays on in release builds; UB_DCHECK is for
// state machines and costs nothing there. Nothing that a peer can do may trip either.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace ub {

[[noreturn]] inline void check_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
  std::abort();
}

}  // namespace ub

#define UB_CHECK(condition) \
  (__builtin_expect(static_cast<bool>(condition), 1) ? void(0) : ::ub::check_failed(#condition, __FILE__, __LINE__))

#ifdef UB_DEBUG
#define UB_DCHECK(condition) UB_CHECK(condition)
#else
#define UB_DCHECK(condition) void(0)
#endif
