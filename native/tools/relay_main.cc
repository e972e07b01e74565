// SPDX-License-Identifier: MIT
//
// The data plane without Node: for strace, perf and the sanitizers.
//   ub_relay [-w WORKERS] [-s off|auto|on] [-b BUFFER] [-m MAX_BUFFER] [-p PIPE] LISTEN_HOST:PORT BACKEND_HOST:PORT...
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "proxy/core.h"

namespace {

ub::Address parse_or_die(const char* text) {
  const std::string all(text);
  const size_t colon = all.rfind(':');
  const std::string host = all.substr(0, colon);
  const auto address = colon == std::string::npos
                           ? std::nullopt
                           : ub::Address::parse(host, static_cast<uint16_t>(std::atoi(all.c_str() + colon + 1)));
  if (!address) {
    std::fprintf(stderr, "not an address: %s\n", text);
    std::exit(2);
  }
  return *address;
}

}  // namespace

int main(int argc, char** argv) {
  ub::Snapshot snapshot;
  snapshot.generation = 1;
  ub::ListenerSpec listener;
  listener.name = "relay";
  listener.timeouts.idle = 75 * ub::kSecond;
  listener.timeouts.half_close = 30 * ub::kSecond;
  for (int option; (option = getopt(argc, argv, "w:s:b:m:p:")) != -1;) {
    switch (option) {
      case 'w': snapshot.workers = static_cast<uint32_t>(std::atoi(optarg)); break;
      case 's':
        listener.splice = std::strcmp(optarg, "on") == 0    ? ub::SpliceMode::kOn
                          : std::strcmp(optarg, "off") == 0 ? ub::SpliceMode::kOff
                                                            : ub::SpliceMode::kAuto;
        break;
      case 'b': listener.buffer_size = static_cast<uint32_t>(std::atoi(optarg)); break;
      case 'm': listener.max_buffer_size = static_cast<uint32_t>(std::atoi(optarg)); break;
      case 'p': listener.pipe_size = static_cast<uint32_t>(std::atoi(optarg)); break;
      default: return 2;
    }
  }
  if (argc - optind < 2) {
    std::fprintf(stderr, "ub_relay [-w N] [-s off|auto|on] [-b N] [-m N] [-p N] LISTEN BACKEND...\n");
    return 2;
  }
  listener.addresses.push_back(parse_or_die(argv[optind]));
  ub::PoolSpec pool;
  pool.name = "relay";
  for (int i = optind + 1; i < argc; ++i) {
    ub::BackendSpec backend;
    backend.slot = static_cast<uint32_t>(i);
    backend.address = parse_or_die(argv[i]);
    backend.member = true;
    const auto index = static_cast<uint16_t>(pool.backends.size());
    pool.members.push_back(index);
    pool.table.push_back(index);
    pool.backends.push_back(std::move(backend));
  }
  snapshot.listeners.push_back(std::move(listener));
  snapshot.pools.push_back(std::move(pool));

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  ub::Core core;
  const ub::Status applied = core.apply(std::move(snapshot));
  if (!applied.has_value()) {
    std::fprintf(stderr, "%s: %s\n", applied.error().call, std::strerror(applied.error().number));
    return 1;
  }
  int number = 0;
  sigwait(&signals, &number);
  return 0;
}
