// SPDX-License-Identifier: MIT
#include "proxy/listening.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ub {

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

Result<std::vector<Listening::Socket>> Listening::bind_missing(const std::vector<Wanted>& wanted, uint32_t workers) {
  std::vector<Socket> fresh;
  for (const Wanted& want : wanted) {
    size_t have = 0;
    bool port_is_ours = false;
    for (const std::vector<Socket>* group : {&sockets_, &fresh}) {
      for (const Socket& s : *group) {
        have += s.address == want.address ? 1 : 0;
        port_is_ours |= s.address.port() == want.address.port();
      }
    }
    for (; have < workers; ++have) {
      // Somebody else's socket on this port is found out by a first bind that does not share it.
      Result<UniqueFd> fd = listen_on(want.address, want.spec->backlog, want.spec->options, !port_is_ours);
      if (!fd.has_value()) return fd.error();
      port_is_ours = true;
      fresh.push_back({next_socket_++, want.address, std::move(fd.value()), want.spec->backlog, want.spec->options});
    }
  }
  return fresh;
}

void Listening::add(std::vector<Socket> fresh) {
  for (Socket& socket : fresh) {
    group_of(socket.address).order.push_back(socket.id);
    sockets_.push_back(std::move(socket));
  }
}

void Listening::place(const std::vector<Wanted>& wanted, uint32_t workers) {
  const auto gone = [&](const Address& address) {
    return std::none_of(wanted.begin(), wanted.end(), [&](const Wanted& w) { return w.address == address; });
  };
  // What goes: our descriptor here, the worker's when it has emptied the queue.
  for (const Socket& socket : sockets_) {
    if (gone(socket.address)) workers_[socket.worker]->post({.kind = Command::Kind::kClose, .socket = socket.id});
  }
  std::erase_if(sockets_, [&](const Socket& s) { return gone(s.address); });
  std::erase_if(groups_, [&](const Group& g) { return gone(g.address); });
  for (const Wanted& want : wanted) place_group(want, workers);
}

/// A socket stays with its worker if it can. There may be more than workers, after their number has gone down: the
/// surplus moves to a worker that stays and gets no new connections; it is closed when its queue has been empty for a
/// while. To close it at once would reset those who wait in it.
void Listening::place_group(const Wanted& want, uint32_t workers) {
  std::vector<uint32_t> held(workers, 0);
  std::vector<Socket*> moving;
  for (Socket& s : sockets_) {
    if (!(s.address == want.address)) continue;
    refresh_options(s, *want.spec);
    if (s.worker < workers && held[s.worker] == 0) {
      held[s.worker] = 1;
      assign(s, s.worker, want.spec->slot);
    } else {
      moving.push_back(&s);
    }
  }
  Group& group = group_of(want.address);
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

void Listening::assign(Socket& socket, uint32_t worker, uint32_t listener) {
  const bool moves = socket.worker != worker;
  if (!moves && socket.listener == listener) return;
  if (moves && socket.worker < kMaxWorkers) {
    workers_[socket.worker]->post({.kind = Command::Kind::kRelease, .socket = socket.id});
  }
  const int duplicate = moves ? ::fcntl(socket.fd.get(), F_DUPFD_CLOEXEC, 0) : -1;
  const bool posted = workers_[worker]->post(
      {.kind = Command::Kind::kAssign, .socket = socket.id, .fd = duplicate, .listener = listener});
  if (!posted && duplicate >= 0) ::close(duplicate);
  socket.worker = worker;
  socket.listener = listener;
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

void Listening::steer(Group& group) {
  const auto socket =
      std::find_if(sockets_.begin(), sockets_.end(), [&](const Socket& s) { return s.address == group.address; });
  if (socket == sockets_.end()) return;
  std::vector<uint32_t> places;
  for (uint32_t i = 0; !group.retiring.empty() && i < group.order.size(); ++i) {
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
