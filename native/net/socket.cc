// SPDX-License-Identifier: MIT
#include "net/socket.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ub {
namespace {

template <typename F>
auto retry_interrupted(F&& call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result;
}

bool set(int fd, int level, int name, int value) { return setsockopt(fd, level, name, &value, sizeof value) == 0; }

Error failure(const char* call, const Address& address) { return Error{errno, call, address.host(), address.port()}; }

bool set_keep_alive(int fd, const TcpOptions& o) {
  if (!o.keep_alive) return true;
  if (!set(fd, SOL_SOCKET, SO_KEEPALIVE, 1)) return false;
  if (o.keep_alive_idle_s > 0 && !set(fd, IPPROTO_TCP, TCP_KEEPIDLE, o.keep_alive_idle_s)) return false;
  if (o.keep_alive_interval_s > 0 && !set(fd, IPPROTO_TCP, TCP_KEEPINTVL, o.keep_alive_interval_s)) return false;
  return o.keep_alive_count <= 0 || set(fd, IPPROTO_TCP, TCP_KEEPCNT, o.keep_alive_count);
}

/// What a listening socket and a connecting one need from the first segment on. False with errno at the first that is
/// refused.
bool set_common(int fd, const TcpOptions& o) {
  if (o.user_timeout_ms > 0 && !set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, o.user_timeout_ms)) return false;
  if (o.receive_buffer > 0 && !set(fd, SOL_SOCKET, SO_RCVBUF, o.receive_buffer)) return false;
  if (o.send_buffer > 0 && !set(fd, SOL_SOCKET, SO_SNDBUF, o.send_buffer)) return false;
  if (!o.congestion.empty() && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, o.congestion.data(),
                                          static_cast<socklen_t>(o.congestion.size())) != 0) {
    return false;
  }
  return true;
}

}  // namespace

Status set_listener_options(int fd, const TcpOptions& o) {
  if (!o.no_delay) set(fd, IPPROTO_TCP, TCP_NODELAY, 0);
  if (!o.keep_alive) set(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
  if (o.no_delay && !set(fd, IPPROTO_TCP, TCP_NODELAY, 1)) return Error{errno, "setsockopt", {}, 0};
  if (!set_keep_alive(fd, o) || !set_common(fd, o)) return Error{errno, "setsockopt", {}, 0};
  if (!set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, o.defer_accept_s)) return Error{errno, "setsockopt", {}, 0};
  if (o.fast_open > 0 && !set(fd, IPPROTO_TCP, TCP_FASTOPEN, o.fast_open)) return Error{errno, "setsockopt", {}, 0};
  return Done{};
}

Result<UniqueFd> listen_on(const Address& address, int backlog, const TcpOptions& options, bool first,
                           const SocketOwner* owner) {
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return failure("socket", address);
  // Before the bind, which is where it counts. Refused, the bind says what follows from it.
  if (owner != nullptr) (void)give_away(fd.get(), *owner);
  if (!set(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1)) return failure("setsockopt", address);
  if (address.family() == AF_INET6) {
    const bool any = std::memcmp(&reinterpret_cast<const sockaddr_in6*>(address.get())->sin6_addr, &in6addr_any,
                                 sizeof in6addr_any) == 0;
    if (!set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, any ? 0 : 1)) return failure("setsockopt", address);
  }
  if (!first && !set(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1)) return failure("setsockopt", address);
  if (::bind(fd.get(), address.get(), address.length()) != 0) return failure("bind", address);
  if (first && !set(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1)) return failure("setsockopt", address);
  Status set_up = set_listener_options(fd.get(), options);
  if (!set_up.has_value()) {
    errno = set_up.error().number;
    return failure("setsockopt", address);
  }
  if (::listen(fd.get(), backlog) != 0) return failure("listen", address);
  return fd;
}

Result<Address> listening_address(int fd) {
  const auto is = [fd](int name, int wanted) {
    int value = 0;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 && value == wanted;
  };
  const bool internet = is(SO_DOMAIN, AF_INET) || is(SO_DOMAIN, AF_INET6);
  if (!internet || !is(SO_PROTOCOL, IPPROTO_TCP) || !is(SO_ACCEPTCONN, 1)) return Error{EINVAL, "adopt", {}, 0};
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return Error{errno, "adopt", {}, 0};
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return Error{errno, "adopt", {}, 0};
  }
  return Address::from(storage, length);
}

bool give_away(int fd, const SocketOwner& owner) { return ::fchown(fd, owner.user, owner.group) == 0; }

bool steer_new_connections(int fd, const std::vector<uint32_t>& places) {
  if (places.empty()) {
    const int unused = 0;
    return setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &unused, sizeof unused) == 0 || errno == ENOENT;
  }
  // One place at random: load a random word, reduce it to a number below the count, return the place of that number.
  std::vector<sock_filter> program;
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM)));
  program.push_back(BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, static_cast<uint32_t>(places.size())));
  for (uint32_t i = 0; i < places.size(); ++i) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, i, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, places[i]));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, places[0]));
  sock_fprog whole{static_cast<unsigned short>(program.size()), program.data()};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &whole, sizeof whole) == 0;
}

int backend_socket(int family, const TcpOptions& options) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  bool ok = set_common(fd, options);
  if (ok && options.fast_open > 0) ok = set(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
  if (!ok) {
    const int kept = errno;
    ::close(fd);
    errno = kept;
    return -1;
  }
  return fd;
}

int start_connect(int fd, const Address& address) {
  const int result = retry_interrupted([&] { return ::connect(fd, address.get(), address.length()); });
  return result == 0 || errno == EINPROGRESS ? 0 : errno;
}

int accept_client(int listener, sockaddr_storage* peer) {
  socklen_t length = sizeof *peer;
  return retry_interrupted(
      [&] { return ::accept4(listener, reinterpret_cast<sockaddr*>(peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC); });
}

uint16_t local_address(int fd, ClientKey& key) {
  sockaddr_storage local;
  socklen_t length = sizeof local;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length) != 0) return 0;
  key = client_key(local);
  return port_of(local);
}

void tcp_facts(int fd, TcpFacts& facts) {
  tcp_info info;
  socklen_t length = sizeof info;
  facts.known = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0;
  if (!facts.known) return;
  facts.rtt_us = info.tcpi_rtt;
  facts.rtt_variance_us = info.tcpi_rttvar;
  facts.retransmits = info.tcpi_total_retrans;
}

IoCount receive(int fd, void* into, size_t size) {
  const ssize_t n = retry_interrupted([&] { return ::recv(fd, into, size, 0); });
  return {n, n < 0 ? errno : 0};
}

IoCount discard(int fd, size_t size) {
  const ssize_t n = retry_interrupted([&] { return ::recv(fd, nullptr, size, MSG_TRUNC); });
  return {n, n < 0 ? errno : 0};
}

IoCount transmit(int fd, const void* from, size_t size, bool more) {
  const int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
  const ssize_t n = retry_interrupted([&] { return ::send(fd, from, size, flags); });
  return {n, n < 0 ? errno : 0};
}

IoCount splice_in(int socket, int pipe, size_t size) {
  const ssize_t n = retry_interrupted(
      [&] { return ::splice(socket, nullptr, pipe, nullptr, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK); });
  return {n, n < 0 ? errno : 0};
}

IoCount splice_out(int pipe, int socket, size_t size) {
  const ssize_t n = retry_interrupted(
      [&] { return ::splice(pipe, nullptr, socket, nullptr, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK); });
  return {n, n < 0 ? errno : 0};
}

size_t unacknowledged(int fd) {
  int queued = 0;
  if (ioctl(fd, SIOCOUTQ, &queued) != 0 || queued <= 0) return 0;
  unsigned char state = 0;  // the first byte of tcp_info; asked only while something is queued
  socklen_t length = sizeof state;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length) == 0 && state == TCP_CLOSE) return 0;
  return static_cast<size_t>(queued);
}

size_t unread(int fd) {
  int waiting = 0;
  if (ioctl(fd, SIOCINQ, &waiting) != 0 || waiting <= 0) return 0;
  return static_cast<size_t>(waiting);
}

int take_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

void send_fin(int fd) { ::shutdown(fd, SHUT_WR); }

void arm_reset(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void set_no_delay(int fd) { set(fd, IPPROTO_TCP, TCP_NODELAY, 1); }

void set_lasting_options(int fd, const TcpOptions& options) { (void)set_keep_alive(fd, options); }

void rearm_quick_ack(int fd) { set(fd, IPPROTO_TCP, TCP_QUICKACK, 1); }

void set_low_water(int fd, uint32_t bytes) { set(fd, SOL_SOCKET, SO_RCVLOWAT, static_cast<int>(bytes)); }

bool still_fresh(int fd) {
  char byte;
  const ssize_t n = retry_interrupted([&] { return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT); });
  if (n == 0 || (n < 0 && errno != EAGAIN)) return false;
  if (n < 0) return true;
  unsigned char state = 0;  // bytes may stand before a FIN: a banner and then a goodbye
  socklen_t length = sizeof state;
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length) == 0 && state == TCP_ESTABLISHED;
}

}  // namespace ub
