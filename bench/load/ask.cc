// SPDX-License-Identifier: MIT
#include "ask.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>

namespace load {
namespace {

/// Questions that may wait on one connection before the trial is void: the rate is beyond what is measured.
constexpr size_t kQueueLimit = 10'000;

}  // namespace

Asker::Asker(AskLoad& all, uint32_t connection)
    : all_(all), connection_(connection), answer_(all.answering_.sizes.answer) {
  urgent = all.answering_.urgent;
}

void Asker::leave(const char* error) {
  if (error != nullptr) all_.trial_.errors.count(error);
  if (waiting_) all_.busy_ -= 1;
  if (open_) all_.open_ -= 1;
  waiting_ = open_ = false;
  all_.trial_.loop.close(*this);
}

void Asker::ask(Nanos due) {
  const size_t size = all_.answering_.sizes.question;
  write_message(all_.scratch_.data(), size, first_word(connection_, next_number_), Kind::kQuestion);
  due_ = due;
  waiting_ = true;
  all_.busy_ += 1;
  if (send(fd, all_.scratch_.data(), size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) leave("question_not_sent");
}

void Asker::on_ready(uint32_t events) {
  if (!open_) {
    if (events & (EPOLLERR | EPOLLHUP)) return leave("connect_failed");
    open_ = true;
    all_.open_ += 1;
    all_.trial_.loop.change(*this, EPOLLIN);
    return;
  }
  const ssize_t n = recv(fd, answer_.data() + have_, answer_.size() - have_, 0);
  if (n < 0) {
    if (errno != EAGAIN) leave("answer_reset");
    return;
  }
  if (n == 0) return leave(shut_ ? nullptr : "answer_cut");
  have_ += static_cast<uint32_t>(n);
  if (have_ < answer_.size()) return;
  have_ = 0;
  const bool right =
      waiting_ && check_message(answer_.data(), answer_.size(), first_word(connection_, next_number_), Kind::kAnswer);
  if (!right) return leave("wrong_answer");
  const Nanos now = now_ns();
  if (all_.trial_.in_window(due_)) all_.latency_.record(now - due_);
  next_number_ += 1;
  waiting_ = false;
  all_.busy_ -= 1;
  all_.answered_ += 1;
  if (!queue_.empty()) {
    const Nanos due = queue_.front();
    queue_.pop_front();
    ask(due);
  } else if (all_.per_second_ == 0 && !all_.ending_) {
    ask(now);
  }
}

AskLoad::AskLoad(Trial& trial, uint32_t connections, double per_second, MessageSizes sizes, bool urgent)
    : trial_(trial),
      answering_{trial, sizes, urgent},
      per_second_(per_second),
      random_(trial.seed),
      scratch_(sizes.question) {
  if (sizes.question < 8 || sizes.answer < 8 || connections == 0) die("messages have 8 bytes or more, and connections");
  for (uint32_t i = 0; i < connections; ++i) askers_.push_back(std::make_unique<Asker>(*this, i));
}

void AskLoad::accepted(int fd, uint32_t backend) { new Answerer(answering_, fd, backend); }

void AskLoad::connect() {
  uint32_t n = 0;
  for (const auto& asker : askers_) {
    asker->fd = connect_from(address_in(trial_.net, kClientPart, n % 16), trial_.target(n));
    n += 1;
    if (asker->fd < 0) {
      trial_.errors.count("connect_failed");
    } else {
      trial_.loop.watch(*asker, EPOLLOUT);
    }
  }
}

void AskLoad::begin(Nanos now) {
  if (per_second_ > 0) {
    next_due_ = now + next_gap();
    return;
  }
  for (const auto& asker : askers_) {
    if (asker->open_) asker->ask(now);
  }
}

Nanos AskLoad::on_time(Nanos now) {
  while (next_due_ <= now) {
    Asker& asker = *askers_[turn_++ % askers_.size()];
    const Nanos due = next_due_;
    next_due_ += next_gap();
    if (!asker.open_) continue;
    if (asker.waiting_) {
      if (asker.queue_.size() == kQueueLimit) {
        trial_.errors.count("rate_not_sustained");
        asker.leave(nullptr);
      } else {
        asker.queue_.push_back(due);
      }
      continue;
    }
    if (trial_.in_window(due)) lag_.record(now_ns() - due);
    asker.ask(due);
  }
  return next_due_;
}

void AskLoad::end() {
  ending_ = true;
  next_due_ = kNever;
}

bool AskLoad::ended() const {
  if (busy_ > 0) return false;
  for (const auto& asker : askers_) {
    if (asker->open_ && !asker->shut_) {
      asker->shut_ = true;
      shutdown(asker->fd, SHUT_WR);
    }
  }
  return open_ == 0 && answering_.open == 0;
}

void AskLoad::report(Json& json) const {
  json.field("connections", askers_.size()).field("offered_per_second", per_second_);
  json.field("silent_connections", answering_.silent);
  latency_.report(json, "latency");
  if (per_second_ > 0) lag_.report(json, "lag");
}

}  // namespace load
