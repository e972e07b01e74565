// SPDX-License-Identifier: MIT
//
// The backend of small messages: checks every question's words and number, answers it, and ends when its
// client does.
#pragma once

#include <vector>

#include "payload.h"
#include "trial.h"

namespace load {

struct MessageSizes {
  uint32_t question = 100;
  uint32_t answer = 100;
};

/// What all answering ends of a load share.
struct Answering {
  Trial& trial;
  MessageSizes sizes;
  bool urgent = false;
  uint32_t open = 0;    // connections that are there now
  uint64_t served = 0;  // connections that asked something and have ended in good order
  uint64_t silent = 0;  // connections that ended without a byte: probes
  std::vector<char> scratch = {};
};

class Answerer : public Watched {
 public:
  Answerer(Answering& all, int accepted, uint32_t backend);
  void on_ready(uint32_t events) override;

 private:
  void answer();
  void leave(const char* error);

  Answering& all_;
  const uint32_t backend_;
  uint32_t have_ = 0;
  bool asked_ = false;
  uint32_t connection_ = 0;
  uint32_t number_ = 0;
  std::vector<char> question_;
};

}  // namespace load
