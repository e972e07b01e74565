// SPDX-License-Identifier: MIT
#include "answer.h"

#include <errno.h>
#include <sys/socket.h>

#include <cstring>

namespace load {

Answerer::Answerer(Answering& all, int accepted, uint32_t backend)
    : all_(all), backend_(backend), question_(all.sizes.question) {
  fd = accepted;
  urgent = all.urgent;
  if (all_.scratch.size() < all_.sizes.answer) all_.scratch.resize(all_.sizes.answer);
  all_.open += 1;
  all_.trial.loop.watch(*this, EPOLLIN);
}

void Answerer::leave(const char* error) {
  if (error != nullptr) all_.trial.errors.count(error);
  all_.open -= 1;
  all_.trial.loop.retire(this);
}

void Answerer::on_ready(uint32_t) {
  const ssize_t n = recv(fd, question_.data() + have_, question_.size() - have_, 0);
  if (n < 0) {
    if (errno == EAGAIN) return;
    if (!asked_ && have_ == 0) {
      all_.silent += 1;
      return leave(nullptr);
    }
    return leave("question_reset");
  }
  if (n == 0) {
    if (have_ != 0) return leave("question_cut");
    (asked_ ? all_.served : all_.silent) += 1;
    return leave(nullptr);
  }
  have_ += static_cast<uint32_t>(n);
  if (have_ == question_.size()) answer();
}

void Answerer::answer() {
  have_ = 0;
  uint64_t first = 0;
  std::memcpy(&first, question_.data(), sizeof first);
  const uint32_t connection = static_cast<uint32_t>(first >> 32);
  const uint32_t number = static_cast<uint32_t>(first);
  const bool expected = asked_ ? connection == connection_ && number == number_ + 1 : number == 0;
  if (!expected || !check_message(question_.data(), question_.size(), first, Kind::kQuestion)) {
    return leave("wrong_question");
  }
  if (!asked_) all_.trial.asked[backend_] += 1;
  asked_ = true;
  connection_ = connection;
  number_ = number;
  const size_t size = all_.sizes.answer;
  write_message(all_.scratch.data(), size, first, Kind::kAnswer);
  if (send(fd, all_.scratch.data(), size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) leave("answer_not_sent");
}

}  // namespace load
