// SPDX-License-Identifier: MIT
//
// Raw peers for the native tests: a listener with a handler per connection, a client, and bytes that can be told apart.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "harness.h"
#include "net/address.h"
#include "proxy/core.h"

namespace ub::test {

/// Numbered bytes: a loss, a repetition or somebody else's byte shows.
inline std::string words(uint64_t seed, size_t size) {
  std::string out(size, '\0');
  for (size_t i = 0; i < size; ++i) {
    const uint64_t word = seed * 1'000'003 + i / 8;
    out[i] = static_cast<char>(word >> (8 * (i % 8)));
  }
  return out;
}

enum class End { kFin, kReset, kOpen };

class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  Peer(Peer&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Peer(const Peer&) = delete;
  ~Peer() { close(); }
  int fd() const { return fd_; }
  bool send(const std::string& data) {
    for (size_t done = 0; done < data.size();) {
      const ssize_t n = ::send(fd_, data.data() + done, data.size() - done, MSG_NOSIGNAL);
      if (n <= 0) return false;
      done += static_cast<size_t>(n);
    }
    return true;
  }
  /// Until `limit` bytes, an end, or five silent seconds.
  std::string read(size_t limit, End* end = nullptr) {
    std::string out;
    End how = End::kOpen;
    char chunk[65536];
    while (out.size() < limit) {
      pollfd waiting{fd_, POLLIN, 0};
      if (::poll(&waiting, 1, 5000) != 1) break;
      const ssize_t n = ::recv(fd_, chunk, std::min(sizeof chunk, limit - out.size()), 0);
      if (n == 0) {
        how = End::kFin;
        break;
      }
      if (n < 0) {
        how = End::kReset;
        break;
      }
      out.append(chunk, static_cast<size_t>(n));
    }
    if (end != nullptr) *end = how;
    return out;
  }
  void fin() { ::shutdown(fd_, SHUT_WR); }
  void abort() {
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

inline int listen_anywhere(uint16_t* port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(::listen(fd, 1024) == 0);
  socklen_t length = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  *port = ntohs(address.sin_port);
  return fd;
}

inline uint16_t free_port() {
  uint16_t port = 0;
  ::close(listen_anywhere(&port));
  return port;
}

/// Two ends of one TCP connection over loopback; neither has an option set.
struct Line {
  UniqueFd near;
  UniqueFd far;

  Line() {
    UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    CHECK(::bind(listener.get(), generic, length) == 0 && ::listen(listener.get(), 1) == 0);
    CHECK(::getsockname(listener.get(), generic, &length) == 0);
    near = UniqueFd(::socket(AF_INET, SOCK_STREAM, 0));
    CHECK(::connect(near.get(), generic, length) == 0);
    far = UniqueFd(::accept(listener.get(), nullptr, nullptr));
    CHECK(far.valid());
    for (const UniqueFd* fd : {&near, &far}) CHECK(::fcntl(fd->get(), F_SETFL, O_NONBLOCK) == 0);
  }
};

/// What the kernel says of one option of a socket.
inline int option_of(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  CHECK(::getsockopt(fd, level, name, &value, &length) == 0);
  return value;
}

/// A backend that serves every connection on a thread of its own.
class Backend {
 public:
  explicit Backend(std::function<void(Peer&)> serve) : serve_(std::move(serve)), fd_(listen_anywhere(&port_)) {
    thread_ = std::thread([this] {
      while (!stop_) {
        pollfd waiting{fd_, POLLIN, 0};
        if (::poll(&waiting, 1, 50) != 1) continue;
        const int client = ::accept(fd_, nullptr, nullptr);
        if (client < 0) continue;
        threads_.emplace_back([this, client] {
          Peer peer(client);
          serve_(peer);
        });
      }
    });
  }
  ~Backend() {
    stop_ = true;
    thread_.join();
    for (auto& thread : threads_) thread.join();
    ::close(fd_);
  }
  uint16_t port() const { return port_; }

 private:
  std::function<void(Peer&)> serve_;
  uint16_t port_ = 0;
  int fd_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
  std::vector<std::thread> threads_;
};

inline void echo(Peer& peer) {
  for (;;) {
    const std::string data = peer.read(1);
    if (data.empty() || !peer.send(data)) return;
  }
}

inline Peer connect_to(uint16_t port, const char* host = "127.0.0.1") {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, host, &address.sin_addr);
  address.sin_port = htons(port);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    return Peer(-1);
  }
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return Peer(fd);
}

/// One listener, one pool, these backends.
inline Snapshot simple_snapshot(uint64_t generation, uint32_t workers, uint16_t listen, std::vector<uint16_t> backends,
                                SpliceMode splice = SpliceMode::kAuto) {
  Snapshot snapshot;
  snapshot.generation = generation;
  snapshot.workers = workers;
  ListenerSpec listener;
  listener.slot = 1;
  listener.addresses.push_back(*Address::parse("127.0.0.1", listen));
  listener.retries = 2;
  listener.splice = splice;
  listener.timeouts.idle = 20 * kSecond;
  listener.timeouts.half_close = 10 * kSecond;
  snapshot.listeners.push_back(listener);
  PoolSpec pool;
  pool.slot = 2;
  for (uint16_t port : backends) {
    BackendSpec backend;
    backend.slot = 1000U + port;
    backend.address = *Address::parse("127.0.0.1", port);
    backend.member = true;
    pool.members.push_back(static_cast<uint16_t>(pool.backends.size()));
    pool.table.push_back(static_cast<uint16_t>(pool.backends.size()));
    pool.backends.push_back(std::move(backend));
  }
  snapshot.pools.push_back(std::move(pool));
  return snapshot;
}

/// Collects events until one of the type comes.
inline bool await_event(Core& core, EventType type, int seconds = 10) {
  for (int i = 0; i < seconds * 200; ++i) {
    for (const Event& event : core.collect()) {
      if (event.type == type) return true;
    }
    ::usleep(5000);
  }
  return false;
}

inline uint64_t accepted(const Core& core) {
  uint64_t total = 0;
  for (const auto& state : core.read().listeners) {
    for (const auto& block : state->counters) total += block ? block->accepted.get() : 0;
  }
  return total;
}

inline uint64_t closed(const Core& core) {
  uint64_t total = 0;
  for (const auto& state : core.read().listeners) {
    for (const auto& block : state->counters) {
      for (size_t i = 0; block && i < kCloseReasons; ++i) total += block->closed[i].get();
    }
  }
  return total;
}

}  // namespace ub::test
