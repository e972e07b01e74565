// SPDX-License-Identifier: MIT
//
// Small questions over connections that stay. Closed loop: every connection asks again as soon as it has its
// answer. Open loop: questions are due at times drawn beforehand, whatever the answers do, and latency counts
// from the time a question was due; how late the generator itself was with a question that could have gone
// out is kept beside it.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "answer.h"
#include "histogram.h"

namespace load {

class AskLoad;

class Asker : public Watched {
 public:
  Asker(AskLoad& all, uint32_t connection);
  void on_ready(uint32_t events) override;
  void ask(Nanos due);

 private:
  friend class AskLoad;
  void leave(const char* error);

  AskLoad& all_;
  const uint32_t connection_;
  uint32_t next_number_ = 0;
  uint32_t have_ = 0;
  bool open_ = false;
  bool waiting_ = false;
  bool shut_ = false;
  Nanos due_ = 0;
  std::deque<Nanos> queue_;
  std::vector<char> answer_;
};

class AskLoad : public Load {
 public:
  /// `per_second` over all connections; 0 is a closed loop.
  AskLoad(Trial& trial, uint32_t connections, double per_second, MessageSizes sizes, bool urgent = false);

  void accepted(int fd, uint32_t backend) override;
  void connect() override;
  bool connected() const override { return open_ == askers_.size(); }
  void begin(Nanos now) override;
  Nanos on_time(Nanos now) override;
  void end() override;
  bool ended() const override;
  uint64_t units() const override { return answered_; }
  const char* unit() const override { return "requests"; }
  void report(Json& json) const override;

 private:
  friend class Asker;
  Nanos next_gap() { return random_.exponential(1e9 / per_second_); }

  Trial& trial_;
  Answering answering_;
  const double per_second_;
  Random random_;
  std::vector<std::unique_ptr<Asker>> askers_;
  std::vector<char> scratch_;
  uint32_t open_ = 0;
  uint32_t busy_ = 0;
  bool ending_ = false;
  uint32_t turn_ = 0;
  Nanos next_due_ = kNever;
  uint64_t answered_ = 0;
  Histogram latency_;
  Histogram lag_;
};

}  // namespace load
