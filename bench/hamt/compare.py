"""hamt::map beside every other map that the build found, in one run: times, memory, ratios, plots.

    python -m bench.hamt.compare                          keys x sizes x maps (not timed yet: hours)
    python -m bench.hamt.compare --quick                  two kinds of keys, 1,000 and 100,000 entries
    python -m bench.hamt.compare --keys random,words --maps hamt,libhamt,immer --sizes 1000,1000000

Each cell (map, keys, size) is a process of its own, pinned to one core, which measures all operations in thread CPU time,
a warm-up and the median of five. The maps of a cell's keys and size run one right after the other, so that a noisy machine
is noisy for all; --rounds repeats that and takes medians. Results: bench/results/hamt.csv, hamt_figures.csv, hamt.json,
hamt.md, and plots/ with an SVG and a PNG per operation and kind of keys. Compare figures of one run only, as ratios.
"""

import argparse
import collections
import datetime
import pathlib
import statistics
import subprocess
import sys
import time

from bench.hamt import RESULTS, ROOT, tables

SIZES = [100, 1_000, 10_000, 100_000, 1_000_000]
COLLISION_SIZES_MAX = 100_000
QUADRATIC = {"absl::flat_hash_map", "boost::unordered_flat_map"}  # under colliding keys: minutes from 100,000 on
QUADRATIC_SIZES_MAX = 10_000
NOT_HERE = 3  # the program's exit status: keys missing on this machine, or not taken by this map
CELL_SECONDS_MAX = 1800
LEAST_NS = 1e-3  # what the program prints; a tiny round can come out as nothing once the clock is taken off


class Results:
    """What the processes printed: {(method, keys, operation, size): [(total_ns, ns_per_op)]}, and figures likewise."""

    def __init__(self):
        self.times = collections.defaultdict(list)
        self.figures = collections.defaultdict(list)
        self.notes = []
        self.failed_count = 0

    def take(self, line):
        fields = line.split(",")
        if fields[0] == "figure":
            _, method, keys, size, name, value = fields
            self.figures[method, keys, int(size), name].append(float(value))
        else:
            method, keys, operation, size, total_ns, _, ns_per_op = fields
            self.times[method, keys, operation, int(size)].append((int(total_ns), max(float(ns_per_op), LEAST_NS)))

    def medians(self):
        """{(method, keys, operation, size): (total_ns, ns_per_op)} of the median round, and {(method, keys, size, name): value}."""
        times = {cell: sorted(rounds, key=lambda one: one[1])[len(rounds) // 2] for cell, rounds in self.times.items()}
        return times, {cell: statistics.median(rounds) for cell, rounds in self.figures.items()}


def say(text):
    print(text, flush=True)


def listed(program):
    """({map: kinds of keys}, {part: version or flags}) of a build."""
    output = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout
    lines = [line.split(",", 2) for line in output.splitlines()]
    return {name: rest.split() for what, name, rest in lines if what == "map"}, {
        name: rest for what, name, rest in lines if what == "built"
    }


def run_cell(program, method, keys, size, options, results):
    command = [program, "--map", method, "--keys", keys, "--size", size, "--repeats", options.repeats]
    command += ["--repeat-ms", options.repeat_ms] + (["--core", options.core] if options.core is not None else [])
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=CELL_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        results.notes.append(f"{method} {keys} {size}: left out, over {CELL_SECONDS_MAX} s")
        return False
    for line in done.stdout.splitlines():
        results.take(line)
    if done.returncode != 0:
        results.notes.append(f"{method} {keys} {size}: {done.stderr.strip() or f'status {done.returncode}'}")
        results.failed_count += done.returncode != NOT_HERE
    return done.returncode == 0


def methods_for(keys, size, maps, options):
    """The maps that this cell is measured with, in the order of measuring."""
    if keys == "collision" and size > COLLISION_SIZES_MAX:
        return []
    slow = QUADRATIC if keys == "collision" and size > QUADRATIC_SIZES_MAX else set()
    return [name for name in options.maps if keys in maps[name] and name not in slow]


def run_matrix(program, maps, options):
    results = Results()
    for keys in options.keys:
        for size in options.sizes:
            methods = methods_for(keys, size, maps, options)
            if not methods:
                continue
            began = time.monotonic()
            for _ in range(options.rounds):
                methods = [name for name in methods if run_cell(program, name, keys, size, options, results)]
            say(f"  {keys} {size:,}: {len(methods)} maps, {time.monotonic() - began:.0f} s")
    return results


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {"cpu": names[0] if names else "unknown", "at": datetime.datetime.now().isoformat(timespec="minutes")}


def words(text):
    return [word for word in text.split(",") if word]


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "hamt_compare")
    parser.add_argument("--quick", action="store_true", help="random and decimal keys, two sizes, short repeats")
    parser.add_argument("--maps", type=words, default=[], help="comma-separated; default all of the build")
    parser.add_argument("--keys", type=words, default=[], help="comma-separated; default all")
    parser.add_argument("--sizes", type=lambda text: [int(word) for word in words(text)], default=[])
    parser.add_argument("--ten-million", action="store_true", help="10,000,000 entries too (16 GB of memory)")
    parser.add_argument("--rounds", type=int, default=1, help="the whole of a cell's maps again; medians over rounds")
    parser.add_argument("--repeats", type=int, default=0)
    parser.add_argument("--repeat-ms", type=int, help="least time of a repeat; 0: one round")
    parser.add_argument("--core", type=int, help="default: the first that is allowed")
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    return parser.parse_args()


def with_defaults(options, maps):
    kinds = list(dict.fromkeys(kind for taken in maps.values() for kind in taken))
    options.maps = options.maps or list(maps)
    options.keys = options.keys or (["random", "decimal"] if options.quick else kinds)
    options.sizes = options.sizes or ([1_000, 100_000] if options.quick else SIZES)
    options.sizes += [10_000_000] if options.ten_million else []
    options.repeats = options.repeats or (3 if options.quick else 5)
    options.repeat_ms = (2 if options.quick else 10) if options.repeat_ms is None else options.repeat_ms
    unknown = (set(options.maps) - set(maps)) | (set(options.keys) - set(kinds))
    if unknown:
        sys.exit(f"not in this build: {', '.join(sorted(unknown))}; see {options.program} --list")


def main():
    options = parsed()
    if not options.program.exists():
        sys.exit(f"{options.program} is missing: cmake --preset release && ninja -C build hamt_compare")
    maps, built = listed(options.program)
    with_defaults(options, maps)
    say(f"{len(options.maps)} maps: {', '.join(options.maps)}")
    results = run_matrix(options.program, maps, options)
    if not results.times:
        sys.exit("nothing was measured: " + "; ".join(results.notes))
    times, figures = results.medians()
    tables.write(options.out, {"machine": machine(), "built": built, "notes": results.notes}, times, figures)
    return 1 if results.failed_count else 0


if __name__ == "__main__":
    sys.exit(main())
