// SPDX-License-Identifier: MIT
//
// Runs the tests whose names contain the first argument, or all; each in a process of its own, so that one that
// crashes or leaks is told by name.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

#include "harness.h"

namespace ub::test {

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

uint64_t seed() {
  const char* given = std::getenv("UB_SEED");
  const uint64_t value =
      given != nullptr ? std::strtoull(given, nullptr, 10) : static_cast<uint64_t>(std::time(nullptr));
  std::fprintf(stderr, "  seed %llu\n", static_cast<unsigned long long>(value));
  return value;
}

}  // namespace ub::test

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  const char* wanted = argc > 1 ? argv[1] : "";
  int passed = 0;
  int failed = 0;
  for (const ub::test::Case& test : ub::test::cases()) {
    if (std::strstr(test.name, wanted) == nullptr) continue;
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      test.run();
      std::exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    const bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    std::printf("%s %s\n", ok ? "ok  " : "FAIL", test.name);
    std::fflush(stdout);
    ++(ok ? passed : failed);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
