// SPDX-License-Identifier: MIT
#include "proxy/listening.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ub {
namespace {
constexpr Nanos kLeavesWithin =
    10 * kSecond;  // a worker closes within a turn, a socket that retires some seconds later
}

Result<std::vector<Listening::Wanted>> Listening::wanted_by(const Snapshot& snapshot) {
  std::vector<Wanted> wanted;
  for (const ListenerSpec& spec : snapshot.listeners) {
    for (const Address& address : spec.addresses) {
      const bool twice =
          std::any_of(wanted.begin(), wanted.end(), [&](const Wanted& w) { return w.address == address; });
      if (twice) return Error{EADDRINUSE, "bind", address.host(), address.port()};
      wanted.push_back({address, &spec});
    }
  }
  return wanted;
}

Result<Listening::Fresh> Listening::bind_missing(const std::vector<Wanted>& wanted, uint32_t workers) {
  Fresh fresh;
  for (const Wanted& want : wanted) {
    size_t have = 0;
    bool port_is_ours = false;
    bool inherited = false;
    for (const std::vector<Socket>* group : {&sockets_, &inherited_, &fresh.sockets}) {
      for (const Socket& s : *group) {
        have += s.address == want.address ? 1 : 0;
        inherited |= s.address == want.address && group == &inherited_;
        port_is_ours |= s.address.port() == want.address.port();
      }
    }
    if (have > 0 && group_of(want.address).crowded) continue;
    for (; have < workers; ++have) {
      // Somebody else's socket on this port is found out by a first bind that does not share it.
      Result<UniqueFd> fd = bind_one(want, !port_is_ours);
      if (!fd.has_value() && !port_is_ours && fd.error().number == EADDRINUSE && is_leaving(want.address.port())) {
        fd = bind_one(want, false);  // beside what is left of our own
      }
      if (!fd.has_value() && inherited && fd.error().number == EADDRINUSE) {
        // Made without SO_REUSEPORT, or by another user.
        fresh.crowded.push_back(want.address);
        break;
      }
      if (!fd.has_value()) return fd.error();
      port_is_ours = true;
      const ListenerSpec& spec = *want.spec;
      fresh.sockets.push_back({next_socket_++, want.address, std::move(fd.value()), spec.backlog, spec.options});
    }
  }
  return fresh;
}

bool Listening::is_leaving(uint16_t port) const {
  const Nanos now = monotonic_now();
  return std::any_of(leaving_.begin(), leaving_.end(),
                     [&](const Leaving& l) { return l.port == port && now - l.since < kLeavesWithin; });
}

/// As whoever made the sockets that are there, since the kernel lets only one user's sockets share an address.
Result<UniqueFd> Listening::bind_one(const Wanted& want, bool first) const {
  std::optional<SocketOwner> owner = owner_;
  for (const std::vector<Socket>* group : {&sockets_, &inherited_}) {
    for (const Socket& s : *group) {
      struct stat facts {};
      if (s.address == want.address && ::fstat(s.fd.get(), &facts) == 0) owner = {facts.st_uid, facts.st_gid};
    }
  }
  if (owner && owner->user == ::geteuid()) owner.reset();
  return listen_on(want.address, want.spec->backlog, want.spec->options, first, owner ? &*owner : nullptr);
}

void Listening::add(const std::vector<Wanted>& wanted, Fresh fresh) {
  const auto take = [this](Socket& socket) {
    group_of(socket.address).order.push_back(socket.id);
    sockets_.push_back(std::move(socket));
  };
  for (Socket& socket : inherited_) {
    const auto is_it = [&](const Wanted& want) { return want.address == socket.address; };
    if (std::any_of(wanted.begin(), wanted.end(), is_it)) take(socket);
  }
  inherited_.clear();
  for (Socket& socket : fresh.sockets) take(socket);
  for (const Address& address : fresh.crowded) group_of(address).crowded = true;
}

Result<Address> Listening::adopt(int fd) {
  Result<Address> address = listening_address(fd);
  if (!address.has_value()) return address;
  if (owner_) (void)give_away(fd, *owner_);
  // What it was told before is not known: it is told again.
  inherited_.push_back({next_socket_++, address.value(), UniqueFd(fd), -1, {}});
  return address;
}

void Listening::set_owner(SocketOwner owner) {
  owner_ = owner;
  for (const Socket& socket : inherited_) (void)give_away(socket.fd.get(), owner);
}

Result<std::vector<Listening::Offered>> Listening::offer() const {
  std::vector<Offered> offered;
  for (const Group& group : groups_) {
    if (!group.retiring.empty()) return Error{EAGAIN, "offer", group.address.host(), group.address.port()};
    for (const uint32_t id : group.order) {
      for (const Socket& socket : sockets_) {
        if (socket.id != id) continue;
        UniqueFd duplicate(::fcntl(socket.fd.get(), F_DUPFD_CLOEXEC, 0));
        if (!duplicate.valid()) return Error{errno, "offer", group.address.host(), group.address.port()};
        offered.push_back({socket.address, std::move(duplicate)});
      }
    }
  }
  return offered;
}

void Listening::let_go(const std::vector<Address>& addresses) {
  const auto theirs = [&](const Address& address) {
    return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
  };
  for (const Socket& socket : sockets_) {
    if (theirs(socket.address)) close_at_workers(socket, Command::Kind::kRelease);
  }
  std::erase_if(sockets_, [&](const Socket& s) { return theirs(s.address); });
  std::erase_if(groups_, [&](const Group& g) { return theirs(g.address); });
}

void Listening::steer_again() {
  for (Group& group : groups_) steer(group);
}

void Listening::place(const std::vector<Wanted>& wanted, uint32_t workers) {
  const auto gone = [&](const Address& address) {
    return std::none_of(wanted.begin(), wanted.end(), [&](const Wanted& w) { return w.address == address; });
  };
  const Nanos now = monotonic_now();
  std::erase_if(leaving_, [&](const Leaving& l) { return now - l.since >= kLeavesWithin; });
  // What goes: our descriptor here, the worker's when it has emptied the queue.
  for (const Socket& socket : sockets_) {
    if (!gone(socket.address)) continue;
    std::erase_if(leaving_, [&](const Leaving& l) { return l.port == socket.address.port(); });
    leaving_.push_back({socket.address.port(), now});
    close_at_workers(socket, Command::Kind::kClose);
  }
  std::erase_if(sockets_, [&](const Socket& s) { return gone(s.address); });
  std::erase_if(groups_, [&](const Group& g) { return gone(g.address); });
  for (const Wanted& want : wanted) place_group(want, workers);
}

/// A socket stays with its worker if it can. There may be more than workers, after their number has gone down: the
/// surplus moves to a worker that stays and gets no new connections; it is closed when its queue has been empty for a
/// while. To close it at once would reset those who wait in it. The first ones in the kernel's order stay: see steer().
void Listening::place_group(const Wanted& want, uint32_t workers) {
  Group& group = group_of(want.address);
  std::vector<Socket*> ours;
  for (const uint32_t id : group.order) {
    const auto at = std::find_if(sockets_.begin(), sockets_.end(), [&](const Socket& s) { return s.id == id; });
    if (at != sockets_.end()) ours.push_back(&*at);
  }
  std::vector<uint32_t> held(workers, 0);
  std::vector<Socket*> moving;
  for (size_t i = 0; i < ours.size(); ++i) {
    Socket& s = *ours[i];
    refresh_options(s, *want.spec);
    if (i < workers && s.worker < workers && held[s.worker] == 0) {
      held[s.worker] = 1;
      assign(s, s.worker, want.spec->slot);
    } else {
      moving.push_back(&s);
    }
  }
  std::vector<uint32_t> surplus;
  for (Socket* s : moving) {
    const auto free = std::find(held.begin(), held.end(), 0U);
    const bool stays = free != held.end();
    const auto target = stays ? static_cast<uint32_t>(free - held.begin()) : s->id % workers;
    if (stays) *free = 1;
    assign(*s, target, want.spec->slot);
    if (stays) continue;
    group.retiring.push_back(s->id);
    surplus.push_back(s->id);
  }
  if (group.crowded) {
    group.retiring.clear();
    share_group(group, held, want.spec->slot);
    return;
  }
  if (surplus.empty()) return;
  steer(group);
  if (!group.steered) {  // it would go on getting connections: it has to stay
    group.retiring.clear();
    return;
  }
  for (const Socket& s : sockets_) {
    if (std::find(surplus.begin(), surplus.end(), s.id) == surplus.end()) continue;
    workers_[s.worker]->post({.kind = Command::Kind::kRetire, .socket = s.id});
  }
  std::erase_if(sockets_,
                [&](const Socket& s) { return std::find(surplus.begin(), surplus.end(), s.id) != surplus.end(); });
}

/// Workers without a socket of their own watch one of the others' too. Each new connection wakes all who watch, and one
/// of them gets it.
void Listening::share_group(const Group& group, const std::vector<uint32_t>& held, uint32_t listener) {
  const auto workers = static_cast<uint32_t>(held.size());
  uint32_t turn = 0;
  for (uint32_t worker = 0; worker < workers; ++worker) {
    if (held[worker] != 0) continue;
    const uint32_t id = group.order[turn++ % group.order.size()];
    const auto socket = std::find_if(sockets_.begin(), sockets_.end(), [&](const Socket& s) { return s.id == id; });
    if (socket == sockets_.end()) continue;
    const uint64_t bit = 1ULL << worker;
    if ((socket->also & bit) == 0) {
      if (hand(*socket, worker, listener)) socket->also |= bit;
    } else {
      workers_[worker]->post({.kind = Command::Kind::kAssign, .socket = id, .listener = listener});
    }
  }
  for (Socket& s : sockets_) {
    if (!(s.address == group.address)) continue;
    for (uint32_t worker = 0; worker < kMaxWorkers; ++worker) {
      const uint64_t bit = 1ULL << worker;
      if ((s.also & bit) == 0 || (worker < workers && held[worker] == 0)) continue;
      s.also &= ~bit;
      if (worker != s.worker) workers_[worker]->post({.kind = Command::Kind::kRelease, .socket = s.id});
    }
  }
}

/// A duplicate for that worker. False when there is nobody to take it.
bool Listening::hand(Socket& socket, uint32_t worker, uint32_t listener) {
  const int duplicate = ::fcntl(socket.fd.get(), F_DUPFD_CLOEXEC, 0);
  const bool posted = duplicate >= 0 &&
                      workers_[worker]->post(
                          {.kind = Command::Kind::kAssign, .socket = socket.id, .fd = duplicate, .listener = listener});
  if (!posted && duplicate >= 0) ::close(duplicate);
  return posted;
}

void Listening::close_at_workers(const Socket& socket, Command::Kind kind) {
  for (uint32_t worker = 0; worker < kMaxWorkers; ++worker) {
    if (worker != socket.worker && (socket.also & 1ULL << worker) == 0) continue;
    if (workers_[worker]) workers_[worker]->post({.kind = kind, .socket = socket.id});
  }
}

void Listening::assign(Socket& socket, uint32_t worker, uint32_t listener) {
  const bool moves = socket.worker != worker;
  if (!moves && socket.listener == listener) return;
  if (moves && socket.worker < kMaxWorkers) {
    workers_[socket.worker]->post({.kind = Command::Kind::kRelease, .socket = socket.id});
  }
  if (moves) {
    (void)hand(socket, worker, listener);
  } else {
    workers_[worker]->post({.kind = Command::Kind::kAssign, .socket = socket.id, .listener = listener});
  }
  socket.worker = worker;
  socket.listener = listener;
  socket.also &= ~(1ULL << worker);  // it has one, and would close another
}

void Listening::refresh_options(Socket& socket, const ListenerSpec& spec) {
  if (socket.backlog != spec.backlog)
    ::listen(socket.fd.get(), spec.backlog);  // on a listening socket: its length only
  if (!(socket.options == spec.options)) {
    (void)set_listener_options(socket.fd.get(), spec.options);  // one that is refused now is refused at a start too
  }
  socket.backlog = spec.backlog;
  socket.options = spec.options;
}

Listening::Group& Listening::group_of(const Address& address) {
  for (Group& group : groups_) {
    if (group.address == address) return group;
  }
  groups_.emplace_back();
  groups_.back().address = address;
  return groups_.back();
}

/// While sockets retire, new connections go only to those that keep their place in the kernel's order whatever closes first:
/// the first ones, as many as will be left. A place that is out of date for a moment would be somebody's who is about to
/// close, and a handshake that ended there would be reset.
void Listening::steer(Group& group) {
  const auto socket =
      std::find_if(sockets_.begin(), sockets_.end(), [&](const Socket& s) { return s.address == group.address; });
  if (socket == sockets_.end()) return;
  std::vector<uint32_t> places;
  const size_t left = group.order.size() - group.retiring.size();
  for (uint32_t i = 0; !group.retiring.empty() && i < left; ++i) {
    const auto& out = group.retiring;
    if (std::find(out.begin(), out.end(), group.order[i]) == out.end()) places.push_back(i);
  }
  group.steered = steer_new_connections(socket->fd.get(), places) && !places.empty();
}

/// The kernel fills the place of a socket that has gone with the last one.
void Listening::forget(uint32_t id) {
  for (Group& group : groups_) {
    const auto at = std::find(group.order.begin(), group.order.end(), id);
    if (at == group.order.end()) continue;
    *at = group.order.back();
    group.order.pop_back();
    std::erase(group.retiring, id);
    steer(group);
  }
}

}  // namespace ub
