#!/usr/bin/env bash
# Every linter: formats, types, shell, generated files. Those that are not installed are named and skipped, except with
# CI=true, where they have to be there.
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

tool() {
  local name=$1
  if command -v "$name" >/dev/null; then
    printf '%s' "$name"
    return
  fi
  if [ "${CI:-}" = true ]; then
    printf 'missing: %s\n' "$name" >&2
    exit 1
  fi
  printf 'skipped, not installed: %s\n' "$name" >&2
}

step 'prettier'
npx prettier --check --log-level warn .
step 'eslint'
npx eslint .
step 'shellcheck'
checker=$(tool shellcheck)
if [ -n "$checker" ]; then git ls-files '*.sh' .ci/run | xargs "$checker" -x; fi
step 'clang-format'
formatter=$(tool clang-format-14)
if [ -n "$formatter" ]; then git ls-files 'native/*.h' 'native/*.cc' 'bench/*.cc' 'bench/*.h' | xargs "$formatter" --dry-run --Werror; fi
step 'generated files'
node scripts/generate.js --check
