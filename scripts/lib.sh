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
