// SPDX-License-Identifier: MIT
//
// Orders to end sessions, over loopback: at which pace, whom first, whose, and who stays.
#include <algorithm>
#include <chrono>

#include "peers.h"

using namespace ub;
using namespace ub::test;

namespace {

/// Sessions that each have had a turn, and owe nothing.
std::vector<Peer> talk(uint16_t port, size_t count) {
  std::vector<Peer> clients;
  for (size_t i = 0; i < count; ++i) {
    clients.push_back(connect_to(port));
    CHECK(clients.back().send("a"));
    CHECK(clients.back().read(1) == "a");
  }
  return clients;
}

bool has_ended(const Peer& client) {
  char byte;
  return ::recv(client.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

size_t ended(const std::vector<Peer>& clients) {
  return static_cast<size_t>(std::count_if(clients.begin(), clients.end(), has_ended));
}

/// Until so many have ended; the answer is how many milliseconds that took.
int64_t await_ends(const std::vector<Peer>& clients, size_t count) {
  const Nanos began = monotonic_now();
  while (ended(clients) < count) {
    if (monotonic_now() - began > 20 * kSecond) fail(__FILE__, __LINE__, "sessions that were to be ended go on");
    ::usleep(1000);
  }
  return static_cast<int64_t>((monotonic_now() - began) / kMillisecond);
}

/// Nobody has ended before those who stand before it.
void check_in_order(const std::vector<Peer>& clients, const std::vector<size_t>& order) {
  for (size_t i = order.size(); i-- > 1;) {
    CHECK(!has_ended(clients[order[i]]) || has_ended(clients[order[i - 1]]));
  }
}

uint64_t closed_as(const Core& core, CloseReason reason) {
  uint64_t total = 0;
  for (const auto& state : core.read().listeners) {
    for (const auto& block : state->counters) total += block ? block->closed[static_cast<size_t>(reason)].get() : 0;
  }
  return total;
}

void stop_and_wait(Core& core) {
  core.stop();
  CHECK(await_event(core, EventType::kStopped));
}

}  // namespace

TEST(shed_rate_holds_over_all_workers) {
  Backend backend(echo);
  Core core;
  const uint16_t port = free_port();
  CHECK(core.apply(simple_snapshot(1, 2, port, {backend.port()})).has_value());
  const std::vector<Peer> clients = talk(port, 31);
  core.drain(60 * kSecond, {.rate = 40});
  // The first comes after one interval of 25 ms, and a late worker catches up with no more than 50 ms.
  CHECK(await_ends(clients, 31) >= 31 * 25 - 75);
  CHECK(await_event(core, EventType::kDrained));
  CHECK_EQUAL(closed_as(core, CloseReason::kDrained), uint64_t{31});
  stop_and_wait(core);
}

TEST(shed_evenly_is_done_before_the_deadline_and_not_at_once) {
  Backend backend(echo);
  Core core;
  const uint16_t port = free_port();
  CHECK(core.apply(simple_snapshot(1, 1, port, {backend.port()})).has_value());
  const std::vector<Peer> clients = talk(port, 20);
  core.drain(2 * kSecond, {.even = true});
  // Of 20 over 2 s the tenth is due after 0.95 s, each step being half as long or half as much again.
  CHECK(await_ends(clients, 10) >= 400);
  CHECK(ended(clients) < 20);
  await_ends(clients, 20);
  CHECK(await_event(core, EventType::kDrained));
  stop_and_wait(core);
}

TEST(shed_ends_the_longest_silent_first_and_the_busy_at_the_deadline) {
  Backend backend(echo);
  Core core;
  const uint16_t port = free_port();
  CHECK(core.apply(simple_snapshot(1, 1, port, {backend.port()})).has_value());
  std::vector<Peer> clients = talk(port, 4);
  // Heard of last in the order 2, 0, 3, 1.
  for (const size_t at : {2, 0, 3, 1}) {
    ::usleep(20'000);
    CHECK(clients[at].send("b") && clients[at].read(1) == "b");
  }
  Peer busy = connect_to(port);
  CHECK(busy.send("x") && busy.read(1) == "x");
  core.drain(6 * kSecond, {.rate = 5, .min_idle = 500 * kMillisecond});
  while (ended(clients) < 4) {
    CHECK(busy.send("x"));
    CHECK(busy.read(1) == "x");
    check_in_order(clients, {2, 0, 3, 1});
    ::usleep(2000);
  }
  size_t turns = 0;
  while (busy.send("x") && busy.read(1) == "x") {
    ++turns;
    ::usleep(20'000);
  }
  CHECK(turns > 5);
  CHECK(await_event(core, EventType::kDrained));
  CHECK_EQUAL(closed_as(core, CloseReason::kDrained), uint64_t{5});
  stop_and_wait(core);
}

TEST(shed_ends_the_oldest_whatever_they_are_doing) {
  Backend silent([](Peer& peer) { peer.read(100); });
  Core core;
  const uint16_t port = free_port();
  CHECK(core.apply(simple_snapshot(1, 1, port, {silent.port()})).has_value());
  std::vector<Peer> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(connect_to(port));
    CHECK(clients.back().send("an answer is owed"));
    ::usleep(20'000);
  }
  core.shed({.scope = ShedScope::kListener, .slot = 1, .first = ShedFirst::kOldest, .rate = 5});
  while (ended(clients) < 3) {
    check_in_order(clients, {0, 1, 2});
    ::usleep(1000);
  }
  stop_and_wait(core);
}

TEST(shed_of_a_backend_leaves_the_others_alone) {
  Backend one(echo);
  Backend two(echo);
  Core core;
  const uint16_t port = free_port();
  CHECK(core.apply(simple_snapshot(1, 2, port, {one.port(), two.port()})).has_value());
  const std::vector<Peer> clients = talk(port, 40);
  core.shed({.scope = ShedScope::kBackend, .slot = 1000U + one.port(), .has_deadline = true, .patience = kSecond / 10});
  await_ends(clients, 20);
  ::usleep(200'000);
  CHECK_EQUAL(ended(clients), size_t{20});
  for (const auto& state : core.read().backends) {
    uint64_t drained = 0;
    for (const auto& block : state->counters) drained += block ? block->drained.get() : 0;
    CHECK_EQUAL(drained, state->slot == 1000U + one.port() ? uint64_t{20} : uint64_t{0});
    CHECK_EQUAL(state->active.load(), state->slot == 1000U + one.port() ? 0U : 20U);
  }
  stop_and_wait(core);
}

TEST(shed_ends_no_more_than_it_is_told_and_is_forgotten) {
  Backend backend(echo);
  Core core;
  const uint16_t port = free_port();
  CHECK(core.apply(simple_snapshot(1, 2, port, {backend.port()})).has_value());
  const std::vector<Peer> clients = talk(port, 10);
  const uint32_t slot = 1000U + backend.port();
  core.shed({.scope = ShedScope::kBackend, .slot = slot, .rate = 100, .most = 3, .reason = CloseReason::kRebalanced});
  await_ends(clients, 3);
  ::usleep(200'000);
  CHECK_EQUAL(ended(clients), size_t{3});
  CHECK_EQUAL(closed_as(core, CloseReason::kRebalanced), uint64_t{3});
  // One that is over before the first is due, and one that is taken back.
  core.shed({.scope = ShedScope::kBackend, .slot = slot, .rate = 2, .lifetime = 50 * kMillisecond});
  ::usleep(700'000);
  CHECK_EQUAL(ended(clients), size_t{3});
  core.shed({.scope = ShedScope::kBackend, .slot = slot, .rate = 2});
  core.shed({.scope = ShedScope::kBackend, .slot = slot});
  ::usleep(700'000);
  CHECK_EQUAL(ended(clients), size_t{3});
  stop_and_wait(core);
}

TEST(shed_ends_more_than_a_turn_allows_in_several_turns) {
  Backend backend(echo);
  Core core;
  const uint16_t port = free_port();
  CHECK(core.apply(simple_snapshot(1, 1, port, {backend.port()})).has_value());
  const std::vector<Peer> clients = talk(port, Shedding::kMostEnded + 10);
  core.drain(0);
  await_ends(clients, clients.size());
  CHECK(await_event(core, EventType::kDrained));
  stop_and_wait(core);
}

TEST(slab_walks_in_slices) {
  Slab<uint64_t> slab;
  std::vector<uint32_t> kept;
  for (uint64_t i = 0; i < 1000; ++i) {
    const auto slot = slab.acquire();
    *slot.item = i;
    if (i >= 128 && i < 512) {
      kept.push_back(slot.index);  // so that chunks in the middle go away
    }
  }
  for (const uint32_t index : kept) slab.release(index);
  std::vector<uint64_t> seen;
  int steps = 0;
  for (uint32_t at = 0; at != slab.kEnd; ++steps) {
    uint32_t visited = 0;
    at = slab.walk(at, 100, [&](uint64_t& item) {
      seen.push_back(item);
      ++visited;
      return item != 700;  // an early stop loses nobody
    });
    CHECK(visited <= 100);
  }
  CHECK_EQUAL(seen.size(), size_t{1000 - 384});
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
  CHECK(steps >= 6);
}
