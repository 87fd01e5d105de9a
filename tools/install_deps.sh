#!/usr/bin/env bash
# Installs the Debian packages that are missing. Says in one line what it does; does nothing, offline, when all are there.
set -euo pipefail

packages=(
  cmake ninja-build g++ ccache pkgconf                           # build
  clang clang-tidy clang-format libclang-rt-14-dev               # second compiler, sanitizers, lint, format
  libgtest-dev libbenchmark-dev                                  # tests and benches
  libboost1.81-dev libabsl-dev libglib2.0-dev                    # the maps beside hamt in hamt_compare
  libisal-dev libxxhash-dev libfmt-dev libsimdjson-dev           # what the engine links
  libicu-dev libstemmer-dev                                      # words, accents and stems of full text
  python3 python3-venv python3-dev                               # the Python package and the command line
  libhdf5-dev                                                    # `omen import` and `omen bench ann` of HDF5 files
  wordnet-base                                                   # the dictionary that `make demo` searches
  postgresql-15                                                  # the oracle of conditions (tests/filter_oracle)
)

if ! command -v dpkg-query >/dev/null; then
  echo "install-deps: not a Debian system; install what these packages hold by other means: ${packages[*]}"
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

install=(apt-get install -y --no-install-recommends "${missing[@]}")
if [ "$(id -u)" -eq 0 ]; then
  run=(env DEBIAN_FRONTEND=noninteractive)
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  run=(sudo env DEBIAN_FRONTEND=noninteractive)
elif command -v sudo >/dev/null && [ -t 0 ]; then
  run=(sudo env DEBIAN_FRONTEND=noninteractive)
else
  echo "install-deps: missing packages, and no root here. Run once:" >&2
  echo "  apt-get update && ${install[*]}" >&2
  exit 1
fi

echo "install-deps: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! apt-cache show "${missing[0]}" >/dev/null 2>&1; then
  "${run[@]}" apt-get update -q >"$log" 2>&1 || { tail -n 20 "$log" >&2; exit 1; }
fi
if ! "${run[@]}" "${install[@]}" >"$log" 2>&1; then
  # Old package lists name versions that the mirror no longer has: fetch them once more before giving up.
  "${run[@]}" apt-get update -q >>"$log" 2>&1 || true
  "${run[@]}" "${install[@]}" >"$log" 2>&1 || { tail -n 20 "$log" >&2; exit 1; }
fi
