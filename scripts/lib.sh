# shellcheck shell=bash
# What the scripts beside it share. To be sourced.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=$root/.tools
node_wanted=22.12.0 # what wrangler needs
script=${0##*/}
export WASM_BINDGEN_USE_JS_SYS=1 # as worker-build sets it: without, a plain cargo and worker-build recompile each other's work

say() { echo "$script: $*"; }
die() { echo "$script: $*" >&2; exit 1; }

# Prints the comment at the head of the calling script.
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; }

# Where cargo puts its output.
target_dir() { echo "${CARGO_TARGET_DIR:-$root/target}"; }

# A port of this machine that nobody listens on, below the range that the system gives to clients.
free_port() {
  local port
  for _ in $(seq 100); do
    port=$((20000 + RANDOM % 10000))
    if ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port"; return 0; fi
  done
  return 1
}

# $1: crate; prints its version in Cargo.lock.
locked() {
  local version
  version=$(awk -v name="\"$1\"" '$1 == "name" { found = ($3 == name) } found && $1 == "version" { gsub(/"/, "", $3); print $3; exit }' "$root/Cargo.lock")
  [ -n "$version" ] || die "Cargo.lock has no $1: run 'cargo generate-lockfile'"
  echo "$version"
}

# $1: tool, $2: version; prints the path of that tool where exactly that version is installed: the project's own, else
# the one on PATH.
tool_of_version() {
  local path reported
  for path in "$tools/bin/$1" "$(command -v "$1" || true)"; do
    [ -x "$path" ] || continue
    reported=$("$path" --version 2>/dev/null || true)
    if [ "${reported##* }" = "$2" ]; then echo "$path"; return 0; fi
  done
  return 1
}

# Prints a Node that is new enough: the system's, else the project's own.
node_of_version() {
  local path
  for path in "$(command -v node || true)" "$tools"/node/node_modules/node-*/bin/node; do
    [ -x "$path" ] || continue
    if "$path" -e '
      const [have, want] = [process.versions.node, process.argv[1]].map(v => v.split(".").map(Number));
      process.exit(have[0] > want[0] || (have[0] === want[0] && have[1] >= want[1]) ? 0 : 1)' "$node_wanted"; then
      echo "$path"
      return 0
    fi
  done
  return 1
}

# Prints a browser that runs: the one that CHROMIUM_BIN names, else what the system has. A `chromium-browser` may only tell
# that it is not installed.
browser() {
  local path
  for path in ${CHROMIUM_BIN:+"$CHROMIUM_BIN"} chromium chromium-browser google-chrome google-chrome-stable \
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'; do
    path=$(command -v "$path") || continue
    if "$path" --version >/dev/null 2>&1; then echo "$path"; return 0; fi
  done
  return 1
}

# Exports where the tools are: for worker-build, for the tests and for wrangler. They must be installed (scripts/tools).
export_tools() {
  NODE_BIN=$(node_of_version) || die "no Node >= $node_wanted: run scripts/tools"
  PATH=$(dirname "$NODE_BIN"):$PATH
  WASM_BINDGEN_BIN=$(tool_of_version wasm-bindgen "$(locked wasm-bindgen)") || die "wasm-bindgen is missing: run scripts/tools"
  WORKER_BUILD_BIN=$(tool_of_version worker-build "$(locked worker)") || die "worker-build is missing: run scripts/tools"
  WASM_OPT_BIN=$root/node_modules/binaryen/bin/wasm-opt
  # The packages' own native programs: the .bin wrappers need install scripts, which npm may have blocked.
  ESBUILD_BIN=$(cd "$root" && "$NODE_BIN" -p 'require.resolve(`@esbuild/${process.platform}-${process.arch}/bin/esbuild`)')
  WORKERD_BIN=$(cd "$root" && "$NODE_BIN" -p 'require("workerd").default')
  WRANGLER_JS=$root/node_modules/wrangler/bin/wrangler.js
  PYTHON_BIN=$tools/venv/bin/python
  WORKER_DIR=$root/build
  CHROMIUM_BIN=$(browser || true) # empty: the tests in a browser are skipped
  AGENTS_DIR=$tools/agents
  export PATH NODE_BIN WASM_BINDGEN_BIN WORKER_BUILD_BIN WASM_OPT_BIN ESBUILD_BIN WORKERD_BIN WRANGLER_JS PYTHON_BIN WORKER_DIR CHROMIUM_BIN AGENTS_DIR
}
