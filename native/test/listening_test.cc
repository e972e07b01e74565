// SPDX-License-Identifier: MIT
//
// Listening sockets that go from one core to another: over a Unix socket, in their order, with those who wait in them.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "net/local.h"
#include "peers.h"

using namespace ub;
using namespace ub::test;

namespace {

void stop_and_wait(Core& core) {
  core.stop();
  CHECK(await_event(core, EventType::kStopped));
}

std::vector<Listening::Offered> offer_of(Core& core) {
  Result<std::vector<Listening::Offered>> offered = core.listening().offer();
  CHECK(offered.has_value());
  return std::move(offered.value());
}

/// The inode of a socket, which says that two descriptors are the same one.
ino_t identity(int fd) {
  struct stat facts {};
  CHECK(::fstat(fd, &facts) == 0);
  return facts.st_ino;
}

void hand_over(Core& from, Core& to) {
  for (Listening::Offered& one : offer_of(from)) {
    CHECK(to.listening().adopt(one.fd.get()).has_value());
    one.fd.release();
  }
}

int plain_listener(uint16_t port, bool share) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (share) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  const Address address = *Address::parse("127.0.0.1", port);
  CHECK(::bind(fd, address.get(), address.length()) == 0);
  CHECK(::listen(fd, 128) == 0);
  return fd;
}

void served_in_time(uint16_t port, int clients) {
  std::vector<Peer> all;
  for (int i = 0; i < clients; ++i) all.push_back(connect_to(port));
  for (Peer& client : all) {
    CHECK(client.send("hello"));
    CHECK(client.read(5) == "hello");
  }
}

}  // namespace

TEST(local_passes_bytes_and_descriptors_in_their_order) {
  auto ends = local_pair();
  CHECK(ends.has_value());
  const int here = ends.value().first.get();
  const int there = ends.value().second.get();
  Result<Parcel> nothing = receive_descriptors(there, 100);
  CHECK(nothing.has_value() && nothing.value().bytes.empty() && !nothing.value().ended);
  const std::vector<int> given{here, 0, there};
  CHECK_EQUAL(send_descriptors(here, "first", given).value(), size_t{5});
  CHECK_EQUAL(send_descriptors(here, "second", {}).value(), size_t{6});
  Result<Parcel> first = receive_descriptors(there, 3);
  CHECK(first.has_value() && first.value().bytes == "fir");
  CHECK_EQUAL(first.value().descriptors.size(), size_t{3});
  CHECK(identity(first.value().descriptors[0].get()) == identity(here));
  CHECK(identity(first.value().descriptors[2].get()) == identity(there));
  Result<Parcel> rest = receive_descriptors(there, 100);
  CHECK(rest.has_value() && rest.value().descriptors.empty());
  first.value().descriptors.clear();
  ends.value().first.reset();
  std::string bytes = rest.value().bytes;
  for (bool ended = false; !ended;) {
    Result<Parcel> more = receive_descriptors(there, 100);
    CHECK(more.has_value());
    bytes += more.value().bytes;
    ended = more.value().ended;
  }
  CHECK(bytes == "stsecond");
  CHECK(!send_descriptors(there, "x", {}).has_value());
}

TEST(local_says_when_a_peer_does_not_read_and_who_it_is) {
  auto ends = local_pair();
  const int here = ends.value().first.get();
  const std::string much(1 << 20, 'x');
  for (size_t sent = 1; sent > 0;) sent = send_descriptors(here, much, {}).value();
  CHECK(!send_descriptors(here, "", {}).has_value());
  CHECK(!send_descriptors(here, "x", std::vector<int>(kMostDescriptors + 1, 0)).has_value());
  CHECK(!send_descriptors(here, "x", {-1}).has_value());
  CHECK_EQUAL(peer_of(here).value().uid, ::geteuid());
  CHECK_EQUAL(peer_of(here).value().pid, ::getpid());
}

TEST(local_sends_datagrams_by_path_and_by_abstract_name) {
  for (const std::string& name : {std::string("@ub-test-") + std::to_string(::getpid()),
                                  std::string("/tmp/ub-test-") + std::to_string(::getpid())}) {
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto length =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (name[0] == '@' ? 0 : 1));
    CHECK(::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0);
    CHECK(send_datagram(name, "READY=1").has_value());
    char text[64];
    CHECK_EQUAL(::recv(fd, text, sizeof text, MSG_DONTWAIT), ssize_t{7});
    ::close(fd);
    ::unlink(name.c_str());
    CHECK(!send_datagram(name, "READY=1").has_value());
  }
  CHECK(!send_datagram("", "x").has_value());
  CHECK(!send_datagram(std::string(200, 'x'), "x").has_value());
}

TEST(listening_adopts_nothing_but_listening_tcp_sockets) {
  Core core;
  auto ends = local_pair();
  const int connected = ends.value().first.get();
  const int datagram = ::socket(AF_INET, SOCK_DGRAM, 0);
  const int idle = ::socket(AF_INET, SOCK_STREAM, 0);
  for (const int fd : {-1, 0, 1'000'000, connected, datagram, idle}) {
    CHECK(!core.listening().adopt(fd).has_value());
    if (fd > 0 && fd < 1'000'000) CHECK(::fcntl(fd, F_GETFD) >= 0);  // it is still the caller's
  }
  const uint16_t port = free_port();
  const int good = plain_listener(port, true);
  const Result<Address> address = core.listening().adopt(good);
  CHECK(address.has_value());
  CHECK_EQUAL(address.value().port(), port);
  CHECK((::fcntl(good, F_GETFD) & FD_CLOEXEC) != 0 && (::fcntl(good, F_GETFL) & O_NONBLOCK) != 0);
  CHECK(core.apply(simple_snapshot(1, 1, free_port(), {9})).has_value());
  CHECK(connect_to(port).fd() < 0);  // nobody wanted it
  ::close(datagram);
  ::close(idle);
  stop_and_wait(core);
}

TEST(listening_goes_from_core_to_core_with_more_fewer_and_as_many_workers) {
  Backend backend(echo);
  const uint16_t port = free_port();
  auto old = std::make_unique<Core>();
  CHECK(old->apply(simple_snapshot(1, 2, port, {backend.port()})).has_value());
  for (const uint32_t workers : {2U, 4U, 1U, 3U}) {
    // One that hands over waits until no socket of its own is about to retire.
    for (int i = 0; i < 2000 && !old->listening().offer().has_value(); ++i) {
      old->collect();
      ::usleep(5000);
    }
    std::vector<ino_t> before;
    for (const Listening::Offered& one : offer_of(*old)) before.push_back(identity(one.fd.get()));
    auto fresh = std::make_unique<Core>();
    hand_over(*old, *fresh);
    CHECK(fresh->apply(simple_snapshot(1, workers, port, {backend.port()})).has_value());
    if (workers >= before.size()) {
      std::vector<ino_t> after;
      for (const Listening::Offered& one : offer_of(*fresh)) after.push_back(identity(one.fd.get()));
      CHECK_EQUAL(after.size(), size_t{workers});
      for (size_t i = 0; i < before.size(); ++i) CHECK(before[i] == after[i]);
    }
    old->listening().let_go({*Address::parse("127.0.0.1", port)});
    old->drain(20 * kSecond);
    served_in_time(port, 60);
    CHECK(await_event(*old, EventType::kDrained));
    stop_and_wait(*old);
    old = std::move(fresh);
  }
  served_in_time(port, 60);
  stop_and_wait(*old);
}

TEST(listening_leaves_those_who_wait_to_the_heir) {
  Backend backend(echo);
  const uint16_t port = free_port();
  Core old;
  Snapshot full = simple_snapshot(1, 2, port, {backend.port()});
  full.listeners[0].max_connections = 1;
  CHECK(old.apply(std::move(full)).has_value());
  Peer holder = connect_to(port);
  CHECK(holder.send("hello") && holder.read(5) == "hello");
  std::vector<Peer> waiting;
  for (int i = 0; i < 40; ++i) {
    waiting.push_back(connect_to(port));
    CHECK(waiting.back().fd() >= 0 && waiting.back().send("hello"));
  }
  Core heir;
  hand_over(old, heir);
  CHECK(heir.apply(simple_snapshot(1, 3, port, {backend.port()})).has_value());
  old.listening().let_go({*Address::parse("127.0.0.1", port)});
  old.drain(20 * kSecond);
  for (Peer& client : waiting) CHECK(client.read(5) == "hello");
  CHECK(holder.send("again") && holder.read(5) == "again");  // still the old one's
  CHECK_EQUAL(accepted(old), uint64_t{1});
  CHECK_EQUAL(accepted(heir), uint64_t{40});
  holder.close();
  CHECK(await_event(old, EventType::kDrained));
  stop_and_wait(old);
  stop_and_wait(heir);
}

TEST(listening_empties_what_the_heir_does_not_want) {
  Backend backend(echo);
  const uint16_t port = free_port();
  Core old;
  CHECK(old.apply(simple_snapshot(1, 2, port, {backend.port()})).has_value());
  Core heir;
  hand_over(old, heir);
  const uint16_t other = free_port();
  CHECK(heir.apply(simple_snapshot(1, 2, other, {backend.port()})).has_value());
  std::vector<Peer> clients;
  for (int i = 0; i < 30; ++i) clients.push_back(connect_to(port));
  old.listening().let_go({*Address::parse("127.0.0.1", other)});
  old.drain(20 * kSecond);
  for (Peer& client : clients) {
    CHECK(client.send("hello"));
    CHECK(client.read(5) == "hello");
  }
  clients.clear();
  CHECK(await_event(old, EventType::kDrained));
  stop_and_wait(old);
  CHECK(connect_to(port).fd() < 0);
  served_in_time(other, 10);
  stop_and_wait(heir);
}

TEST(listening_shares_a_socket_that_lets_no_other_beside_it) {
  Backend backend(echo);
  const uint16_t port = free_port();
  auto core = std::make_unique<Core>();
  CHECK(core->listening().adopt(plain_listener(port, false)).has_value());
  uint64_t generation = 1;
  for (const uint32_t workers : {3U, 1U, 4U, 2U}) {
    CHECK(core->apply(simple_snapshot(generation++, workers, port, {backend.port()})).has_value());
    served_in_time(port, 40);
    CHECK_EQUAL(offer_of(*core).size(), size_t{1});
  }
  // The next one shares it as well.
  auto heir = std::make_unique<Core>();
  hand_over(*core, *heir);
  CHECK(heir->apply(simple_snapshot(1, 2, port, {backend.port()})).has_value());
  core->listening().let_go({*Address::parse("127.0.0.1", port)});
  stop_and_wait(*core);
  served_in_time(port, 40);
  // One that shares is drained like any other: nobody who has been connected is left behind.
  std::vector<Peer> clients;
  for (int i = 0; i < 40; ++i) clients.push_back(connect_to(port));
  heir->drain(20 * kSecond);
  for (Peer& client : clients) {
    CHECK(client.send("hello"));
    CHECK(client.read(5) == "hello");
  }
  clients.clear();
  CHECK(await_event(*heir, EventType::kDrained));
  stop_and_wait(*heir);
}

TEST(listening_joins_an_inherited_socket_that_can_be_shared) {
  Backend backend(echo);
  const uint16_t port = free_port();
  Core core;
  CHECK(core.listening().adopt(plain_listener(port, true)).has_value());
  CHECK(core.apply(simple_snapshot(1, 3, port, {backend.port()})).has_value());
  CHECK_EQUAL(offer_of(core).size(), size_t{3});
  served_in_time(port, 40);
  stop_and_wait(core);
}

/// Only one user's sockets may share an address, so those of a process that will be another user have to be that one's
/// from the beginning.
TEST(listening_makes_sockets_in_the_name_of_whoever_will_add_to_them) {
  if (::geteuid() != 0) return;
  const uint16_t port = free_port();
  Core core;
  core.listening().set_owner({65534, 65534});
  CHECK(core.apply(simple_snapshot(1, 2, port, {9})).has_value());
  for (const Listening::Offered& one : offer_of(core)) {
    struct stat facts {};
    CHECK(::fstat(one.fd.get(), &facts) == 0);
    CHECK_EQUAL(facts.st_uid, uid_t{65534});
  }
  Core heir;  // root still, and without a word about owners: it goes by what is there
  hand_over(core, heir);
  CHECK(heir.apply(simple_snapshot(1, 4, port, {9})).has_value());
  CHECK_EQUAL(offer_of(heir).size(), size_t{4});
  stop_and_wait(core);
  CHECK(::seteuid(65534) == 0);
  CHECK(heir.apply(simple_snapshot(2, 6, port, {9})).has_value());
  CHECK_EQUAL(offer_of(heir).size(), size_t{6});
  CHECK(::seteuid(0) == 0);
  stop_and_wait(heir);
}
