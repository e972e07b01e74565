#!/usr/bin/env bash
# Sets up what is missing and runs every test: native ones, then the TypeScript ones by level. Arguments name test files
# or folders below test/ to run instead.
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
want python3:python3 ss:iproute2 curl:curl chromium:chromium
set_up

if [ $# -eq 0 ]; then
  step 'native tests'
  if command -v cmake >/dev/null; then
    cmake -S . -B .build/native -DUB_TESTS=ON >/dev/null
    cmake --build .build/native --parallel 2 | grep -vE '^\[|Built target' || true
    .build/native/ub_tests
  else
    make -s -j2 -f native/Makefile tests
    .build/make/ub_tests
  fi
fi
step 'compiling the tests'
npx tsc -b test bench
if [ $# -gt 0 ]; then
  files=()
  for name in "$@"; do
    compiled=".build/test/${name#test/}"
    compiled="${compiled/%.ts/.js}"
    if [ -d "$compiled" ]; then
      while IFS= read -r file; do files+=("$file"); done < <(find "$compiled" -name '*.test.js' | sort)
    else
      files+=("$compiled")
    fi
  done
  exec node --test "${files[@]}"
fi
for level in unit property contract exit e2e; do
  mapfile -t files < <(find ".build/test/$level" -name '*.test.js' 2>/dev/null | sort)
  [ "${#files[@]}" -gt 0 ] || continue
  step "$level tests"
  # They wait more than they work; each has ports of its own, and what changes a host does it in a namespace.
  node --test --test-concurrency=2 --test-reporter="${UB_REPORTER:-spec}" "${files[@]}"
done
