"""What Python adds to one search: the median of `table.search` here over the median of the same search in C++ (engine_bench), on one table.

    python -m bench.call_overhead ENGINE_BENCH [ROWS]       ENGINE_BENCH: build/engine_bench; ROWS: 100,000 unless given

Both processes run on one core and take turns of 100 calls, so that a noisy moment is noisy for both.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import tempfile
import time

import numpy as np

TURNS = 100
CALLS_PER_TURN = 100  # as in engine_bench
DIMS = 128  # of engine_bench


def run_mode(program, mode, path, rows):
    subprocess.run([program, "--one", mode, path, str(rows)], stdout=subprocess.DEVNULL, check=True)


class NativeSearches:
    """The process that makes the same searches in C++, whenever it is asked."""

    def __init__(self, program, path, rows):
        self.process = subprocess.Popen(
            [program, "--one", "turns", path, str(rows)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def take_turn(self):
        """Median nanoseconds of one search."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline().split()[1])

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def python_turn(table, queries, first):
    """Median nanoseconds of one search from Python."""
    latencies = []
    for at in range(first, first + CALLS_PER_TURN):
        query = queries[at % len(queries)]
        began = time.perf_counter_ns()
        table.search(query, k=10)
        latencies.append(time.perf_counter_ns() - began)
    return statistics.median(latencies)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine_bench", help="the program build/engine_bench")
    parser.add_argument("rows", nargs="?", type=int, default=100_000)
    arguments = parser.parse_args()
    import omendb

    program = os.path.abspath(arguments.engine_bench)
    with tempfile.TemporaryDirectory(prefix="omendb-bench-") as folder:
        path, queries_path = os.path.join(folder, "full"), os.path.join(folder, "queries")
        run_mode(program, "sustained", path, arguments.rows)
        run_mode(program, "queries", queries_path, arguments.rows)
        queries = np.fromfile(queries_path, dtype=np.float32).reshape(-1, DIMS)
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        with omendb.connect(path, read_only=True) as database:
            with contextlib.closing(NativeSearches(program, path, arguments.rows)) as native:
                pairs = [
                    (native.take_turn(), python_turn(database["bench"], queries, turn * CALLS_PER_TURN))
                    for turn in range(TURNS)
                ]
    cpp, python = (statistics.median(side) / 1e3 for side in zip(*pairs))
    over = statistics.median(python - cpp for cpp, python in pairs) / 1e3
    print(f"one search, {arguments.rows:,} rows: C++ {cpp:.2f} us, Python {python:.2f} us")
    print(f"what Python adds, median of {TURNS} pairs of turns: {over:+.2f} us (bar: 5)")


if __name__ == "__main__":
    main()
