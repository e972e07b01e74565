// SPDX-License-Identifier: MIT
//
// Records of ended sessions: the ring between two threads, and what a worker leaves in it.
#include <thread>

#include "base/ring.h"
#include "peers.h"

using namespace ub;
using namespace ub::test;

namespace {

constexpr uint32_t kCapacity = 8;

std::vector<int> take(Ring<int, kCapacity>& ring, size_t limit) {
  std::vector<int> out;
  ring.take(limit, [&](int item) { out.push_back(item); });
  return out;
}

bool put(Ring<int, kCapacity>& ring, int item) {
  int* place = ring.claim();
  if (place == nullptr) return false;
  *place = item;
  ring.publish();
  return true;
}

Snapshot recording(uint64_t generation, uint16_t port, std::vector<uint16_t> backends, uint32_t per_million,
                   uint64_t reasons = ~uint64_t{0}) {
  Snapshot snapshot = simple_snapshot(generation, 1, port, std::move(backends));
  snapshot.recording = {reasons, per_million};
  return snapshot;
}

void await_closed(const Core& core, uint64_t wanted) {
  for (int i = 0; i < 4000 && closed(core) < wanted; ++i) ::usleep(5000);
  CHECK_EQUAL(closed(core), wanted);
}

void one_session(uint16_t port) {
  Peer client = connect_to(port);
  client.send("x");
  CHECK(client.read(1) == "x");
  client.fin();
  client.read(1);
}

void stop_and_wait(Core& core) {
  core.stop();
  CHECK(await_event(core, EventType::kStopped));
}

}  // namespace

TEST(ring_hands_out_in_order_and_says_when_it_is_full) {
  Ring<int, kCapacity> ring;
  CHECK(ring.open() && ring.open());
  CHECK(take(ring, 10).empty());
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < static_cast<int>(kCapacity); ++i) CHECK(put(ring, round * 100 + i));
    CHECK(!put(ring, -1));
    CHECK((take(ring, 3) == std::vector<int>{round * 100, round * 100 + 1, round * 100 + 2}));
    CHECK(put(ring, round * 100 + 8));
    CHECK_EQUAL(take(ring, 100).size(), size_t{6});
    CHECK(take(ring, 1).empty());
  }
}

TEST(ring_loses_and_repeats_nothing_between_two_threads) {
  constexpr int kItems = 200'000;
  Ring<int, kCapacity> ring;
  CHECK(ring.open());
  std::thread putting([&] {
    for (int i = 0; i < kItems;) {
      if (put(ring, i)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  int wanted = 0;
  while (wanted < kItems) {
    if (ring.take(5, [&](int item) { CHECK_EQUAL(item, wanted++); }) == 0) std::this_thread::yield();
  }
  putting.join();
  CHECK(take(ring, 1).empty());
}

TEST(recorder_tells_of_a_session_what_it_was) {
  Backend backend(echo);
  Core core;
  const uint16_t port = free_port();
  CHECK(core.apply(recording(1, port, {backend.port()}, 1'000'000)).has_value());
  CHECK(await_event(core, EventType::kApplied));
  const Nanos before = wall_now();
  Peer client = connect_to(port);
  client.send("hello");
  CHECK(client.read(5) == "hello");
  client.fin();
  client.read(1);
  await_closed(core, 1);
  const std::vector<SessionRecord> records = core.take_records(10);
  CHECK_EQUAL(records.size(), size_t{1});
  const SessionRecord& record = records[0];
  CHECK(record.reason == CloseReason::kFinished && record.attempts == 1 && !record.failed_once && !record.warm);
  CHECK_EQUAL(record.listener, 1U);
  CHECK_EQUAL(record.pool, 2U);
  CHECK_EQUAL(record.backend, 1000U + backend.port());
  CHECK_EQUAL(record.to_backend, uint64_t{5});
  CHECK_EQUAL(record.to_client, uint64_t{5});
  CHECK_EQUAL(record.turns > 0, true);
  CHECK_EQUAL(record.first_ends, uint8_t{kEndedByFin});
  CHECK(client_text(record.client) == "127.0.0.1" && client_text(record.local) == "127.0.0.1");
  CHECK_EQUAL(record.local_port, port);
  CHECK(record.client_port != 0 && record.tcp[kClient].known && record.tcp[kBackend].known);
  CHECK(record.ended_at >= before && record.ended_at <= wall_now());
  CHECK(record.waited <= record.first_byte[kClient] && record.first_byte[kClient] <= record.first_byte[kBackend]);
  CHECK(record.first_byte[kBackend] <= record.duration && record.handshake <= record.waited);
  CHECK(record.longest_turn <= record.turns_took && record.turns_took <= record.duration);
  CHECK(core.take_records(10).empty());
  stop_and_wait(core);
}

TEST(recorder_is_off_unless_it_is_asked_for_and_follows_snapshots) {
  Backend backend(echo);
  Core core;
  const uint16_t port = free_port();
  const auto follow = [&](uint64_t generation, uint32_t per_million, uint64_t reasons) {
    CHECK(core.apply(recording(generation, port, {backend.port()}, per_million, reasons)).has_value());
    CHECK(await_event(core, EventType::kApplied));
  };
  follow(1, 0, ~uint64_t{0});
  one_session(port);
  await_closed(core, 1);
  CHECK(core.take_records(10).empty());
  follow(2, 1'000'000, uint64_t{1} << static_cast<unsigned>(CloseReason::kNoBackend));
  one_session(port);
  await_closed(core, 2);
  CHECK(core.take_records(10).empty());
  follow(3, 1'000'000, uint64_t{1} << static_cast<unsigned>(CloseReason::kFinished));
  one_session(port);
  await_closed(core, 3);
  CHECK_EQUAL(core.take_records(10).size(), size_t{1});
  stop_and_wait(core);
}

TEST(recorder_drops_and_counts_what_nobody_takes_and_sessions_go_on) {
  // No backend: each session is over at once, and there is nothing to wait for but the reset.
  constexpr uint64_t kSessions = Recorder::kCapacity + 100;
  Core core;
  const uint16_t port = free_port();
  CHECK(core.apply(recording(1, port, {}, 1'000'000)).has_value());
  for (uint64_t i = 0; i < kSessions; ++i) {
    Peer client = connect_to(port);
    if (client.fd() < 0) --i;  // the reset was faster than connect() could say so
  }
  for (int i = 0; i < 4000 && closed(core) < kSessions; ++i) ::usleep(5000);
  const uint64_t all = closed(core);
  CHECK(all >= kSessions);
  const WorkerCounters& counters = *core.read().workers[0];
  CHECK_EQUAL(counters.records.get(), uint64_t{Recorder::kCapacity});
  CHECK_EQUAL(counters.records_dropped.get(), all - Recorder::kCapacity);
  CHECK_EQUAL(core.take_records(100'000).size(), size_t{Recorder::kCapacity});
  stop_and_wait(core);
}

TEST(recorder_keeps_the_share_that_was_asked_for) {
  WorkerCounters counters;
  Recorder recorder(0, counters);
  recorder.follow({~uint64_t{0}, 1});
  CHECK(recorder.samples(0) && !recorder.samples(UINT32_MAX));
  recorder.follow({~uint64_t{0}, 250'000});
  uint32_t kept = 0;
  for (uint64_t word = 0; word < (uint64_t{1} << 32); word += 1 << 20) {
    kept += recorder.samples(static_cast<uint32_t>(word)) ? 1 : 0;
  }
  CHECK_EQUAL(kept, 1024U);  // of 4096 words, evenly spread
  recorder.follow({~uint64_t{0}, 1'000'000});
  CHECK(recorder.samples(0) && recorder.samples(UINT32_MAX));
}
