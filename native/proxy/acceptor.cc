// SPDX-License-Identifier: MIT
#include "proxy/acceptor.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ub {
namespace {
constexpr uint32_t kLargestBatch = 16;  // accepts per turn: the sessions that are there have work too
constexpr Nanos kShortage = 100 * kMillisecond;
// Handshakes that began before connections were steered away end within a round trip or two.
constexpr Nanos kRetireAfter = 2 * kSecond;
constexpr Nanos kTellEvery = 2 * kSecond;  // of a shortage that comes and goes
constexpr uint32_t kMostAborted = 64;      // clients that left before they were accepted, per turn
}  // namespace

void Acceptor::assign(uint32_t id, int fd, WorkerListener& listener) {
  const auto [at, fresh] = sockets_.try_emplace(id, Socket{fd, &listener});
  ++listener.sockets;
  if (fresh) {
    ctx_.poller.add_level(fd, id);
    return;
  }
  --at->second.listener->sockets;
  if (fd >= 0) ::close(fd);
  at->second.listener = &listener;
  if (at->second.pause == Pause::kFull) {
    at->second.pause = Pause::kNone;
    ctx_.poller.resume_level(at->second.fd, id);
  }
}

void Acceptor::release(uint32_t id) {
  const auto at = sockets_.find(id);
  if (at == sockets_.end()) return;
  ctx_.poller.remove(at->second.fd);  // the socket lives on, so closing the descriptor would not take it out
  ::close(at->second.fd);
  --at->second.listener->sockets;
  sockets_.erase(at);
}

void Acceptor::retire(uint32_t id) {
  const auto at = sockets_.find(id);
  if (at == sockets_.end()) return;
  at->second.retire_at = ctx_.now + kRetireAfter;
  if (retire_at_ == 0) retire_at_ = at->second.retire_at;
}

void Acceptor::close_retired() {
  std::vector<uint32_t> due;
  retire_at_ = 0;
  for (const auto& [id, socket] : sockets_) {
    if (socket.retire_at == 0) continue;
    if (socket.retire_at <= ctx_.now) {
      due.push_back(id);
    } else {
      retire_at_ = retire_at_ == 0 ? socket.retire_at : std::min(retire_at_, socket.retire_at);
    }
  }
  for (uint32_t id : due) {
    const int fd = empty(id);
    // Told in the order in which it is done, whichever worker does it: that is how the kernel counts those that stay.
    ctx_.events.push({EventType::kSocketClosed, ctx_.index, id, 0}, [fd] { ::close(fd); });
  }
}

void Acceptor::close(uint32_t id) {
  const int fd = empty(id);
  if (fd >= 0) ::close(fd);
}

int Acceptor::empty(uint32_t id) {
  const auto at = sockets_.find(id);
  if (at == sockets_.end()) return -1;
  Socket socket = at->second;
  sockets_.erase(at);
  ctx_.poller.remove(socket.fd);
  while (accept_one(socket, true) == Accepted::kOne) {
  }
  --socket.listener->sockets;
  return socket.fd;
}

void Acceptor::close_all() {
  while (!sockets_.empty()) close(sockets_.begin()->first);
}

bool Acceptor::take_place(WorkerListener& listener) {
  std::atomic<uint32_t>& active = listener.state->active;
  const uint32_t most = listener.spec->max_connections;
  if (most == 0) {
    active.fetch_add(1);
    return true;
  }
  uint32_t seen = active.load();
  while (seen < most) {
    if (active.compare_exchange_weak(seen, seen + 1)) return true;
  }
  return false;
}

Acceptor::Accepted Acceptor::accept_one(Socket& socket, bool last) {
  WorkerListener& listener = *socket.listener;
  if (near_limit_ && !last) {
    near_limit_ = ctx_.room.is_used_up(socket.fd, ctx_.now);
    if (near_limit_) return shortage(listener, EMFILE);
  }
  if (!take_place(listener)) {
    // Say that we wait, then look once more: a place given back in between would ring no bell.
    listener.state->waiting.fetch_or(1ULL << ctx_.index);
    if (!take_place(listener)) return Accepted::kFull;
  }
  sockaddr_storage peer;
  int fd = -1;
  for (uint32_t i = 0; i < kMostAborted; ++i) {
    fd = accept_client(socket.fd, &peer);
    if (fd >= 0 || (errno != ECONNABORTED && errno != EPROTO)) break;
  }
  if (fd >= 0) {
    near_limit_ = ctx_.room.is_reserved(fd, ctx_.now);
    if (socket.retire_at != 0) socket.retire_at = ctx_.now + kRetireAfter;
    if (told_of_shortage_) {
      told_of_shortage_ = false;
      ctx_.events.push({EventType::kAcceptResumed, ctx_.index, 0, 0});
    }
    sessions_.open(fd, peer, listener);
    return Accepted::kOne;
  }
  const int error = errno;
  listener.state->active.fetch_sub(1);
  if (error == EAGAIN || error == ECONNABORTED || error == EPROTO) return Accepted::kNone;
  listener.counters->accept_errors.add();
  near_limit_ = near_limit_ || error == EMFILE;
  return shortage(listener, error);
}

Acceptor::Accepted Acceptor::shortage(WorkerListener& listener, int error) {
  ctx_.pipes.trim();
  if (!told_of_shortage_ && ctx_.now >= tell_again_at_) {
    ctx_.events.push({EventType::kAcceptPaused, ctx_.index, listener.state->slot, static_cast<uint64_t>(error)});
    told_of_shortage_ = true;
    tell_again_at_ = ctx_.now + kTellEvery;
  }
  return Accepted::kShortage;
}

void Acceptor::pause(uint32_t id, Socket& socket, Pause why) {
  if (socket.pause == Pause::kNone) {
    ctx_.poller.pause_level(socket.fd, id);
    socket.listener->counters->accept_pauses.add();
  }
  socket.pause = why;
}

void Acceptor::on_event(uint32_t id) {
  const auto at = sockets_.find(id);
  if (at == sockets_.end()) {
    ctx_.counters.stale_events.add();
    return;
  }
  Socket& socket = at->second;
  if (ctx_.now < ctx_.descriptors_short_until) {
    pause(id, socket, Pause::kShortage);
    resume_at_ = std::max(resume_at_, ctx_.descriptors_short_until);
    return;
  }
  // One accept too many costs as much as a look by epoll, so the batch grows only while every turn finds it too small.
  const uint64_t turn = ctx_.counters.loops.get();
  if (turn != socket.last_turn + 1) socket.batch = 1;
  for (uint32_t i = 0; i < socket.batch; ++i) {
    switch (accept_one(socket, false)) {
      case Accepted::kOne: continue;
      case Accepted::kNone: socket.batch = 1; return;
      case Accepted::kFull: pause(id, socket, Pause::kFull); return;
      case Accepted::kShortage:
        ctx_.descriptors_short_until = resume_at_ = ctx_.now + kShortage;
        pause(id, socket, Pause::kShortage);
        return;
    }
  }
  if (turn == socket.last_turn + 1) socket.batch = std::min(socket.batch * 2, kLargestBatch);
  socket.last_turn = turn;
}

void Acceptor::resume() {
  const bool shortage_over = resume_at_ != 0 && ctx_.now >= resume_at_;
  for (auto& [id, socket] : sockets_) {
    if (socket.pause == Pause::kNone || (socket.pause == Pause::kShortage && !shortage_over)) continue;
    socket.pause = Pause::kNone;
    ctx_.poller.resume_level(socket.fd, id);
  }
  ctx_.place_freed = false;
  if (shortage_over) resume_at_ = 0;
}

}  // namespace ub
