// SPDX-License-Identifier: MIT
//
// Bulk streams, one way or both, as fast as they go or at a given rate. The client greets with the stream's
// number, so that a connection which says nothing is somebody's probe. At the end the client's side is closed
// for writing first; the backend then has still a piece to say, which must arrive: that is the half-close.
#pragma once

#include <memory>
#include <vector>

#include "payload.h"
#include "trial.h"

namespace load {

class BulkLoad;

/// One end of one stream.
class BulkEnd : public Watched {
 public:
  BulkEnd(BulkLoad& all, bool is_client, uint32_t stream) : all_(all), is_client_(is_client), stream_(stream) {}

  void on_ready(uint32_t events) override;
  /// Sends what the pace allows and the kernel takes; arms the descriptor for the rest.
  void push(Nanos now);
  void shut();
  /// Both directions have ended.
  bool done() const { return eof_ && shut_; }

 private:
  friend class BulkLoad;
  void finish_connect();
  void pull();
  void arm(bool out);
  void fail(const char* name);

  BulkLoad& all_;
  const bool is_client_;
  uint32_t stream_;
  bool open_ = false;  // connected and greeted, or recognised
  bool sends_ = false;
  bool eof_ = false;
  bool shut_ = false;
  bool ending_ = false;
  uint32_t armed_ = 0;
  uint64_t sent_ = 0;
  uint64_t goal_ = UINT64_MAX;
  uint64_t received_ = 0;
};

class BulkLoad : public Load {
 public:
  /// `bytes_per_second` over all streams and directions; 0 is no limit.
  BulkLoad(Trial& trial, uint32_t streams, const std::string& direction, double bytes_per_second);

  void accepted(int fd, uint32_t backend) override;
  /// A connection that has greeted, when somebody else has looked at its first bytes.
  void adopt(int fd);
  void connect() override;
  bool connected() const override;
  void begin(Nanos now) override;
  Nanos on_time(Nanos now) override;
  void end() override;
  bool ended() const override;
  uint64_t units() const override { return delivered_; }
  const char* unit() const override { return "bytes"; }
  void report(Json& json) const override;

 private:
  friend class BulkEnd;
  uint64_t allowed(Nanos now) const;

  Trial& trial_;
  Tape tape_;
  std::vector<char> scratch_;
  const bool to_backend_;
  const bool to_client_;
  double rate_per_end_;
  Nanos begun_ = 0;
  uint64_t delivered_ = 0;
  uint32_t silent_ = 0;
  std::vector<std::unique_ptr<BulkEnd>> clients_;
  std::vector<std::unique_ptr<BulkEnd>> backends_;
};

/// Looks at the first bytes of an accepted connection, without taking them, and says whose it is.
class Doorman : public Watched {
 public:
  using Decide = std::function<void(int fd, bool bulk)>;
  Doorman(Trial& trial, int accepted, Decide decide, uint32_t* silent);
  void on_ready(uint32_t events) override;

 private:
  Trial& trial_;
  Decide decide_;
  uint32_t* silent_;
};

}  // namespace load
