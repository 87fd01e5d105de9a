#!/usr/bin/env bash
# Makes the private Python environment .venv with the exact versions (and hashes, where it has them) of a lock file; a no-op when it is up to date.
# Usage: python_env.sh [lock file]...   (default requirements.txt)
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$#" -gt 0 ] || set -- requirements.txt

venv=.venv
if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
  rm -rf "$venv"
  for python in "${PYTHON:-python3}" /usr/bin/python3; do
    if "$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      "$python" -m venv "$venv"
      break
    fi
  done
  [ -x "$venv/bin/python" ] || { echo "python-env: no Python 3.11 or newer with venv: install python3-venv" >&2; exit 1; }
fi

for lock in "$@"; do
  stamp="$venv/${lock//\//-}.sha256"
  sum=$(sha256sum "$lock")
  if [ "$(cat "$stamp" 2>/dev/null)" != "$sum" ]; then
    echo "python-env: installing the packages of $lock"
    hashes=()
    ! grep -q -- '--hash=' "$lock" || hashes=(--require-hashes)
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${hashes[@]}" -r "$lock"
    printf '%s\n' "$sum" >"$stamp"
  fi
done
