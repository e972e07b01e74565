// SPDX-License-Identifier: MIT
//
// A numeric TCP address as a value. Names are resolved by the control plane and never reach this layer.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ub {

class Address {
 public:
  Address() = default;

  /// IPv4 or IPv6 text without brackets; nothing when it is neither.
  static std::optional<Address> parse(std::string_view host, uint16_t port);
  static Address from(const sockaddr_storage& storage, socklen_t length);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t length() const;
  int family() const { return storage_.v6.sin6_family; }
  uint16_t port() const;
  std::string host() const;
  bool operator==(const Address& other) const;

 private:
  union {
    sockaddr_in6 v6;
    sockaddr_in v4;
  } storage_{};
};

/// The bytes by which a client is told from others: 4 for IPv4 and for IPv4 mapped into IPv6, else 16.
struct ClientKey {
  unsigned char bytes[16];
  uint8_t length;
};
ClientKey client_key(const sockaddr_storage& peer);
uint16_t port_of(const sockaddr_storage& peer);

/// Text of a client's address, IPv4-mapped ones as IPv4; empty for none.
std::string client_text(const ClientKey& key);

}  // namespace ub
