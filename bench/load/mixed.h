// SPDX-License-Identifier: MIT
//
// Bulk streams at a given rate and small questions at a given rate, through the same proxy at the same time.
// The small ones are served first by the generator itself, between any two pieces of bulk, so that what is
// left is the proxy's.
#pragma once

#include "ask.h"
#include "bulk.h"

namespace load {

class MixedLoad : public Load {
 public:
  MixedLoad(Trial& trial, const Args& args, MessageSizes sizes)
      : trial_(trial),
        bulk_(trial, args.count("streams", 2), args.text("direction", "to_client"),
              args.number("bytes-per-second", 1e8)),
        small_(trial, args.count("connections", 16), args.number("per-second", 1000), sizes, true) {}

  void accepted(int fd, uint32_t backend) override {
    new Doorman(
        trial_, fd,
        [this, backend](int own, bool bulk) {
          if (bulk) {
            bulk_.adopt(own);
          } else {
            small_.accepted(own, backend);
          }
        },
        &silent_);
  }
  void connect() override {
    bulk_.connect();
    small_.connect();
  }
  bool connected() const override { return bulk_.connected() && small_.connected(); }
  void begin(Nanos now) override {
    bulk_.begin(now);
    small_.begin(now);
  }
  Nanos on_time(Nanos now) override {
    const Nanos small = small_.on_time(now);
    if (now >= bulk_due_) bulk_due_ = bulk_.on_time(now);
    if (trial_.measuring != was_measuring_) {
      (trial_.measuring ? bulk_before_ : bulk_after_) = bulk_.units();
      was_measuring_ = trial_.measuring;
    }
    return std::min(small, bulk_due_);
  }
  void end() override {
    bulk_after_ = bulk_.units();
    bulk_.end();
    small_.end();
    bulk_due_ = kNever;
  }
  bool ended() const override { return small_.ended() && bulk_.ended(); }
  uint64_t units() const override { return small_.units(); }
  const char* unit() const override { return "requests"; }
  void report(Json& json) const override {
    json.field("bulk_bytes", bulk_after_ - bulk_before_);
    json.key("bulk").open('{');
    bulk_.report(json);
    json.close('}');
    small_.report(json);
  }

 private:
  Trial& trial_;
  BulkLoad bulk_;
  AskLoad small_;
  uint32_t silent_ = 0;
  Nanos bulk_due_ = 0;
  bool was_measuring_ = false;
  uint64_t bulk_before_ = 0;
  uint64_t bulk_after_ = 0;
};

}  // namespace load
