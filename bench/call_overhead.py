"""What Python adds to one search: the median of `table.search` here over the median of the same search in C++ (engine_bench), on one table.

python -m bench.call_overhead ENGINE_BENCH [ROWS]       ENGINE_BENCH: build/engine_bench
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

ROUNDS = 5
CALLS = 2_000
DIMS = 128  # of engine_bench


def python_nanoseconds(table, queries):
    """Median of single calls."""
    latencies = []
    for at in range(CALLS):
        query = queries[at % len(queries)]
        began = time.perf_counter_ns()
        table.search(query, k=10)
        latencies.append(time.perf_counter_ns() - began)
    return statistics.median(latencies)


def figures_of(program, mode, path, rows):
    done = subprocess.run([program, "--one", mode, path, str(rows)], capture_output=True, text=True, check=True)
    return {name: float(value) for name, value in (line.split() for line in done.stdout.splitlines())}


def main(argv):
    import omendb

    program, rows = os.path.abspath(argv[0]), int(argv[1]) if len(argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix="omendb-bench-") as folder:
        path = os.path.join(folder, "full")
        figures_of(program, "sustained", path, rows)
        figures_of(program, "queries", os.path.join(folder, "queries"), rows)
        queries = np.fromfile(os.path.join(folder, "queries"), dtype=np.float32).reshape(-1, DIMS)
        over = []
        for _ in range(ROUNDS):
            native = figures_of(program, "calls", path, rows)["cpp_search_ns"]
            with omendb.connect(path, read_only=True) as database:
                table = database["bench"]
                interpreted = python_nanoseconds(table, queries)
            over.append((interpreted - native) / 1e3)
            print(f"  C++ {native / 1e3:7.2f} us   Python {interpreted / 1e3:7.2f} us   {over[-1]:+.2f} us")
    print(f"one search from Python: {statistics.median(over):+.2f} us over C++ (bar: 5)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
