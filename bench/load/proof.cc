// SPDX-License-Identifier: MIT
#include "proof.h"

#include <unistd.h>

namespace load {
namespace {

constexpr Nanos kConnectDeadline = 30 * kSecond;
constexpr Nanos kTellEvery = 200 * kMillisecond;
constexpr Nanos kPieceEvery = 20 * kMillisecond;

void tell_progress(const Trial& trial, const ProofLoad& load) {
  Json json;
  json.open('{').field("event", std::string("progress")).field("connections", load.units());
  json.field("stream_bytes", load.stream_bytes());
  report_errors(json, trial.errors);
  json.close('}').print();
}

}  // namespace

ProofLoad::ProofLoad(Trial& trial, const Args& args, MessageSizes sizes)
    : visits_(trial, args.count("connections", 8), args.count("sources", 16), sizes),
      streams_(trial, args.count("streams", 4), "both", args.number("bytes-per-second", 1e6)) {}

void ProofLoad::accepted(int fd, uint32_t backend) {
  new Doorman(
      visits_.trial(), fd,
      [this, backend](int own, bool stream) {
        if (stream) {
          streams_.adopt(own);
        } else {
          visits_.accepted(own, backend);
        }
      },
      &silent_);
}

void ProofLoad::begin(Nanos now) {
  streams_.begin(now);
  visits_.begin(now);
}

/// Streams are there to last, not to be fast: a piece now and then, so that fifty of them leave time for visits.
Nanos ProofLoad::on_time(Nanos now) {
  if (now >= streams_due_) {
    streams_.on_time(now);
    streams_due_ = now + kPieceEvery;
  }
  return streams_due_;
}

void ProofLoad::end() {
  visits_.end();
  streams_.end();
}

void ProofLoad::report(Json& json) const {
  json.field("stream_bytes", stream_bytes());
  json.key("streams").open('{');
  streams_.report(json);
  json.close('}');
  visits_.report(json);
}

int run_proof(Trial& trial, ProofLoad& load, const Args& args) {
  const Nanos patience = static_cast<Nanos>(args.number("patience", 30) * kSecond);
  Acceptors acceptors(trial, std::max(1u, args.count("backends", 1)));
  args.check_all_used();
  acceptors.start(load);
  wait_for_go(trial);
  Loop& loop = trial.loop;
  load.connect();
  if (!loop.run([&] { return load.connected(); }, now_ns() + kConnectDeadline)) trial.errors.count("not_connected");
  trial.window_from = now_ns();  // how long each visit took is kept from the first to the last
  loop.on_time = [&](Nanos now) { return load.on_time(now); };
  load.begin(now_ns());

  Console console;
  loop.watch(console, EPOLLIN);
  while (!loop.run([&] { return console.complete(); }, now_ns() + kTellEvery)) tell_progress(trial, load);
  loop.release(console);

  load.end();
  if (!loop.run([&] { return load.ended(); }, now_ns() + patience)) trial.errors.count("not_ended");
  Json json;
  json.open('{').field("event", std::string("result")).field("unit", std::string(load.unit()));
  json.field("units", load.units());
  json.key("asked").open('[');
  for (const uint64_t asked : trial.asked) json.value(asked);
  json.close(']');
  load.report(json);
  report_errors(json, trial.errors);
  json.close('}').print();
  return 0;
}

}  // namespace load
