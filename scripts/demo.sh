#!/usr/bin/env bash
# Sets up what is missing, starts the balancer with two backends of its own, shows traffic flowing through it, and stays
# until Ctrl-C. Arguments go to the balancer in place of --demo.
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
want curl:curl
set_up

step 'starting'
if [ $# -gt 0 ]; then
  exec node dist/cli.js "$@"
fi
node dist/cli.js --demo &
balancer=$!
trap 'kill "$balancer" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
  if curl -fs http://127.0.0.1:8080/ >/dev/null 2>&1; then break; fi
  kill -0 "$balancer" 2>/dev/null || exit 1
  sleep 0.1
done
step 'four requests through 127.0.0.1:8080'
for _ in 1 2 3 4; do
  curl -fs http://127.0.0.1:8080/
done
step 'what it counted (http://127.0.0.1:9090/metrics)'
curl -fs http://127.0.0.1:9090/metrics | grep -E '^(active_connections|ultrabalancer_l4_(sessions_total|backend_up|relayed_bytes_total))'
step 'it runs on: try curl http://127.0.0.1:8080/ in another terminal, end it with Ctrl-C'
trap 'kill "$balancer" 2>/dev/null || true; wait "$balancer" || true' INT TERM
wait "$balancer"
