// SPDX-License-Identifier: MIT
//
// The native tests' own small harness: tests register themselves, CHECK ends the one that fails and says where.
// Random tests print their seed; UB_SEED repeats one.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace ub::test {

struct Case {
  const char* name;
  void (*run)();
};
std::vector<Case>& cases();

struct Registration {
  Registration(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

[[noreturn]] inline void fail(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
  std::exit(1);
}

uint64_t seed();

}  // namespace ub::test

#define TEST(name)                                                            \
  static void test_##name();                                                  \
  static const ::ub::test::Registration register_##name(#name, &test_##name); \
  static void test_##name()

#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) ::ub::test::fail(__FILE__, __LINE__, "not true: " #condition); \
  } while (false)

#define CHECK_EQUAL(left, right)                                                                        \
  do {                                                                                                  \
    const auto left_value = (left);                                                                     \
    const auto right_value = (right);                                                                   \
    if (!(left_value == right_value)) {                                                                 \
      ::ub::test::fail(__FILE__, __LINE__,                                                              \
                       std::string(#left " is ") + std::to_string(left_value) + ", not " #right " = " + \
                           std::to_string(right_value));                                                \
    }                                                                                                   \
  } while (false)
