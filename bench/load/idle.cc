// SPDX-License-Identifier: MIT
#include "idle.h"

#include <errno.h>
#include <sys/socket.h>

#include <deque>
#include <sstream>

#include "answer.h"
#include "gauge.h"

namespace load {
namespace {

constexpr Nanos kStepDeadline = 30 * kSecond;
constexpr uint32_t kConnectingAtOnce = 64;

struct Sleepers;

class Sleeper : public Watched {
 public:
  Sleeper(Sleepers& all, uint32_t number, int connecting);
  void on_ready(uint32_t events) override;

 private:
  void settled(const char* error);

  Sleepers& all_;
  const uint64_t first_;
  uint32_t have_ = 0;
  enum class State { kConnecting, kAsked, kAsleep, kGone } state_ = State::kConnecting;
  std::vector<char> answer_;
};

struct Sleepers : Load {
  Sleepers(Trial& t, bool ask) : trial(t), asks(ask), answering{t, MessageSizes{}} {}

  void accepted(int fd, uint32_t backend) override { new Answerer(answering, fd, backend); }
  void connect() override {}
  bool connected() const override { return asleep + gone == wanted; }
  void begin(Nanos) override {}
  void end() override {
    for (const auto& sleeper : all) {
      if (sleeper->fd >= 0) shutdown(sleeper->fd, SHUT_WR);
    }
  }
  bool ended() const override { return asleep == 0 && answering.open == 0; }
  uint64_t units() const override { return asleep; }
  const char* unit() const override { return "sessions"; }
  void report(Json&) const override {}

  /// Some at a time, so that no backlog overflows.
  void open_more() {
    while (all.size() < wanted && all.size() - asleep - gone < kConnectingAtOnce) {
      const uint32_t n = static_cast<uint32_t>(all.size());
      const int fd = connect_from(address_in(trial.net, kClientPart, n % 16), trial.target(n));
      if (fd < 0) {
        trial.errors.count(errno == EMFILE ? "no_descriptor" : "connect_failed");
        wanted = n;
        return;
      }
      all.push_back(std::make_unique<Sleeper>(*this, n, fd));
    }
  }

  Trial& trial;
  const bool asks;
  Answering answering;
  std::deque<std::unique_ptr<Sleeper>> all;
  uint32_t wanted = 0;
  uint32_t asleep = 0;
  uint32_t gone = 0;
};

Sleeper::Sleeper(Sleepers& sleepers, uint32_t number, int connecting)
    : all_(sleepers), first_(first_word(number, 0)), answer_(sleepers.answering.sizes.answer) {
  fd = connecting;
  all_.trial.loop.watch(*this, EPOLLOUT);
}

void Sleeper::settled(const char* error) {
  if (error == nullptr) {
    state_ = State::kAsleep;
    all_.asleep += 1;
  } else {
    all_.trial.errors.count(error);
    state_ = State::kGone;
    all_.gone += 1;
    all_.trial.loop.close(*this);
  }
}

void Sleeper::on_ready(uint32_t events) {
  char byte = 0;
  switch (state_) {
    case State::kConnecting: {
      if (events & (EPOLLERR | EPOLLHUP)) return settled("connect_failed");
      all_.trial.loop.change(*this, EPOLLIN);
      if (!all_.asks) return settled(nullptr);
      char question[1024];
      const size_t size = all_.answering.sizes.question;
      write_message(question, size, first_, Kind::kQuestion);
      if (send(fd, question, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) return settled("question_not_sent");
      state_ = State::kAsked;
      return;
    }
    case State::kAsked: {
      const ssize_t n = recv(fd, answer_.data() + have_, answer_.size() - have_, 0);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return settled("answer_cut");
      have_ += static_cast<uint32_t>(n);
      if (have_ < answer_.size()) return;
      return settled(check_message(answer_.data(), have_, first_, Kind::kAnswer) ? nullptr : "wrong_answer");
    }
    case State::kAsleep:
      if (recv(fd, &byte, 1, 0) != 0) all_.trial.errors.count("session_reset");
      all_.asleep -= 1;
      all_.gone += 1;
      state_ = State::kGone;
      all_.trial.loop.close(*this);
      return;
    case State::kGone: return;
  }
}

void report_step(Json& json, uint32_t sessions, const Memory& m) {
  json.open('{').field("sessions", sessions).field("pss", m.pss).field("rss", m.rss).field("slab", m.slab).close('}');
}

}  // namespace

int run_idle(Trial& trial, const Args& args) {
  std::vector<uint32_t> sizes;
  std::istringstream list(args.text("sessions", "1000,4000,8500"));
  for (std::string size; std::getline(list, size, ',');) sizes.push_back(static_cast<uint32_t>(std::stoul(size)));
  const Nanos settle = static_cast<Nanos>(args.number("settle", 0.5) * kSecond);
  Sleepers sleepers(trial, args.text("ask", "no") == "yes");
  Acceptors acceptors(trial, std::max(1u, args.count("backends", 1)));
  args.check_all_used();
  acceptors.start(sleepers);
  wait_for_go(trial);

  Loop& loop = trial.loop;
  const auto never = [] { return false; };
  loop.run(never, now_ns() + settle);
  const uint64_t descriptors_before = open_descriptors(trial.pids);
  Json json;
  json.open('{').field("event", std::string("result")).field("unit", std::string(sleepers.unit()));
  json.key("memory").open('[');
  report_step(json, 0, read_memory(trial.pids));
  loop.on_time = [&](Nanos now) {
    sleepers.open_more();
    return now + (sleepers.connected() ? 50 * kMillisecond : kMillisecond / 4);
  };
  for (const uint32_t size : sizes) {
    sleepers.wanted = size;
    const auto filled = [&] { return sleepers.connected() && sleepers.answering.open >= sleepers.asleep; };
    if (!loop.run(filled, now_ns() + kStepDeadline)) trial.errors.count("not_connected");
    loop.run(never, now_ns() + settle);
    report_step(json, sleepers.asleep, read_memory(trial.pids));
  }
  json.close(']');
  loop.on_time = nullptr;
  sleepers.end();
  if (!loop.run([&] { return sleepers.ended(); }, now_ns() + kStepDeadline)) trial.errors.count("not_ended");
  loop.run(never, now_ns() + settle);
  json.field("units", sizes.empty() ? 0u : sizes.back()).field("descriptors_before", descriptors_before);
  json.field("descriptors_after", open_descriptors(trial.pids));
  report_errors(json, trial.errors);
  json.close('}').print();
  return 0;
}

}  // namespace load
