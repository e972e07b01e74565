// SPDX-License-Identifier: MIT
//
// IPv4 on loopback only. Every trial has a net of its own, 127.<net>.0.0/16, so that what one leaves in
// TIME_WAIT is not in the way of the next.
#pragma once

#include <netinet/in.h>

#include <string>
#include <vector>

namespace load {

struct Endpoint {
  uint32_t host = 0;  // host byte order
  uint16_t port = 0;

  sockaddr_in get() const;
  std::string text() const;
  static Endpoint parse(const std::string& text);
};

inline constexpr uint32_t kBackendPart = 0;   // 127.net.0.x and 127.net.1.x
inline constexpr uint32_t kClientPart = 200;  // 127.net.200.x

/// The n-th address of a part of a net.
uint32_t address_in(uint32_t net, uint32_t part, uint32_t n);

/// Listening, non-blocking; a port of 0 is chosen by the kernel. Dies on failure.
int listen_on(Endpoint where, Endpoint& bound);

/// A connect under way, from any port of `source` (0: the kernel chooses). Returns -1 with errno set.
int connect_from(uint32_t source, Endpoint to);

}  // namespace load
