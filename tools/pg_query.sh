#!/usr/bin/env bash
# Builds libpg_query (PostgreSQL's parser as a library) into a folder, from the sources inside the Python package that pg_query.lock names; a no-op when it is up to date.
# Usage: pg_query.sh FOLDER
set -euo pipefail
tools=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)

exec 9>"$folder/lock"  # several builds may begin at once
flock 9
stamp=$(cat "$tools/pg_query.lock" "$tools/pg_query.sh" | sha256sum)
[ "$(cat "$folder/stamp" 2>/dev/null)" != "$stamp" ] || exit 0

echo "pg-query: building PostgreSQL's parser (a minute, once)"
work=$(mktemp -d "$folder/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
run() {
  "$@" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
}
run python3 -m venv "$work/python"
# The source package alone, checked against its hash; what builds the Python package around it stays unused.
run "$work/python/bin/python" -m pip download --disable-pip-version-check --no-deps --no-binary pglast --require-hashes \
  -r "$tools/pg_query.lock" -d "$work"
run tar -xzf "$work"/pglast-*.tar.gz -C "$work"
source=$(echo "$work"/pglast-*/libpg_query)
# Without DEBUG every call leads the whole process's stderr into a pipe for a moment: two threads at once would lose it for good.
run make -C "$source" -j"$(nproc)" CC="${PG_QUERY_CC:-gcc}" CPPFLAGS=-DDEBUG CFLAGS_OPT_LEVEL=-O2 libpg_query.a
strip -g "$source/libpg_query.a"
cp "$source"/libpg_query.a "$source"/pg_query.h "$source"/postgres_deparse.h "$source"/pg_query_scan_tokens.h "$source/LICENSE" "$folder/"
printf '%s\n' "$stamp" >"$folder/stamp"
