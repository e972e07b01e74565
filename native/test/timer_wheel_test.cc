// SPDX-License-Identifier: MIT
#include <algorithm>
#include <map>
#include <memory>
#include <random>

#include "harness.h"
#include "net/timer_wheel.h"

using ub::kMillisecond;
using ub::kSecond;
using ub::Nanos;
using ub::Timer;
using ub::TimerWheel;

TEST(timers_fire_once_in_time_and_never_early) {
  for (const Nanos start : {Nanos{0}, Nanos{5 * kSecond + 1}, Nanos{4294967295ULL * kMillisecond - kSecond}}) {
    for (const Nanos delay : {Nanos{1}, kMillisecond, 127 * kMillisecond, 128 * kMillisecond, 129 * kMillisecond,
                              kSecond, 8 * kSecond + 3, 600 * kSecond}) {
      TimerWheel wheel(start);
      Timer timer;
      wheel.arm(timer, start + delay);
      Nanos now = start;
      int fired = 0;
      while (fired == 0) {
        const int wait = wheel.wait_ms(now);
        CHECK(wait >= 0);
        now += std::max<Nanos>(static_cast<Nanos>(wait) * kMillisecond, 100'000);
        wheel.advance(now, [&](Timer& t) {
          CHECK(&t == &timer);
          ++fired;
        });
        CHECK(fired == 0 || now >= start + delay);
        CHECK(now <= start + delay + 6 * kMillisecond || fired == 1);
      }
      CHECK_EQUAL(fired, 1);
      CHECK(!timer.armed());
      CHECK_EQUAL(wheel.wait_ms(now + kSecond), -1);
    }
  }
}

TEST(timers_cancelled_do_not_fire) {
  TimerWheel wheel(0);
  Timer kept;
  Timer gone;
  wheel.arm(gone, 50 * kMillisecond);
  wheel.arm(kept, 50 * kMillisecond);
  gone.cancel();
  std::vector<Timer*> fired;
  wheel.advance(kSecond, [&](Timer& t) { fired.push_back(&t); });
  CHECK(fired == std::vector<Timer*>{&kept});
}

TEST(timers_may_be_armed_and_cancelled_while_others_fire) {
  TimerWheel wheel(0);
  Timer a;
  Timer b;
  int fired = 0;
  wheel.arm(a, 10 * kMillisecond);
  wheel.arm(b, 10 * kMillisecond);
  wheel.advance(20 * kMillisecond, [&](Timer& t) {
    ++fired;
    (&t == &a ? b : a).cancel();
    wheel.arm(t, 100 * kMillisecond);
  });
  CHECK_EQUAL(fired, 1);
  wheel.advance(200 * kMillisecond, [&](Timer&) { ++fired; });
  CHECK_EQUAL(fired, 2);
}

TEST(arm_no_later_only_ever_brings_nearer) {
  TimerWheel wheel(0);
  Timer timer;
  wheel.arm(timer, kSecond);
  wheel.arm_no_later(timer, 2 * kSecond);
  CHECK_EQUAL(timer.tick, kSecond / TimerWheel::kTick);
  wheel.arm_no_later(timer, kSecond / 2);
  CHECK_EQUAL(timer.tick, kSecond / 2 / TimerWheel::kTick);
}

TEST(wheel_agrees_with_a_sorted_list) {
  std::mt19937_64 random(ub::test::seed());
  const Nanos start = random() % (1ULL << 50);
  TimerWheel wheel(start);
  std::vector<std::unique_ptr<Timer>> timers(300);
  std::map<Timer*, Nanos> model;
  for (auto& timer : timers) timer = std::make_unique<Timer>();
  Nanos now = start;
  const Nanos spans[] = {kMillisecond, 100 * kMillisecond, 10 * kSecond, 3000 * kSecond, 90'000 * kSecond};
  for (int step = 0; step < 20'000; ++step) {
    Timer* timer = timers[random() % timers.size()].get();
    switch (random() % 4) {
      case 0:
        timer->cancel();
        model.erase(timer);
        break;
      case 1:
      case 2: {
        const Nanos deadline = now + random() % spans[random() % 5];
        wheel.arm(*timer, deadline);
        model[timer] = deadline;
        break;
      }
      default:
        now += random() % spans[random() % 4];
        wheel.advance(now, [&](Timer& t) {
          const auto at = model.find(&t);
          CHECK(at != model.end());
          CHECK(at->second <= now);
          model.erase(at);
        });
        // What is due by more than a tick has fired; beyond the horizon a timer may fire early in ticks, never in time.
        for (const auto& [t, deadline] : model) CHECK(deadline + 2 * TimerWheel::kTick > now || t->armed());
        for (const auto& [t, deadline] : model) CHECK(deadline + 2 * TimerWheel::kTick > now);
    }
  }
}
