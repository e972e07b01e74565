// SPDX-License-Identifier: MIT
//
// Every socket call of the data plane, wrapped once: non-blocking, close-on-exec, never SIGPIPE, EINTR retried here
// and nowhere else. The relay path gets counts and errno; set-up gets Results that people can be told.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "net/address.h"

namespace ub {

/// TCP options of one side; a 0 or an empty name leaves the kernel's own default.
struct TcpOptions {
  bool no_delay = true;
  bool quick_ack = false;
  bool keep_alive = false;
  int keep_alive_idle_s = 0;
  int keep_alive_interval_s = 0;
  int keep_alive_count = 0;
  int user_timeout_ms = 0;
  int defer_accept_s = 0;
  int fast_open = 0;
  int receive_buffer = 0;
  int send_buffer = 0;
  std::string congestion;

  bool operator==(const TcpOptions&) const = default;
};

/// Whose a socket counts as when others want to share its address: the kernel lets only one user's sockets do that.
struct SocketOwner {
  uid_t user;
  gid_t group;
};

/// Bound and listening. `first` tells that no other socket of ours is on this address: then the bind is made without
/// SO_REUSEPORT, so that another process there is found out, and the option is set afterwards for the ones to come.
Result<UniqueFd> listen_on(const Address& address, int backlog, const TcpOptions& options, bool first,
                           const SocketOwner* owner = nullptr);

/// Where an inherited descriptor listens. An error when it is no listening TCP socket; it is made non-blocking and
/// closed at exec when it is one.
Result<Address> listening_address(int fd);

/// Gives a socket to another user. False where the kernel does not let us.
bool give_away(int fd, const SocketOwner& owner);

/// Options that a listening socket can take while it listens; accepted sockets inherit most of them.
Status set_listener_options(int fd, const TcpOptions& options);

/// Of the sockets that share an address, in the order in which they began to listen, only those at these places get
/// new connections; an empty list gives them back to all. False where the kernel can't.
bool steer_new_connections(int fd, const std::vector<uint32_t>& places);

/// A socket with the options that matter from the first segment on, not yet connected. Returns -1 with errno. The rest
/// costs a system call each, and most connections are gone before any of it matters: set_no_delay() when a second send
/// may come, set_lasting_options() when the connection has lasted.
int backend_socket(int family, const TcpOptions& options);
void set_no_delay(int fd);
void set_lasting_options(int fd, const TcpOptions& options);

/// 0 when under way or done, else errno.
int start_connect(int fd, const Address& address);

int accept_client(int listener, sockaddr_storage* peer);  // -1 with errno

/// The address that a connection was made to; answers with its port. An empty key and 0 when it is not to be had.
uint16_t local_address(int fd, ClientKey& key);

/// What the kernel has measured of a connection; its own units.
struct TcpFacts {
  bool known;
  uint32_t rtt_us;  // smoothed; 0 when nothing has been measured yet
  uint32_t rtt_variance_us;
  uint32_t retransmits;  // segments, over the whole life
};
void tcp_facts(int fd, TcpFacts& facts);

struct IoCount {
  ssize_t bytes;  // -1: see error
  int error;
};
IoCount receive(int fd, void* into, size_t size);
IoCount discard(int fd, size_t size);
IoCount transmit(int fd, const void* from, size_t size, bool more);
IoCount splice_in(int socket, int pipe, size_t size);
IoCount splice_out(int pipe, int socket, size_t size);

/// Bytes the far end has not acknowledged, a FIN counting as one; 0 when the connection is dead: nothing of it moves.
size_t unacknowledged(int fd);
/// Bytes that have arrived and nobody has read.
size_t unread(int fd);
int take_error(int fd);  // SO_ERROR, which clears it
void send_fin(int fd);
/// close() will send RST instead of FIN.
void arm_reset(int fd);
void rearm_quick_ack(int fd);
/// Input below so many bytes is no event; 1 is the kernel's own default. The kernel caps it at half the receive buffer.
void set_low_water(int fd, uint32_t bytes);
/// Is a connection that nobody has used yet as fresh as when it was made: no end, no error?
bool still_fresh(int fd);

}  // namespace ub
