// SPDX-License-Identifier: MIT
//
// Short connections: connect, ask once, read the answer, close. So many are under way at any time; sources go
// round over addresses, so that ports last. The client closes first, as most do.
#pragma once

#include <vector>

#include "answer.h"
#include "histogram.h"

namespace load {

class ShortLoad : public Load {
 public:
  ShortLoad(Trial& trial, uint32_t at_once, uint32_t sources, MessageSizes sizes);

  void accepted(int fd, uint32_t backend) override;
  void connect() override {}
  bool connected() const override { return true; }
  void begin(Nanos now) override;
  void end() override { ending_ = true; }
  bool ended() const override { return under_way_ == 0 && answering_.open == 0; }
  uint64_t units() const override { return finished_; }
  const char* unit() const override { return "connections"; }
  void report(Json& json) const override;
  Trial& trial() { return trial_; }

 private:
  class Visit;
  void start();

  Trial& trial_;
  Answering answering_;
  const uint32_t at_once_;
  const uint32_t sources_;
  std::vector<char> scratch_;
  bool ending_ = false;
  uint32_t under_way_ = 0;
  uint32_t started_ = 0;
  uint64_t finished_ = 0;
  uint64_t time_wait_ = 0;
  Histogram latency_;
};

}  // namespace load
