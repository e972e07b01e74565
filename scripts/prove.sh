#!/usr/bin/env bash
# Proves at length that operations lose nothing: reloads under load, a control plane that stands still, workers that go.
# Takes minutes and both cores; what it counts is written to .build/proofs.md, or to docs/proofs.md with --publish.
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
set_up
step 'compiling the proofs'
npx tsc -b test bench
step 'proving'
exec node .build/test/proofs/main.js "$@"
