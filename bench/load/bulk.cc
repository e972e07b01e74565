// SPDX-License-Identifier: MIT
#include "bulk.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace load {
namespace {

constexpr Nanos kPace = kMillisecond / 4;  // a burst of one millisecond would make the requests beside it late
constexpr uint64_t kLastWord = 64 * 1024;  // what a backend says after its client has ended
constexpr uint64_t kGreetingMask = 0xffffffffULL << 32;

}  // namespace

void BulkEnd::fail(const char* name) {
  all_.trial_.errors.count(name);
  eof_ = shut_ = true;
  all_.trial_.loop.close(*this);
}

void BulkEnd::arm(bool out) {
  const uint32_t wanted = (eof_ ? 0u : static_cast<uint32_t>(EPOLLIN)) | (out ? static_cast<uint32_t>(EPOLLOUT) : 0u);
  if (wanted == armed_ || fd < 0) return;
  armed_ = wanted;
  all_.trial_.loop.change(*this, wanted);
}

void BulkEnd::finish_connect() {
  const uint64_t greeting = (kBulkGreeting << 32) | stream_;
  if (send(fd, &greeting, sizeof greeting, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof greeting)) {
    return fail("connect_failed");
  }
  open_ = true;
  arm(false);
}

void BulkEnd::on_ready(uint32_t events) {
  if (is_client_ && !open_) return finish_connect();
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) pull();
  if (fd >= 0 && (events & EPOLLOUT)) push(all_.trial_.loop.now());
}

void BulkEnd::pull() {
  const ssize_t n = recv(fd, all_.scratch_.data(), all_.scratch_.size(), 0);
  if (n < 0) {
    if (errno != EAGAIN) fail("stream_reset");
    return;
  }
  if (n > 0) {
    const size_t size = static_cast<size_t>(n);
    const bool right = all_.trial_.measuring ? all_.tape_.spot_check(received_, all_.scratch_.data(), size)
                                             : all_.tape_.matches(received_, all_.scratch_.data(), size);
    if (!right) return fail("wrong_bytes");
    received_ += size;
    all_.delivered_ += size;
    return;
  }
  eof_ = true;
  const BulkEnd* peer = is_client_ ? all_.backends_[stream_].get() : all_.clients_[stream_].get();
  if (!ending_ && is_client_) return fail("stream_ended_early");
  if (peer == nullptr || peer->sent_ != received_) return fail("bytes_lost");
  if (!is_client_) {
    if (!all_.clients_[stream_]->ending_) return fail("stream_ended_early");
    goal_ = sent_ + kLastWord;
    sends_ = true;
    ending_ = true;
  }
  if (shut_) return all_.trial_.loop.close(*this);
  arm(true);
  push(all_.trial_.loop.now());
}

void BulkEnd::push(Nanos now) {
  if (fd < 0 || shut_) return;
  const uint64_t limit = ending_ ? goal_ : std::min(goal_, sends_ ? all_.allowed(now) : 0);
  if (sent_ < limit) {
    const size_t size = static_cast<size_t>(std::min<uint64_t>(limit - sent_, Tape::kChunk));
    const ssize_t n = send(fd, all_.tape_.at(sent_), size, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return fail("stream_reset");
    if (n > 0) sent_ += static_cast<uint64_t>(n);
  }
  if (ending_ && sent_ >= goal_) return shut();
  arm(sent_ < limit);
}

void BulkEnd::shut() {
  if (shut_ || fd < 0) return;
  shutdown(fd, SHUT_WR);
  shut_ = true;
  if (eof_) return all_.trial_.loop.close(*this);
  arm(false);
}

BulkLoad::BulkLoad(Trial& trial, uint32_t streams, const std::string& direction, double bytes_per_second)
    : trial_(trial),
      scratch_(Tape::kChunk),
      to_backend_(direction != "to_client"),
      to_client_(direction != "to_backend"),
      backends_(streams) {
  if (direction != "to_client" && direction != "to_backend" && direction != "both") die("no such direction");
  const double senders = static_cast<double>(streams) * (to_backend_ && to_client_ ? 2 : 1);
  rate_per_end_ = bytes_per_second / senders;
  for (uint32_t i = 0; i < streams; ++i) clients_.push_back(std::make_unique<BulkEnd>(*this, true, i));
}

uint64_t BulkLoad::allowed(Nanos now) const {
  if (rate_per_end_ == 0) return UINT64_MAX;
  return static_cast<uint64_t>(rate_per_end_ * static_cast<double>(now - begun_) / kSecond);
}

void BulkLoad::accepted(int fd, uint32_t) {
  new Doorman(
      trial_, fd,
      [this](int own, bool bulk) {
        if (bulk) {
          adopt(own);
        } else {
          trial_.errors.count("wrong_bytes");
          ::close(own);
        }
      },
      &silent_);
}

void BulkLoad::adopt(int fd) {
  uint64_t greeting = 0;
  if (recv(fd, &greeting, sizeof greeting, 0) != static_cast<ssize_t>(sizeof greeting)) greeting = 0;
  const uint32_t stream = static_cast<uint32_t>(greeting);
  if ((greeting & kGreetingMask) != kBulkGreeting << 32 || stream >= backends_.size() || backends_[stream]) {
    trial_.errors.count("wrong_bytes");
    ::close(fd);
    return;
  }
  backends_[stream] = std::make_unique<BulkEnd>(*this, false, stream);
  BulkEnd& end = *backends_[stream];
  end.fd = fd;
  end.open_ = true;
  end.armed_ = EPOLLIN;
  trial_.loop.watch(end, EPOLLIN);
}

void BulkLoad::connect() {
  uint32_t n = 0;
  for (const auto& client : clients_) {
    client->fd = connect_from(address_in(trial_.net, kClientPart, n), trial_.target(n));
    n += 1;
    if (client->fd < 0) {
      trial_.errors.count("connect_failed");
      continue;
    }
    client->armed_ = EPOLLOUT;
    trial_.loop.watch(*client, EPOLLOUT);
  }
}

bool BulkLoad::connected() const {
  return std::all_of(backends_.begin(), backends_.end(), [](const auto& end) { return end && end->open_; });
}

void BulkLoad::begin(Nanos now) {
  begun_ = now;
  for (const auto& end : clients_) end->sends_ = to_backend_;
  for (const auto& end : backends_) {
    if (end) end->sends_ = to_client_;
  }
  if (rate_per_end_ == 0) on_time(now);
}

Nanos BulkLoad::on_time(Nanos now) {
  for (const auto& end : clients_) {
    if (end->sends_) end->push(now);
  }
  for (const auto& end : backends_) {
    if (end && end->sends_) end->push(now);
  }
  return rate_per_end_ == 0 ? kNever : now + kPace;
}

void BulkLoad::end() {
  for (const auto& client : clients_) {
    client->ending_ = true;
    client->goal_ = client->sent_;
    client->shut();
  }
}

bool BulkLoad::ended() const {
  const auto done = [](const auto& end) { return !end || end->done(); };
  return std::all_of(clients_.begin(), clients_.end(), done) && std::all_of(backends_.begin(), backends_.end(), done);
}

void BulkLoad::report(Json& json) const {
  json.field("streams", clients_.size())
      .field("offered_bytes_per_second",
             rate_per_end_ * static_cast<double>(clients_.size() * (to_backend_ && to_client_ ? 2 : 1)));
  json.field("silent_connections", silent_);
}

Doorman::Doorman(Trial& trial, int accepted, Decide decide, uint32_t* silent)
    : trial_(trial), decide_(std::move(decide)), silent_(silent) {
  fd = accepted;
  trial_.loop.watch(*this, EPOLLIN | EPOLLRDHUP);
}

void Doorman::on_ready(uint32_t) {
  uint64_t first = 0;
  const ssize_t n = recv(fd, &first, sizeof first, MSG_PEEK);
  if (n <= 0) {
    if (n < 0 && errno == EAGAIN) return;
    *silent_ += 1;
    trial_.loop.retire(this);
    return;
  }
  if (n < static_cast<ssize_t>(sizeof first)) return;  // the rest is on its way
  const int own = trial_.loop.release(*this);
  trial_.loop.retire(this);
  decide_(own, (first >> 32) == kBulkGreeting);
}

}  // namespace load
