// SPDX-License-Identifier: MIT
//
// One direction by itself, between two real TCP connections of this process.
#include "proxy/relay.h"

#include "peers.h"

namespace ub {
namespace {

bool no_delay(int fd) { return test::option_of(fd, IPPROTO_TCP, TCP_NODELAY) != 0; }

bool has_keep_alive(int fd) { return test::option_of(fd, SOL_SOCKET, SO_KEEPALIVE) != 0; }

void wait_for_input(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  CHECK(::poll(&waiting, 1, 5000) == 1);
}

TEST(no_delay_is_set_when_a_second_send_may_need_it) {
  const test::Line in;
  const test::Line out;
  PipePool pipes;
  BufferPool buffers;
  std::vector<char> hot(65536);
  const ListenerSpec spec;
  ListenerCounters counters;
  LowWater low_water;
  RelayIo io{hot.data(), hot.size(), pipes, buffers, low_water, &spec, &counters, 1, false, 2};
  Relay relay;
  relay.read_size = spec.buffer_size;
  Side source;
  source.fd = in.far.get();
  Side sink;
  sink.fd = out.near.get();
  sink.writable = sink.nagle = true;
  for (const bool expected : {false, true, true}) {
    CHECK(::send(in.near.get(), "x", 1, MSG_NOSIGNAL) == 1);
    wait_for_input(in.far.get());
    source.readable = true;
    CHECK_EQUAL(pump(relay, source, sink, io).given, 1U);
    CHECK_EQUAL(no_delay(out.near.get()), expected);
  }
}

TEST(options_of_connections_that_last_are_not_set_before) {
  TcpOptions options;
  options.keep_alive = true;
  const UniqueFd fd(backend_socket(AF_INET, options));
  CHECK(fd.valid());
  CHECK(!has_keep_alive(fd.get()));
  set_lasting_options(fd.get(), options);
  CHECK(has_keep_alive(fd.get()));
}

}  // namespace
}  // namespace ub
