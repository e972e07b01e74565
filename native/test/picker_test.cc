// SPDX-License-Identifier: MIT
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <map>
#include <thread>

#include "harness.h"
#include "proxy/hash.h"
#include "proxy/picker.h"

using namespace ub;

namespace {

PoolSpec make_pool(PlanKind kind, std::vector<uint32_t> weights, std::vector<uint16_t> table = {}) {
  PoolSpec pool;
  pool.state = std::make_shared<PoolState>();
  pool.kind = kind;
  for (size_t i = 0; i < weights.size(); ++i) {
    BackendSpec backend;
    backend.slot = static_cast<uint32_t>(i + 100);
    backend.state = std::make_shared<BackendState>();
    backend.state->slot = backend.slot;
    backend.weight = weights[i];
    backend.member = true;
    pool.backends.push_back(backend);
    pool.members.push_back(static_cast<uint16_t>(i));
    if (table.empty()) {
      for (uint32_t n = 0; n < weights[i]; ++n) pool.table.push_back(static_cast<uint16_t>(i));
    }
  }
  if (!table.empty()) pool.table = std::move(table);
  return pool;
}

ClientKey client(uint32_t n) {
  ClientKey key{};
  key.length = 4;
  for (int i = 0; i < 4; ++i) key.bytes[i] = static_cast<unsigned char>(n >> (8 * i));
  return key;
}

size_t index_of(const PoolSpec& pool, const BackendSpec* backend) {
  CHECK(backend != nullptr);
  return static_cast<size_t>(backend - pool.backends.data());
}

std::string picks(const PoolSpec& pool, int count, bool hold, Random& random) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    const Picked p = pick(pool, client(1), {nullptr, 0}, random, kSecond);
    out += static_cast<char>('A' + index_of(pool, p.backend));
    if (!hold) release_place(*p.backend->state);
  }
  return out;
}

}  // namespace

TEST(sequence_follows_its_table) {
  Random random(1);
  const PoolSpec pool = make_pool(PlanKind::kSequence, {5, 1, 1}, {0, 0, 1, 0, 2, 0, 0});
  CHECK(picks(pool, 14, false, random) == "AABACAAAABACAA");
}

TEST(sequence_is_exact_over_threads) {
  const PoolSpec pool = make_pool(PlanKind::kSequence, {3, 1}, {0, 0, 1, 0});
  std::atomic<int> counts[2] = {};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Random random(static_cast<uint64_t>(t));
      for (int i = 0; i < 1000; ++i) {
        const Picked p = pick(pool, client(1), {nullptr, 0}, random, kSecond);
        ++counts[index_of(pool, p.backend)];
        release_place(*p.backend->state);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK_EQUAL(counts[0].load(), 3000);
  CHECK_EQUAL(counts[1].load(), 1000);
}

TEST(limits_are_exact_over_threads_and_full_is_told) {
  PoolSpec pool = make_pool(PlanKind::kLeast, {1, 1});
  for (BackendSpec& b : pool.backends) b.max_connections = 3;
  std::atomic<uint32_t> most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Random random(static_cast<uint64_t>(t));
      for (int i = 0; i < 5000; ++i) {
        const Picked p = pick(pool, client(1), {nullptr, 0}, random, kSecond);
        if (p.backend == nullptr) {
          CHECK(p.full);
          continue;
        }
        const uint32_t open = p.backend->state->open.load();
        for (uint32_t seen = most.load(); open > seen && !most.compare_exchange_weak(seen, open);) {
        }
        release_place(*p.backend->state);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(most.load() <= 3);
  for (const BackendSpec& b : pool.backends) CHECK_EQUAL(b.state->open.load(), 0U);
  for (const BackendSpec& b : pool.backends) CHECK_EQUAL(b.state->active.load(), 0U);
  Random random(9);
  CHECK_EQUAL(picks(pool, 6, true, random).size(), size_t{6});
  const Picked none = pick(pool, client(1), {nullptr, 0}, random, kSecond);
  CHECK(none.backend == nullptr && none.full);
}

TEST(least_breaks_ties_in_turn_and_follows_weights) {
  Random random(1);
  const PoolSpec even = make_pool(PlanKind::kLeast, {1, 1, 1});
  CHECK(picks(even, 6, false, random) == "ABCABC");
  // With C busy, A and B still take turns.
  even.backends[2].state->active.store(5);
  CHECK(picks(even, 6, false, random) == "ABABAB");
  const PoolSpec heavy = make_pool(PlanKind::kLeast, {3, 1});
  const std::string held = picks(heavy, 40, true, random);
  CHECK_EQUAL(std::count(held.begin(), held.end(), 'A'), 30);
}

namespace {

/// The load that a pick of this one would make, exactly comparable.
uint64_t load_after(const BackendSpec& b) { return ((b.state->active.load() + uint64_t{1}) << 32) / b.weight; }

uint64_t least_load(const PoolSpec& pool) {
  uint64_t least = UINT64_MAX;
  for (uint16_t at : pool.members) {
    const BackendSpec& b = pool.backends[at];
    if (b.max_connections == 0 || b.state->open.load() < b.max_connections) least = std::min(least, load_after(b));
  }
  return least;
}

}  // namespace

TEST(least_of_many_takes_turns_with_a_list_as_without) {
  Random random(1);
  for (size_t size : {size_t{64}, size_t{65}, size_t{500}}) {
    const PoolSpec pool = make_pool(PlanKind::kLeast, std::vector<uint32_t>(size, 1));
    Shortlist list;
    for (size_t i = 0; i < 3 * size; ++i) {
      const Picked p = pick(pool, client(1), {nullptr, 0}, random, kSecond, &list);
      CHECK_EQUAL(index_of(pool, p.backend), i % size);
    }
    // One that is busier than the rest is passed over, by turns that go on.
    for (size_t i = 0; i < 3 * size; ++i) pool.backends[i % size].state->active.store(i % size == 7 ? 9 : 3);
    for (size_t i = 0; i < size - 1; ++i) {
      const Picked p = pick(pool, client(1), {nullptr, 0}, random, 2 * kSecond, &list);
      CHECK_EQUAL(index_of(pool, p.backend), i < 7 ? i : i + 1);
    }
  }
}

TEST(least_of_many_is_least_for_any_weights_limits_and_loads) {
  Random random(11);
  for (int round = 0; round < 30; ++round) {
    std::vector<uint32_t> weights;
    for (uint32_t i = 0, size = 65 + random.below(200); i < size; ++i) weights.push_back(1 + random.below(5));
    PoolSpec pool = make_pool(PlanKind::kLeast, weights, {0});
    for (BackendSpec& b : pool.backends) {
      const uint32_t busy = random.below(6);
      b.state->active.store(busy);
      b.state->open.store(busy);
      b.max_connections = random.below(3) == 0 ? busy + random.below(3) : 0;
    }
    Shortlist list;
    Nanos now = kSecond;
    std::vector<const BackendSpec*> held;
    for (int n = 0; n < 2000; ++n) {
      // Within a moment there are picks alone, so each of them has to be the best there is.
      if (n % 20 == 0) {
        now += Shortlist::kLasts;
        for (int k = 0; k < 15 && !held.empty(); ++k) {
          const size_t at = random.below(static_cast<uint32_t>(held.size()));
          release_place(*held[at]->state);
          held[at] = held.back();
          held.pop_back();
        }
      }
      const uint64_t least = least_load(pool);
      const Picked p = pick(pool, client(1), {nullptr, 0}, random, now, &list);
      CHECK(p.backend != nullptr);
      CHECK_EQUAL((uint64_t{p.backend->state->active.load()} << 32) / p.backend->weight, least);
      held.push_back(p.backend);
    }
  }
}

TEST(least_of_many_keeps_limits_over_threads_and_tells_when_all_are_full) {
  PoolSpec pool = make_pool(PlanKind::kLeast, std::vector<uint32_t>(100, 1));
  for (BackendSpec& b : pool.backends) b.max_connections = 2;
  std::atomic<uint32_t> most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Random random(static_cast<uint64_t>(t));
      Shortlist list;
      std::vector<BackendState*> held;
      for (int i = 0; i < 20'000; ++i) {
        const Nanos now = kSecond + static_cast<Nanos>(i) * 50'000;
        const Picked p = pick(pool, client(1), {nullptr, 0}, random, now, &list);
        CHECK(p.backend != nullptr || p.full);
        if (p.backend != nullptr) {
          const uint32_t open = p.backend->state->open.load();
          for (uint32_t seen = most.load(); open > seen && !most.compare_exchange_weak(seen, open);) {
          }
          held.push_back(p.backend->state.get());
        }
        if (held.size() > 60 || p.backend == nullptr) {
          for (BackendState* state : held) release_place(*state);
          held.clear();
        }
      }
      for (BackendState* state : held) release_place(*state);
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(most.load() <= 2);
  for (const BackendSpec& b : pool.backends) CHECK_EQUAL(b.state->open.load(), 0U);
  Random random(9);
  Shortlist list;
  for (int i = 0; i < 200; ++i) CHECK(pick(pool, client(1), {nullptr, 0}, random, kSecond, &list).backend != nullptr);
  const Picked none = pick(pool, client(1), {nullptr, 0}, random, kSecond, &list);
  CHECK(none.backend == nullptr && none.full);
}

TEST(least_of_many_passes_over_whom_a_session_has_tried) {
  Random random(12);
  const PoolSpec pool = make_pool(PlanKind::kLeast, std::vector<uint32_t>(80, 1));
  Shortlist list;
  for (uint32_t i = 0; i < 200; ++i) {
    const Picked first = pick(pool, client(1), {nullptr, 0}, random, kSecond, &list);
    const uint32_t tried[] = {first.backend->slot};
    release_place(*first.backend->state);
    const Picked second = pick(pool, client(1), {tried, 1}, random, kSecond, &list);
    CHECK(second.backend != nullptr && second.backend != first.backend);
    release_place(*second.backend->state);
  }
}

TEST(two_choices_stay_level) {
  Random random(3);
  const PoolSpec pool = make_pool(PlanKind::kTwo, {1, 1, 1, 1});
  const std::string held = picks(pool, 600, true, random);
  for (char name : {'A', 'B', 'C', 'D'}) {
    const auto count = std::count(held.begin(), held.end(), name);
    CHECK(count >= 145 && count <= 155);
  }
}

TEST(tried_and_removed_backends_are_passed_over_by_every_plan) {
  Random random(4);
  for (PlanKind kind :
       {PlanKind::kSequence, PlanKind::kRandom, PlanKind::kTwo, PlanKind::kLeast, PlanKind::kHash, PlanKind::kEwma}) {
    PoolSpec pool = make_pool(kind, {1, 1, 1, 1});
    pool.backends[3].member = false;
    pool.members.pop_back();
    const uint32_t tried[] = {pool.backends[0].slot, pool.backends[1].slot};
    for (uint32_t i = 0; i < 50; ++i) {
      const Picked p = pick(pool, client(i), {tried, 2}, random, kSecond);
      CHECK_EQUAL(index_of(pool, p.backend), size_t{2});
      release_place(*p.backend->state);
    }
    const uint32_t all[] = {pool.backends[0].slot, pool.backends[1].slot, pool.backends[2].slot};
    const Picked none = pick(pool, client(1), {all, 3}, random, kSecond);
    CHECK(none.backend == nullptr && !none.full);
  }
}

TEST(hash_keeps_a_client_where_it_was_when_others_go) {
  Random random(5);
  PoolSpec pool = make_pool(PlanKind::kHash, {1, 1, 1, 1, 1});
  std::vector<size_t> before;
  for (uint32_t i = 0; i < 500; ++i)
    before.push_back(index_of(pool, pick(pool, client(i), {nullptr, 0}, random, 0).backend));
  pool.backends[2].member = false;
  std::erase(pool.members, 2);
  std::map<size_t, int> orphans;
  for (uint32_t i = 0; i < 500; ++i) {
    const size_t now = index_of(pool, pick(pool, client(i), {nullptr, 0}, random, 0).backend);
    if (before[i] != 2) {
      CHECK_EQUAL(now, before[i]);
    } else {
      ++orphans[now];
    }
  }
  CHECK_EQUAL(orphans.size(), size_t{4});  // they spread over all that are left
}

TEST(hash_finds_the_one_survivor_of_many) {
  Random random(6);
  PoolSpec pool = make_pool(PlanKind::kHash, std::vector<uint32_t>(50, 1));
  for (size_t i = 0; i < 50; ++i) pool.backends[i].member = i == 17;
  pool.members = {17};
  for (uint32_t i = 0; i < 1000; ++i)
    CHECK_EQUAL(index_of(pool, pick(pool, client(i), {nullptr, 0}, random, 0).backend), size_t{17});
}

TEST(ewma_tries_everyone_then_prefers_the_quick_and_comes_back_to_the_slow) {
  Random random(7);
  const PoolSpec pool = make_pool(PlanKind::kEwma, {1, 1, 1});
  Nanos now = 1000 * kSecond;
  Nanos latency[] = {10 * kMillisecond, 100 * kMillisecond, 10 * kMillisecond};
  std::string order;
  const auto one = [&] {
    const Picked p = pick(pool, client(1), {nullptr, 0}, random, now);
    const size_t i = index_of(pool, p.backend);
    now += std::max<Nanos>(latency[i], kMillisecond);
    learn_latency(*p.backend->state, std::max<Nanos>(latency[i], 1), true, now);
    release_place(*p.backend->state);
    order += static_cast<char>('A' + i);
  };
  for (int i = 0; i < 100; ++i) one();
  for (char name : {'A', 'B', 'C'}) CHECK(order.find(name) != std::string::npos);
  CHECK(std::count(order.begin() + 20, order.end(), 'B') <= 8);
  latency[1] = 0;
  const Nanos changed = now;
  while (order.substr(order.size() - 20).find_first_not_of('B') != std::string::npos) {
    one();
    CHECK(now < changed + 25 * kSecond);
  }
}

TEST(ewma_does_not_send_a_herd_to_a_cold_backend) {
  Random random(8);
  const PoolSpec pool = make_pool(PlanKind::kEwma, {1, 1, 1});
  learn_latency(*pool.backends[0].state, kMillisecond, true, kSecond);
  learn_latency(*pool.backends[1].state, kMillisecond, true, kSecond);
  const std::string held = picks(pool, 30, true, random);  // nobody answers meanwhile
  CHECK(std::count(held.begin(), held.end(), 'C') <= 11);
}

TEST(hashes_equal_those_of_typescript) {
  std::ifstream file(UB_SOURCE_DIR "/test/fixtures/hash-vectors.json");
  CHECK(file.good());
  size_t count = 0;
  for (std::string line; std::getline(file, line);) {  // one vector a line
    char text[64];
    unsigned attempt = 0;
    unsigned value = 0;
    const char* form = R"( { "address": "%63[^"]", "attempt": %u, "value": %u)";
    if (std::sscanf(line.c_str(), form, text, &attempt, &value) != 3) continue;
    ++count;
    const auto address = Address::parse(text, 1);
    CHECK(address.has_value());
    sockaddr_storage storage{};
    __builtin_memcpy(&storage, address->get(), address->length());
    CHECK_EQUAL(hash_client(client_key(storage), attempt), value);
  }
  CHECK(count >= 10);
}
