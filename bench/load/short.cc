// SPDX-License-Identifier: MIT
#include "short.h"

#include <errno.h>
#include <sys/socket.h>

#include "gauge.h"

namespace load {

class ShortLoad::Visit : public Watched {
 public:
  Visit(ShortLoad& all, int connecting, uint32_t number)
      : all_(all), first_(first_word(number, 0)), answer_(all.answering_.sizes.answer), from_(now_ns()) {
    fd = connecting;
    // On loopback the handshake is done by now, and the question can go at once; elsewhere it waits for the
    // kernel.
    asked_ = ask();
    all_.trial_.loop.watch(*this, asked_ ? EPOLLIN : EPOLLOUT);
  }

  void on_ready(uint32_t) override {
    if (!asked_) {
      if (!ask()) return finish("connect_failed");
      asked_ = true;
      all_.trial_.loop.change(*this, EPOLLIN);
      return;
    }
    const ssize_t n = recv(fd, answer_.data() + have_, answer_.size() - have_, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) return finish("answer_reset");
    if (n == 0) return finish("answer_cut");
    have_ += static_cast<uint32_t>(n);
    if (have_ < answer_.size()) return;
    finish(check_message(answer_.data(), answer_.size(), first_, Kind::kAnswer) ? nullptr : "wrong_answer");
  }

 private:
  bool ask() {
    const size_t size = all_.answering_.sizes.question;
    write_message(all_.scratch_.data(), size, first_, Kind::kQuestion);
    return send(fd, all_.scratch_.data(), size, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
  }

  void finish(const char* error) {
    if (error != nullptr) {
      all_.trial_.errors.count(error);
    } else {
      all_.finished_ += 1;
      if (all_.trial_.in_window(from_)) all_.latency_.record(now_ns() - from_);
    }
    all_.under_way_ -= 1;
    all_.trial_.loop.retire(this);
    all_.start();
  }

  ShortLoad& all_;
  const uint64_t first_;
  std::vector<char> answer_;
  const Nanos from_;
  uint32_t have_ = 0;
  bool asked_ = false;
};

ShortLoad::ShortLoad(Trial& trial, uint32_t at_once, uint32_t sources, MessageSizes sizes)
    : trial_(trial), answering_{trial, sizes}, at_once_(at_once), sources_(sources), scratch_(sizes.question) {
  if (at_once == 0 || sources == 0) die("at least one connection from one source");
  time_wait_ = time_wait_sockets();
}

void ShortLoad::accepted(int fd, uint32_t backend) { new Answerer(answering_, fd, backend); }

void ShortLoad::begin(Nanos) {
  for (uint32_t i = 0; i < at_once_; ++i) start();
}

void ShortLoad::start() {
  constexpr uint32_t kMostErrors = 1000;  // a proxy that refuses everybody must not keep us busy for ever
  if (ending_ || trial_.errors.total() > kMostErrors) return;
  const uint32_t number = started_++;
  const int fd = connect_from(address_in(trial_.net, kClientPart, number % sources_), trial_.target(number));
  if (fd < 0) {
    trial_.errors.count(errno == EADDRNOTAVAIL ? "no_local_port" : "connect_failed");
    return;
  }
  under_way_ += 1;
  new Visit(*this, fd, number);
}

void ShortLoad::report(Json& json) const {
  json.field("connections", at_once_).field("silent_connections", answering_.silent);
  json.field("time_wait_at_start", time_wait_);
  latency_.report(json, "latency");
}

}  // namespace load
