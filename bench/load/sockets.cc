// SPDX-License-Identifier: MIT
#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "base.h"

namespace load {

sockaddr_in Endpoint::get() const {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(host);
  a.sin_port = htons(port);
  return a;
}

std::string Endpoint::text() const {
  char buffer[INET_ADDRSTRLEN];
  const sockaddr_in a = get();
  inet_ntop(AF_INET, &a.sin_addr, buffer, sizeof buffer);
  return std::string(buffer) + ":" + std::to_string(port);
}

Endpoint Endpoint::parse(const std::string& text) {
  const size_t colon = text.rfind(':');
  in_addr a{};
  if (colon == std::string::npos || inet_pton(AF_INET, text.substr(0, colon).c_str(), &a) != 1) {
    die(("not an IPv4 address with a port: " + text).c_str());
  }
  return {ntohl(a.s_addr), static_cast<uint16_t>(std::atoi(text.c_str() + colon + 1))};
}

uint32_t address_in(uint32_t net, uint32_t part, uint32_t n) {
  return (127u << 24) | (net << 16) | ((part + n / 250) << 8) | (1 + n % 250);
}

namespace {

int open_socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace

int listen_on(Endpoint where, Endpoint& bound) {
  const int fd = open_socket();
  if (fd < 0) die("socket", errno);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in a = where.get();
  if (bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0) die("bind", errno);
  if (listen(fd, 65535) != 0) die("listen", errno);
  socklen_t size = sizeof a;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) != 0) die("getsockname", errno);
  bound = {ntohl(a.sin_addr.s_addr), ntohs(a.sin_port)};
  return fd;
}

int connect_from(uint32_t source, Endpoint to) {
  const int fd = open_socket();
  if (fd < 0) return -1;
  if (source != 0) {
    const int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const sockaddr_in a = Endpoint{source, 0}.get();
    if (bind(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0) {
      const int error = errno;
      close(fd);
      errno = error;
      return -1;
    }
  }
  const sockaddr_in a = to.get();
  if (connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

}  // namespace load
