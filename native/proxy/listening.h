// SPDX-License-Identifier: MIT
//
// The listening sockets of all workers: binds what is missing, says which worker watches which socket, and keeps the
// order in which the kernel counts those of one address. Used by the control plane's thread alone; workers are told
// through their mailboxes. Does not know what a session is.
#pragma once

#include <array>
#include <memory>
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
    uint32_t listener = UINT32_MAX;  // slot of the listener that it was told to serve
  };
  struct Wanted {
    Address address;
    const ListenerSpec* spec;
  };

  explicit Listening(Workers& workers) : workers_(workers) {}

  /// Every address of a snapshot; none may come twice.
  static Result<std::vector<Wanted>> wanted_by(const Snapshot& snapshot);
  /// Sockets that are not there yet, one for each worker and address; on a failure nothing is left open.
  Result<std::vector<Socket>> bind_missing(const std::vector<Wanted>& wanted, uint32_t workers);
  void add(std::vector<Socket> fresh);
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
  };

  void place_group(const Wanted& want, uint32_t workers);
  void assign(Socket& socket, uint32_t worker, uint32_t listener);
  void refresh_options(Socket& socket, const ListenerSpec& spec);
  Group& group_of(const Address& address);
  void steer(Group& group);

  Workers& workers_;
  std::vector<Socket> sockets_;
  std::vector<Group> groups_;
  uint32_t next_socket_ = 1;
};

}  // namespace ub
