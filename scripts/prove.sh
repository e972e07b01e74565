#!/usr/bin/env bash
# Proves at length that operations lose nothing: reloads under load, a control plane that stands still, workers that go.
# Takes minutes and both cores; what it counts is written to .build/proofs.md, or to docs/proofs.md with --publish.
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
want ip:iproute2 unshare:util-linux
set_up
step 'compiling the proofs'
npx tsc -b test bench
step 'proving'
if [ "$(id -u)" -ne 0 ]; then
  exec node .build/test/proofs/main.js "$@"
fi
# In a network namespace of its own: room for every connection in TIME-WAIT (where there is none, ports are used again too
# soon, and clients fail who have nothing to do with the balancer), nobody else's connections, no help from the kernel.
# shellcheck disable=SC2016
exec unshare --net sh -c '
  ip link set lo up
  echo 4000000 >/proc/sys/net/ipv4/tcp_max_tw_buckets
  echo 0 >/proc/sys/net/ipv4/tcp_migrate_req
  exec node .build/test/proofs/main.js "$@"' prove "$@"
