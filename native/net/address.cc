// SPDX-License-Identifier: MIT
#include "net/address.h"

#include <arpa/inet.h>

#include <cstring>

namespace ub {

std::optional<Address> Address::parse(std::string_view host, uint16_t port) {
  const std::string text(host);
  Address address;
  if (inet_pton(AF_INET, text.c_str(), &address.storage_.v4.sin_addr) == 1) {
    address.storage_.v4.sin_family = AF_INET;
    address.storage_.v4.sin_port = htons(port);
    return address;
  }
  address = Address();
  if (inet_pton(AF_INET6, text.c_str(), &address.storage_.v6.sin6_addr) == 1) {
    address.storage_.v6.sin6_family = AF_INET6;
    address.storage_.v6.sin6_port = htons(port);
    return address;
  }
  return std::nullopt;
}

Address Address::from(const sockaddr_storage& storage, socklen_t length) {
  Address address;
  std::memcpy(&address.storage_, &storage, std::min<size_t>(length, sizeof address.storage_));
  return address;
}

socklen_t Address::length() const { return family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6); }

uint16_t Address::port() const { return ntohs(family() == AF_INET ? storage_.v4.sin_port : storage_.v6.sin6_port); }

std::string Address::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &storage_.v4.sin_addr, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text, sizeof text);
  }
  return text;
}

bool Address::operator==(const Address& other) const {
  return family() == other.family() && std::memcmp(&storage_, &other.storage_, length()) == 0;
}

ClientKey client_key(const sockaddr_storage& peer) {
  ClientKey key{};
  if (peer.ss_family == AF_INET) {
    key.length = 4;
    std::memcpy(key.bytes, &reinterpret_cast<const sockaddr_in&>(peer).sin_addr, 4);
    return key;
  }
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    key.length = 4;
    std::memcpy(key.bytes, v6.s6_addr + 12, 4);
  } else {
    key.length = 16;
    std::memcpy(key.bytes, v6.s6_addr, 16);
  }
  return key;
}

uint16_t port_of(const sockaddr_storage& peer) {
  return ntohs(peer.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(peer).sin_port
                                         : reinterpret_cast<const sockaddr_in6&>(peer).sin6_port);
}

std::string client_text(const ClientKey& key) {
  if (key.length == 0) return {};
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(key.length == 4 ? AF_INET : AF_INET6, key.bytes, text, sizeof text);
  return text;
}

}  // namespace ub
