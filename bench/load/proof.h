// SPDX-License-Identifier: MIT
//
// Not a measurement but a watch: short connections without a pause beside streams that stay, every byte of both
// compared, for as long as the harness wants. Tells how far it is several times a second; a line on stdin ends it. What is
// done meanwhile to whatever lies between clients and backends is the harness's business.
#pragma once

#include "bulk.h"
#include "short.h"

namespace load {

/// Visits and streams over the same backends.
class ProofLoad : public Load {
 public:
  ProofLoad(Trial& trial, const Args& args, MessageSizes sizes);

  void accepted(int fd, uint32_t backend) override;
  void connect() override { streams_.connect(); }
  bool connected() const override { return streams_.connected(); }
  void begin(Nanos now) override;
  Nanos on_time(Nanos now) override;
  void end() override;
  bool ended() const override { return visits_.ended() && streams_.ended(); }
  uint64_t units() const override { return visits_.units(); }
  const char* unit() const override { return "connections"; }
  void report(Json& json) const override;
  uint64_t stream_bytes() const { return streams_.units(); }

 private:
  ShortLoad visits_;
  BulkLoad streams_;
  uint32_t silent_ = 0;
  Nanos streams_due_ = 0;
};

/// The whole course. Returns the exit code.
int run_proof(Trial& trial, ProofLoad& load, const Args& args);

}  // namespace load
