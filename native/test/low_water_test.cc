// SPDX-License-Identifier: MIT
//
// Which streams get a low-water mark and what takes it from them, by a clock of the test's own; and one real stream
// that stops in the middle.
#include "proxy/low_water.h"

#include <cstring>
#include <memory>

#include "peers.h"

namespace ub::test {
namespace {

constexpr uint32_t kPiece = 64 * 1024;
constexpr uint64_t kToken = 7;

int mark_of(int fd) { return option_of(fd, SOL_SOCKET, SO_RCVLOWAT); }

/// One stream on a real socket, as a worker sees it.
struct Stream {
  explicit Stream(uint64_t number = kToken) : token(number) {
    const int plenty = 4 << 20;  // the kernel caps a mark at half the buffer; as root it lets us have one
    ::setsockopt(line.far.get(), SOL_SOCKET, SO_RCVBUFFORCE, &plenty, sizeof plenty);
  }
  Line line;
  Pace pace;
  uint64_t token;
  int fd() const { return line.far.get(); }
};

/// Lets `bytes` pass through each stream in turn, each at `per_second`; returns the time at the end.
Nanos pass(LowWater& low_water, std::vector<Stream*> streams, uint64_t bytes, uint64_t per_second, Nanos now) {
  for (uint64_t done = 0; done < bytes; done += kPiece) {
    for (Stream* stream : streams) low_water.passed(stream->pace, stream->fd(), stream->token, kPiece, now);
    now += kPiece * kSecond / per_second;
  }
  return now;
}

constexpr uint64_t kMega = 1'000'000;

}  // namespace

TEST(low_water_marks_a_stream_only_after_a_fast_stretch) {
  LowWater low_water;
  Stream stream;
  const Nanos now = pass(low_water, {&stream}, LowWater::kStretch - kPiece, 2000 * kMega, 1);
  CHECK_EQUAL(low_water.relays(), 0U);
  CHECK_EQUAL(mark_of(stream.fd()), 1);
  pass(low_water, {&stream}, 2 * kPiece, 2000 * kMega, now);
  CHECK_EQUAL(low_water.relays(), 1U);
  CHECK_EQUAL(mark_of(stream.fd()), static_cast<int>(LowWater::kMost));
}

TEST(low_water_is_not_for_slow_relays_nor_for_a_worker_with_time) {
  LowWater low_water;
  Stream alone;
  Nanos now = pass(low_water, {&alone}, 4 * LowWater::kStretch, 400 * kMega, 1);  // the worker has nothing else
  CHECK_EQUAL(low_water.relays(), 0U);
  std::vector<std::unique_ptr<Stream>> slow;
  std::vector<Stream*> all;
  for (uint64_t i = 1; i <= 8; ++i) {
    slow.push_back(std::make_unique<Stream>(i));
    all.push_back(slow.back().get());
  }
  now = pass(low_water, all, 2 * LowWater::kStretch, 100 * kMega, now);  // much together, little each
  CHECK_EQUAL(low_water.relays(), 0U);
  pass(low_water, all, 3 * LowWater::kStretch, 200 * kMega, now);
  CHECK_EQUAL(low_water.relays(), 8U);
  CHECK_EQUAL(mark_of(all[0]->fd()) % static_cast<int>(LowWater::kGrain), 0);
  CHECK(mark_of(all[0]->fd()) >= static_cast<int>(LowWater::kLeast) && mark_of(all[0]->fd()) <= 400'000);
}

TEST(low_water_follows_the_pace_and_leaves_a_stream_that_slows_down) {
  LowWater low_water;
  Stream stream;
  Nanos now = pass(low_water, {&stream}, LowWater::kStretch + kPiece, 2000 * kMega, 1);
  CHECK_EQUAL(mark_of(stream.fd()), static_cast<int>(LowWater::kMost));
  now = pass(low_water, {&stream}, LowWater::kStretch, 100 * kMega, now);
  CHECK_EQUAL(mark_of(stream.fd()), 1);
  CHECK_EQUAL(low_water.relays(), 0U);
  CHECK_EQUAL(low_water.stalls(), uint64_t{0});
}

TEST(low_water_forgives_one_stall_in_a_stretch_and_asks_for_more_after_the_second) {
  LowWater low_water;
  Stream stream;
  Nanos now = pass(low_water, {&stream}, LowWater::kStretch + kPiece, 2000 * kMega, 1);
  low_water.rest(stream.pace, true, now);
  CHECK_EQUAL(low_water.due(), now + LowWater::kStall);
  CHECK_EQUAL(low_water.overdue(now + LowWater::kStall - 1), uint64_t{0});
  now += LowWater::kStall;
  CHECK_EQUAL(low_water.overdue(now), kToken);
  CHECK_EQUAL(low_water.overdue(now), uint64_t{0});  // told once
  CHECK_EQUAL(low_water.due(), Nanos{0});
  low_water.stalled(stream.pace, stream.fd());
  CHECK_EQUAL(low_water.relays(), 1U);
  low_water.stalled(stream.pace, stream.fd());
  CHECK_EQUAL(low_water.relays(), 0U);
  CHECK_EQUAL(mark_of(stream.fd()), 1);
  CHECK_EQUAL(low_water.stalls(), uint64_t{2});
  now = pass(low_water, {&stream}, LowWater::kStretch + kPiece, 2000 * kMega, now);
  CHECK_EQUAL(low_water.relays(), 0U);
  pass(low_water, {&stream}, LowWater::kStretch, 2000 * kMega, now);
  CHECK_EQUAL(low_water.relays(), 1U);
}

TEST(low_water_waits_only_for_relays_that_wait) {
  LowWater low_water;
  Stream stream;
  const Nanos now = pass(low_water, {&stream}, LowWater::kStretch + kPiece, 2000 * kMega, 1);
  CHECK_EQUAL(low_water.due(), Nanos{0});
  low_water.rest(stream.pace, true, now);
  low_water.rest(stream.pace, false, now);
  CHECK_EQUAL(low_water.due(), Nanos{0});
}

TEST(low_water_has_so_many_seats_and_gets_them_back) {
  LowWater low_water;
  std::vector<std::unique_ptr<Stream>> streams;
  std::vector<Stream*> all;
  for (uint64_t i = 1; i <= LowWater::kSeats + 1; ++i) {
    streams.push_back(std::make_unique<Stream>(i));
    all.push_back(streams.back().get());
  }
  const Nanos now = pass(low_water, all, LowWater::kStretch + kPiece, 2000 * kMega, 1);
  CHECK_EQUAL(low_water.relays(), static_cast<uint32_t>(LowWater::kSeats));
  CHECK_EQUAL(mark_of(all.back()->fd()), 1);
  low_water.forget(all.front()->pace);
  pass(low_water, {all.back()}, LowWater::kStretch, 2000 * kMega, now);
  CHECK_EQUAL(low_water.relays(), static_cast<uint32_t>(LowWater::kSeats));
  CHECK(mark_of(all.back()->fd()) > 1);
}

/// However it got its mark: what a stream says before it falls silent arrives, and so does what it says after that.
TEST(a_stream_with_a_low_water_mark_may_stop_anywhere) {
  const std::string piece = words(5, 1 << 20);
  constexpr int kMostPieces = 2000;
  std::atomic<bool> marked{false};
  std::atomic<uint64_t> sent{0};
  Backend backend([&](Peer& peer) {
    peer.read(1);
    uint64_t bulk = 0;
    for (int i = 0; i < kMostPieces && !marked; ++i) {
      CHECK(peer.send(piece));
      bulk += piece.size();
    }
    sent = bulk;
    for (const char* word : {"one", "two", "three"}) {
      CHECK(peer.read(1) == ".");
      CHECK(peer.send(word));
    }
  });
  Core core;
  const uint16_t port = free_port();
  CHECK(core.apply(simple_snapshot(1, 1, port, {backend.port()})).has_value());
  const auto gauge = [&] { return core.read().workers.at(0)->low_water_relays.get(); };
  Peer client = connect_to(port);
  CHECK(client.send("x"));
  std::vector<char> room(1 << 20);
  uint64_t got = 0;
  int silent = 0;
  while (sent == 0 || got < sent) {
    pollfd waiting{client.fd(), POLLIN, 0};
    if (::poll(&waiting, 1, 10) != 1) {
      CHECK(++silent < 1000);
      continue;
    }
    silent = 0;
    const size_t at = got % piece.size();
    const ssize_t n = ::recv(client.fd(), room.data(), piece.size() - at, MSG_DONTWAIT);
    CHECK(n > 0 && std::memcmp(room.data(), piece.data() + at, static_cast<size_t>(n)) == 0);
    got += static_cast<uint64_t>(n);
    if (gauge() > 0) marked = true;
  }
  CHECK_EQUAL(got, sent.load());
  for (const std::string word : {"one", "two", "three"}) {
    CHECK(client.send("."));
    CHECK(client.read(word.size()) == word);
  }
  if (marked) {
    CHECK(core.read().workers.at(0)->low_water_stalls.get() > 0);
  } else {
    std::printf("  this machine is too slow for a stream to get a mark\n");
  }
  End end;
  client.read(1, &end);
  CHECK(end == End::kFin);
  core.stop();
  CHECK(await_event(core, EventType::kStopped));
}

}  // namespace ub::test
