// SPDX-License-Identifier: MIT
//
// The listening sockets of all workers: binds what is missing, says which worker watches which socket, and keeps the
// order in which the kernel counts those of one address. Used by the control plane's thread alone; workers are told
// through their mailboxes. Does not know what a session is.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "net/address.h"
#include "net/socket.h"
#include "proxy/worker.h"

namespace ub {

using Workers = std::array<std::unique_ptr<Worker>, kMaxWorkers>;

class Listening {
 public:
  /// A listening socket. Workers watch it through duplicates, so that no descriptor number has two owners.
  struct Socket {
    uint32_t id;
    Address address;
    UniqueFd fd;
    int backlog;
    TcpOptions options;
    uint32_t worker = kMaxWorkers;   // who watches it
    uint64_t also = 0;               // who watches it besides, a bit each, where an address has too few sockets
    uint32_t listener = UINT32_MAX;  // slot of the listener that it was told to serve
  };
  struct Wanted {
    Address address;
    const ListenerSpec* spec;
  };

  /// What is new for a snapshot.
  struct Fresh {
    std::vector<Socket> sockets;
    /// Addresses whose inherited socket lets no other one beside it: workers share what there is.
    std::vector<Address> crowded;
  };
  /// A socket as it is offered to another process.
  struct Offered {
    Address address;
    UniqueFd fd;
  };

  explicit Listening(Workers& workers) : workers_(workers) {}

  /// Takes a listening socket that another process has made, for the first snapshot that wants its address; those of one
  /// address in the order in which they began to listen. On an error it is left to the caller.
  Result<Address> adopt(int fd);
  /// Whose sockets are from now on, and those that have been adopted.
  void set_owner(SocketOwner owner);
  /// Duplicates of all sockets, in the order of their groups. EAGAIN while one is still to retire.
  Result<std::vector<Offered>> offer() const;
  /// Another process serves the sockets of these addresses: ours are closed as they are, with what waits in them.
  void let_go(const std::vector<Address>& addresses);
  /// Takes back what another process may have said about who gets new connections.
  void steer_again();

  /// Every address of a snapshot; none may come twice.
  static Result<std::vector<Wanted>> wanted_by(const Snapshot& snapshot);
  /// Sockets that are not there yet, one for each worker and address; on a failure nothing is left open.
  Result<Fresh> bind_missing(const std::vector<Wanted>& wanted, uint32_t workers);
  /// Takes them, and of what was inherited what is wanted; the rest of that is closed.
  void add(const std::vector<Wanted>& wanted, Fresh fresh);
  /// Tells workers which sockets are theirs. What is not wanted any more is emptied and closed.
  void place(const std::vector<Wanted>& wanted, uint32_t workers);
  /// A socket that was to retire is closed.
  void forget(uint32_t id);
  /// Lets go of the descriptors here; workers close theirs when they have emptied them.
  void clear() { sockets_.clear(); }

 private:
  /// The sockets of one address in the order in which the kernel counts them.
  struct Group {
    Address address;
    std::vector<uint32_t> order;
    std::vector<uint32_t> retiring;
    bool steered = false;
    bool crowded = false;  // as in Fresh
  };

  void place_group(const Wanted& want, uint32_t workers);
  void share_group(const Group& group, const std::vector<uint32_t>& held, uint32_t listener);
  bool hand(Socket& socket, uint32_t worker, uint32_t listener);
  void close_at_workers(const Socket& socket, Command::Kind kind);
  bool is_leaving(uint16_t port) const;
  Result<UniqueFd> bind_one(const Wanted& want, bool first) const;
  void assign(Socket& socket, uint32_t worker, uint32_t listener);
  void refresh_options(Socket& socket, const ListenerSpec& spec);
  Group& group_of(const Address& address);
  void steer(Group& group);

  Workers& workers_;
  std::vector<Socket> sockets_;
  std::vector<Socket> inherited_;
  std::optional<SocketOwner> owner_;
  std::vector<Group> groups_;
  /// Ports whose sockets workers are still closing, it may be, and since when they are.
  struct Leaving {
    uint16_t port;
    Nanos since;
  };
  std::vector<Leaving> leaving_;
  uint32_t next_socket_ = 1;
};

}  // namespace ub
