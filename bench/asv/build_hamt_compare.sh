#!/usr/bin/env bash
# Builds today's hamt_compare against the hamt headers of any commit, so that one program measures all commits; maps of other packages are left out but
# std::unordered_map, the yardstick. Usage: build_hamt_compare.sh INCLUDE_FOLDER PROGRAM
set -euo pipefail
include=$1
program=$2
root=$(cd "$(dirname "$0")/../.." && pwd)

flags="-O3 -march=native -DNDEBUG"
sources=()
for name in hamt_compare keys heap_use hamt_peers standard_peers; do sources+=("$root/bench/hamt/$name.cc"); done
# shellcheck disable=SC2086  # the flags are words
"${CXX:-c++}" -std=c++20 $flags "-DHAMT_BENCH_FLAGS=\"$flags\"" '-DHAMT_BENCH_VERSIONS=""' "-DOMENDB_SOURCE_DIR=\"$root\"" \
  -I "$include" -I "$root" "${sources[@]}" -o "$program"
