#!/usr/bin/env bash
# Packs the package, installs it into an empty folder, and relays one exchange through it there.
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

place=$(mktemp -d)
balancer=
cleanup() {
  [ -z "$balancer" ] || kill "$balancer" 2>/dev/null || true
  rm -rf "$place"
}
trap cleanup EXIT
npm run --silent build:ts
archive=$PWD/$(npm pack --silent --ignore-scripts | tail -n 1)
mv "$archive" "$place/"
cd "$place"
npm init -y >/dev/null
npm install --no-fund --no-audit --silent "./$(basename "$archive")" >install.log 2>&1 || {
  tail -30 install.log
  exit 1
}
./node_modules/.bin/ultrabalancer-l4 --version
./node_modules/.bin/ultrabalancer-l4 --demo >demo.log 2>&1 &
balancer=$!
for _ in $(seq 100); do
  answer=$(curl -fs http://127.0.0.1:8080/ || true)
  [ -n "$answer" ] && break
  sleep 0.1
done
echo "$answer" | grep -q 'hello from backend' || {
  cat demo.log
  exit 1
}
kill -TERM "$balancer"
wait "$balancer"
balancer=
echo 'installed elsewhere, it relays and leaves in order'
