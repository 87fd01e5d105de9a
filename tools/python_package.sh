#!/usr/bin/env bash
# Builds the Python package and the `omen` command from this tree into .venv; compiled objects are kept in build/python between runs.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/python_env.sh
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --force-reinstall \
  -C build-dir=build/python .
