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
