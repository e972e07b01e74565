// SPDX-License-Identifier: MIT
//
// The whole core over loopback: these run under the address and thread sanitizers.
#include <dirent.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <random>

#include "peers.h"

using namespace ub;
using namespace ub::test;

namespace {

size_t descriptors() {
  size_t count = 0;
  DIR* folder = opendir("/proc/self/fd");
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

/// Threads of this process.
size_t tasks() {
  size_t count = 0;
  DIR* folder = opendir("/proc/self/task");
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count - 2;  // without . and ..
}

/// What /proc says of the CPUs of the worker with that number.
std::string cpus_of_worker(int number) {
  const std::string wanted = "ub-worker-" + std::to_string(number) + "\n";
  DIR* folder = opendir("/proc/self/task");
  std::string cpus;
  while (const dirent* entry = readdir(folder)) {
    const std::string task = std::string("/proc/self/task/") + entry->d_name;
    std::ifstream name(task + "/comm");
    std::string text((std::istreambuf_iterator<char>(name)), {});
    if (text != wanted) continue;
    std::ifstream status(task + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("Cpus_allowed_list:", 0) == 0) cpus = line.substr(line.find('\t') + 1);
    }
  }
  closedir(folder);
  return cpus;
}

void stop_and_wait(Core& core) {
  core.stop();
  CHECK(await_event(core, EventType::kStopped));
}

}  // namespace

TEST(core_relays_both_ways_and_passes_each_end) {
  for (SpliceMode splice : {SpliceMode::kOff, SpliceMode::kAuto, SpliceMode::kOn}) {
    const std::string answer = words(2, 3'000'000);
    Backend backend([&](Peer& peer) {
      End end;
      const std::string request = peer.read(10'000'000, &end);
      CHECK(end == End::kFin && request == words(1, 2'000'000));
      peer.send(answer);
    });
    Core core;
    const uint16_t port = free_port();
    CHECK(core.apply(simple_snapshot(1, 1, port, {backend.port()}, splice)).has_value());
    Peer client = connect_to(port);
    CHECK(client.send(words(1, 2'000'000)));
    client.fin();
    End end;
    CHECK(client.read(10'000'000, &end) == answer);
    CHECK(end == End::kFin);
    client.close();
    for (int i = 0; i < 400 && closed(core) == 0; ++i) ::usleep(5000);
    CHECK_EQUAL(closed(core), uint64_t{1});
    stop_and_wait(core);
  }
}

TEST(core_passes_resets_after_the_bytes_before_them) {
  for (SpliceMode splice : {SpliceMode::kOff, SpliceMode::kOn}) {
    Backend backend([&](Peer& peer) {
      peer.read(1);
      peer.send(words(3, 100'000));
      int queued = 1;
      while (queued > 0) queued = static_cast<int>(unacknowledged(peer.fd()));
      peer.abort();
    });
    Core core;
    const uint16_t port = free_port();
    CHECK(core.apply(simple_snapshot(1, 1, port, {backend.port()}, splice)).has_value());
    Peer client = connect_to(port);
    client.send("x");
    ::usleep(50'000);
    End end;
    CHECK(client.read(1'000'000, &end) == words(3, 100'000));
    CHECK(end == End::kReset);
    stop_and_wait(core);
  }
}

TEST(core_refuses_a_port_that_somebody_has_and_leaves_nothing_behind) {
  uint16_t taken = 0;
  const int holder = listen_anywhere(&taken);
  const int one = 1;
  setsockopt(holder, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);  // even one that would share it
  Core core;
  const uint16_t port = free_port();
  const size_t before = descriptors();
  Snapshot snapshot = simple_snapshot(1, 2, port, {9});
  snapshot.listeners[0].addresses.push_back(*Address::parse("127.0.0.1", taken));
  const Status applied = core.apply(std::move(snapshot));
  CHECK(!applied.has_value() && applied.error().number == EADDRINUSE && applied.error().port == taken);
  CHECK_EQUAL(descriptors(), before);
  CHECK(connect_to(port).fd() < 0);
  ::close(holder);
  CHECK(core.apply(simple_snapshot(1, 2, port, {9})).has_value());
  stop_and_wait(core);
}

TEST(core_starts_and_stops_without_leaving_descriptors_or_threads) {
  const uint16_t port = free_port();
  size_t before = 0;
  for (int round = 0; round < 20; ++round) {
    {
      Core core;
      CHECK(core.apply(simple_snapshot(1, 2, port, {9})).has_value());
      if (round % 2 == 0) stop_and_wait(core);
    }
    if (round == 0) before = descriptors();
  }
  CHECK_EQUAL(descriptors(), before);
}

TEST(core_takes_back_threads_when_not_all_can_be_had) {
  if (geteuid() != 0) return;  // the limit is one of a user, and only root can become a user who has no other threads
  CHECK_EQUAL(setresuid(61'234, 61'234, 61'234), 0);
  CHECK_EQUAL(prctl(PR_SET_DUMPABLE, 1), 0);  // else /proc/self is root's
  const uint16_t port = free_port();
  Core core;
  CHECK(core.apply(simple_snapshot(1, 1, port, {9})).has_value());
  CHECK(await_event(core, EventType::kApplied));
  const size_t threads = tasks();
  const size_t open = descriptors();
  rlimit before{};
  CHECK_EQUAL(getrlimit(RLIMIT_NPROC, &before), 0);
  const rlimit few{std::min<rlim_t>(before.rlim_max, threads + 3), before.rlim_max};
  CHECK_EQUAL(setrlimit(RLIMIT_NPROC, &few), 0);
  const Status refused = core.apply(simple_snapshot(2, 12, port, {9}));
  CHECK(!refused.has_value() && std::string(refused.error().call) == "pthread_create");
  CHECK_EQUAL(tasks(), threads);
  CHECK(descriptors() <= open + 2 * 12);  // what a worker waits by, for when it is wanted again; no listening socket
  CHECK_EQUAL(core.read().workers.size(), size_t{1});
  CHECK_EQUAL(core.read().generation, uint64_t{1});
  CHECK_EQUAL(setrlimit(RLIMIT_NPROC, &before), 0);
  CHECK(core.apply(simple_snapshot(3, 12, port, {9})).has_value());
  CHECK(await_event(core, EventType::kApplied));
  CHECK_EQUAL(core.read().workers.size(), size_t{12});
  stop_and_wait(core);
}

// A worker used to forget a listener between the snapshot that had it no more and the order to close its sockets, which then
// was obeyed with what it had forgotten.
TEST(core_opens_and_closes_a_listener_over_and_over_with_clients_in_its_queue) {
  Backend backend([](Peer& peer) { peer.send("there"); });
  const uint16_t stays = free_port();
  // An address that nobody connects from: a client of anybody else's would take the port while it is free.
  const char* host = "127.77.7.7";
  const uint16_t comes = free_port();
  Core core;
  for (uint32_t round = 0; round < 300; ++round) {
    Snapshot with = simple_snapshot(2 * round + 1, 1 + round % 3, stays, {backend.port()});
    with.listeners.push_back(with.listeners[0]);
    with.listeners[1].slot = 10 + round;
    with.listeners[1].addresses = {*Address::parse(host, comes)};
    CHECK(core.apply(std::move(with)).has_value());
    Peer queued = connect_to(comes, host);
    CHECK(queued.fd() >= 0);
    CHECK(core.apply(simple_snapshot(2 * round + 2, 1 + round % 3, stays, {backend.port()})).has_value());
    CHECK(queued.read(5) == "there");
    // The next round's client must not stand in the queue of a socket that is about to close.
    for (int i = 0; i < 2000 && connect_to(comes, host).fd() >= 0; ++i) ::usleep(1000);
  }
  stop_and_wait(core);
}

TEST(core_pins_workers_and_lets_them_go_again) {
  Core core;
  const uint16_t port = free_port();
  CHECK(core.apply(simple_snapshot(1, 1, port, {9})).has_value());
  const std::string everywhere = cpus_of_worker(0);
  CHECK(!everywhere.empty());
  Snapshot pinned = simple_snapshot(2, 1, port, {9});
  pinned.cpus = {std::atoi(everywhere.c_str())};
  CHECK(core.apply(std::move(pinned)).has_value());
  CHECK(cpus_of_worker(0) == std::to_string(std::atoi(everywhere.c_str())));
  CHECK(core.apply(simple_snapshot(3, 1, port, {9})).has_value());
  CHECK(cpus_of_worker(0) == everywhere);
  stop_and_wait(core);
}

TEST(core_drains_what_is_open_and_what_waits_to_be_accepted) {
  Backend backend(echo);
  Core core;
  const uint16_t port = free_port();
  CHECK(core.apply(simple_snapshot(1, 2, port, {backend.port()})).has_value());
  std::vector<Peer> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(connect_to(port));
  core.drain(20 * kSecond);
  for (Peer& client : clients) {
    CHECK(client.send("hello"));
    CHECK(client.read(5) == "hello");
  }
  CHECK(connect_to(port).fd() < 0);
  clients.clear();
  CHECK(await_event(core, EventType::kDrained));
  stop_and_wait(core);
}

TEST(core_ends_what_is_left_at_the_drain_deadline) {
  Backend backend(echo);
  Core core;
  const uint16_t port = free_port();
  CHECK(core.apply(simple_snapshot(1, 1, port, {backend.port()})).has_value());
  Peer client = connect_to(port);
  client.send("a");
  CHECK(client.read(1) == "a");
  core.drain(100 * kMillisecond);
  End end;
  CHECK(client.read(10, &end).empty());
  CHECK(end == End::kFin);
  CHECK(await_event(core, EventType::kDrained));
  stop_and_wait(core);
}

/// Many clients with every kind of end, while workers come and go and backends change; then everything adds up.
TEST(core_keeps_count_through_churn_and_reloads) {
  std::mt19937_64 random(seed());
  Backend one(echo);
  Backend two(echo);
  Core core;
  const uint16_t port = free_port();
  CHECK(core.apply(simple_snapshot(1, 2, port, {one.port(), two.port()})).has_value());
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> made{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t, start = random()] {
      std::mt19937_64 mine(start);
      while (!stop) {
        Peer client = connect_to(port);
        if (client.fd() < 0) fail(__FILE__, __LINE__, "refused while it serves");
        ++made;
        const size_t sizes[] = {1, 64, 5000, 200'000};
        const std::string data = words(static_cast<uint64_t>(t) + mine() % 1000, sizes[mine() % 4]);
        std::thread sender([&] { client.send(data); });
        const std::string back = client.read(data.size());
        sender.join();
        if (back != data) fail(__FILE__, __LINE__, "other bytes came back than were sent");
        switch (mine() % 3) {
          case 0: client.abort(); break;
          case 1:
            client.fin();
            client.read(1);
            break;
          default: break;
        }
      }
    });
  }
  for (uint64_t generation = 2; generation < 30; ++generation) {
    ::usleep(30'000);
    const auto workers = static_cast<uint32_t>(1 + random() % 3);
    std::vector<uint16_t> backends{one.port()};
    if (random() % 2 == 0) backends.push_back(two.port());
    CHECK(core.apply(simple_snapshot(generation, workers, port, backends)).has_value());
    core.collect();
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  for (int i = 0; i < 1000 && closed(core) != made; ++i) ::usleep(5000);
  CHECK_EQUAL(accepted(core), made.load());
  CHECK_EQUAL(closed(core), made.load());
  const Reading reading = core.read();
  for (const auto& state : reading.listeners) CHECK_EQUAL(state->active.load(), 0U);
  for (const auto& state : reading.backends) CHECK_EQUAL(state->open.load(), 0U);
  stop_and_wait(core);
}

TEST(core_keeps_fresh_connections_ready_and_never_lends_one_twice) {
  std::atomic<int> connections{0};
  Backend backend([&](Peer& peer) {
    ++connections;
    const std::string first = peer.read(1);
    if (first.empty()) return;
    peer.send(first);
    CHECK(peer.read(1).empty());  // nobody else's byte follows
  });
  Core core;
  const uint16_t port = free_port();
  Snapshot snapshot = simple_snapshot(1, 1, port, {backend.port()});
  snapshot.pools[0].warm_min = 3;
  snapshot.pools[0].warm_max = 6;
  snapshot.pools[0].warm_timeout = 60 * kSecond;
  CHECK(core.apply(std::move(snapshot)).has_value());
  for (int i = 0; i < 400 && connections < 3; ++i) ::usleep(5000);
  CHECK_EQUAL(connections.load(), 3);
  for (int i = 0; i < 30; ++i) {
    Peer client = connect_to(port);
    CHECK(client.send("q"));
    CHECK(client.read(1) == "q");
  }
  uint64_t used = 0;
  for (const auto& state : core.read().backends) {
    for (const auto& block : state->counters) used += block ? block->warm_used.get() : 0;
  }
  CHECK(used >= 3);
  stop_and_wait(core);
}

TEST(core_throws_away_warm_connections_that_the_backend_has_dropped) {
  Backend dropping([](Peer& peer) {
    peer.send("bye\n");  // a greeting, then the end: as servers do that time idle connections out
    peer.fin();
    peer.read(1);
  });
  Core core;
  const uint16_t port = free_port();
  Snapshot snapshot = simple_snapshot(1, 1, port, {dropping.port()});
  snapshot.pools[0].warm_min = snapshot.pools[0].warm_max = 2;
  CHECK(core.apply(std::move(snapshot)).has_value());
  ::usleep(300'000);
  for (int i = 0; i < 10; ++i) {
    Peer client = connect_to(port);
    End end;
    CHECK(client.read(100, &end) == "bye\n");
    CHECK(end == End::kFin);
  }
  stop_and_wait(core);
}
