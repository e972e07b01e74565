// SPDX-License-Identifier: MIT
//
// The load generator and the backends in one process and one thread, so that its own cost is small and known.
//   load bulk  --streams N --direction to_client|to_backend|both --bytes-per-second N
//              bytes as fast as they go, or so fast
//   load ask   --connections N --per-second N --question N --answer N
//              small messages, closed or open loop
//   load short --connections N --sources N --question N --answer N
//              connect, ask once, close
//   load mixed --streams N --bytes-per-second N --connections N --per-second N
//              bulk and small messages together
//   load proof --streams N --bytes-per-second N --connections N --sources N
//              short connections and streams, all of it compared, until a line comes
//   load idle  --sessions N,N,N --ask yes|no --settle SECONDS
//              memory per session
//   common: --net N (1 to 254)  --seed N  --backends N  --warm-up SECONDS  --window SECONDS
//           --patience SECONDS (for all sessions to end)
//   load on-cpu CPU -- COMMAND…      load namespace -- COMMAND…      load awake
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "ask.h"
#include "bulk.h"
#include "idle.h"
#include "mixed.h"
#include "place.h"
#include "proof.h"
#include "short.h"
#include "trial.h"

namespace load {

void die(const char* what, int error) {
  if (error == 0) {
    std::fprintf(stderr, "load: %s\n", what);
  } else {
    std::fprintf(stderr, "load: %s: %s\n", what, std::strerror(error));
  }
  std::exit(1);
}

namespace {

int run_load(const std::string& verb, const Args& args) {
  Trial trial;
  trial.net = args.count("net", 1);
  trial.seed = static_cast<uint64_t>(args.number("seed", 1));
  if (trial.net < 1 || trial.net > 254) die("--net is 1 to 254");
  if (verb == "idle") return run_idle(trial, args);
  std::unique_ptr<Load> load;
  if (verb == "bulk") {
    load = std::make_unique<BulkLoad>(trial, args.count("streams", 4), args.text("direction", "to_client"),
                                      args.number("bytes-per-second", 0));
  } else {
    const MessageSizes sizes{args.count("question", 100), args.count("answer", 100)};
    if (verb == "ask") {
      load = std::make_unique<AskLoad>(trial, args.count("connections", 64), args.number("per-second", 0), sizes);
    } else if (verb == "short") {
      load = std::make_unique<ShortLoad>(trial, args.count("connections", 16), args.count("sources", 16), sizes);
    } else if (verb == "mixed") {
      load = std::make_unique<MixedLoad>(trial, args, sizes);
    } else if (verb == "proof") {
      ProofLoad proof(trial, args, sizes);
      return run_proof(trial, proof, args);
    } else {
      die(("no such load: " + verb).c_str());
    }
  }
  return run_trial(trial, *load, args);
}

}  // namespace
}  // namespace load

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  const std::string verb = argc > 1 ? argv[1] : "";
  const auto after_dashes = [&](int at) {
    if (argc <= at || std::strcmp(argv[at], "--") != 0) load::die("expected -- and a command");
    return argv + at + 1;
  };
  if (verb == "on-cpu" && argc > 2) return load::run_on_cpu(std::atoi(argv[2]), after_dashes(3));
  if (verb == "namespace") return load::run_in_namespace(after_dashes(2));
  if (verb == "awake") return load::keep_awake();
  if (verb.empty()) load::die("load bulk|ask|short|mixed|proof|idle|on-cpu|namespace|awake …");
  return load::run_load(verb, load::Args(argc, argv, 2));
}
