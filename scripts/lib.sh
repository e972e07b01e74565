# shellcheck shell=bash
# What the other scripts share: the project's root as the current folder, and a build that does only what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n== %s\n' "$*"; }

need() {
  command -v "$1" >/dev/null || {
    printf 'missing: %s (%s)\n' "$1" "$2" >&2
    exit 1
  }
}

# Each argument is program:package. What is missing is installed where that can be done, else named.
want() {
  local pair missing=() as_root=()
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  if ! command -v apt-get >/dev/null || ! command -v "${as_root[0]:-apt-get}" >/dev/null; then
    printf 'missing: install %s\n' "${missing[*]}" >&2
    exit 1
  fi
  step "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
}

set_up() {
  need node 'Node.js 20.17 or later'
  need npm 'comes with Node.js'
  need g++ 'apt-get install g++ make'
  if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    step 'installing packages'
    npm ci --no-fund --no-audit --ignore-scripts
  fi
  step 'native addon'
  node scripts/install.js
  step 'TypeScript'
  npm run --silent build:ts
}
