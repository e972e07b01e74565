// SPDX-License-Identifier: MIT
//
// The data plane's own pick in a loop, for plans that the control plane has compiled. Reads plans from stdin,
// one a line: KIND BACKENDS MEMBERS TABLE, the last two as comma-separated numbers or "-"; writes one JSON
// line for each: nanoseconds per pick, and how evenly a while of picks was spread. Clients are random
// addresses; each place is given back after `kOpen` further picks, so that counts of sessions mean something; the clock of
// picks goes as at a high rate.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "proxy/picker.h"

namespace {

constexpr size_t kOpen = 1000;
constexpr size_t kBatch = 20'000;
constexpr ub::Nanos kApart = 50'000;  // between two picks, as the clock says: 20,000 a second

std::vector<uint16_t> numbers(const std::string& text) {
  std::vector<uint16_t> list;
  std::istringstream in(text);
  for (std::string n; std::getline(in, n, ',');) {
    if (n != "-") list.push_back(static_cast<uint16_t>(std::strtoul(n.c_str(), nullptr, 10)));
  }
  return list;
}

bool kind_of(const std::string& name, ub::PlanKind& kind) {
  const std::pair<const char*, ub::PlanKind> names[] = {
      {"sequence", ub::PlanKind::kSequence}, {"random", ub::PlanKind::kRandom}, {"two", ub::PlanKind::kTwo},
      {"least", ub::PlanKind::kLeast},       {"hash", ub::PlanKind::kHash},     {"ewma", ub::PlanKind::kEwma}};
  for (const auto& [text, value] : names) {
    if (name == text) {
      kind = value;
      return true;
    }
  }
  return false;
}

ub::Nanos now() {
  return static_cast<ub::Nanos>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}

/// Nanoseconds per pick in one batch; the picks are added to `counts`.
double batch(const ub::PoolSpec& pool, ub::Random& random, std::deque<ub::BackendState*>& open,
             std::vector<uint64_t>& counts, ub::Shortlist& shortlist) {
  const ub::Nanos from = now();
  for (size_t n = 0; n < kBatch; ++n) {
    ub::ClientKey client{};
    const uint32_t address = random.next();
    std::memcpy(client.bytes, &address, sizeof address);
    client.length = sizeof address;
    const ub::Picked picked = ub::pick(pool, client, {nullptr, 0}, random, from + n * kApart, &shortlist);
    if (picked.backend == nullptr) continue;
    counts[picked.backend->slot] += 1;
    open.push_back(picked.backend->state.get());
    if (open.size() > kOpen) {
      ub::release_place(*open.front());
      open.pop_front();
    }
  }
  return static_cast<double>(now() - from) / static_cast<double>(kBatch);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 0.2;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in(line);
    std::string kind, members, table;
    size_t backends = 0;
    in >> kind >> backends >> members >> table;
    ub::PoolSpec pool;
    if (!kind_of(kind, pool.kind) || backends == 0) return 2;
    pool.state = std::make_shared<ub::PoolState>();
    pool.members = numbers(members);
    pool.table = numbers(table);
    for (size_t n = 0; n < backends; ++n) {
      ub::BackendSpec backend;
      backend.slot = static_cast<uint32_t>(n);
      backend.state = std::make_shared<ub::BackendState>();
      backend.state->slot = backend.slot;
      backend.member = true;
      pool.backends.push_back(std::move(backend));
    }
    ub::Random random{0x5eed};
    std::deque<ub::BackendState*> open;
    std::vector<uint64_t> counts(backends);
    ub::Shortlist shortlist;
    batch(pool, random, open, counts, shortlist);
    std::fill(counts.begin(), counts.end(), 0);
    std::vector<double> each;
    for (const ub::Nanos until = now() + static_cast<ub::Nanos>(seconds * 1e9); now() < until || each.size() < 5;) {
      each.push_back(batch(pool, random, open, counts, shortlist));
    }
    std::sort(each.begin(), each.end());
    const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
    std::printf("{\"ns\":%.2f,\"samples\":%zu,\"picks\":%zu,\"least\":%llu,\"most\":%llu}\n", each[each.size() / 2],
                each.size(), each.size() * kBatch, static_cast<unsigned long long>(*least),
                static_cast<unsigned long long>(*most));
    std::fflush(stdout);
  }
  return 0;
}
