"""hamt::map over commits: ns per operation, its ratio to std::unordered_map in the same run, bytes per entry. Measured by hamt_compare."""

import pathlib
import subprocess
import sys

KEYS = ["random", "decimal"]
SIZES = [1_000, 100_000, 1_000_000]
MUTABLE = "build insert erase hit dependent_hit miss update iterate mixed_90_10".split()
PERSISTENT = "persistent_insert persistent_update persistent_erase persistent_chain diff".split()
YARDSTICK = "std::unordered_map"


def lines_of(method, keys, size):
    program = pathlib.Path(sys.prefix) / "bin" / "hamt_compare"
    command = [program, "--map", method, "--keys", keys, "--size", str(size)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


class Hamt:
    """One run of the program for each map, keys and size measures everything; the benchmarks read from it."""

    timeout = 3600

    def setup_cache(self):
        times, figures = {}, {}
        for keys in KEYS:
            for size in SIZES:
                for method in ("hamt", YARDSTICK):
                    for fields in (line.split(",") for line in lines_of(method, keys, size)):
                        if fields[0] == "figure":
                            figures[method, keys, size, fields[4]] = float(fields[5])
                        else:
                            times[method, keys, size, fields[2]] = float(fields[6])
        return times, figures

    setup_cache.timeout = 3600


class Operations(Hamt):
    params = [KEYS, SIZES, MUTABLE + PERSISTENT]
    param_names = ["keys", "size", "operation"]

    def track_ns_per_operation(self, cache, keys, size, operation):
        return cache[0]["hamt", keys, size, operation]

    track_ns_per_operation.unit = "ns"


class Ratios(Hamt):
    params = [KEYS, SIZES, MUTABLE]
    param_names = ["keys", "size", "operation"]

    def track_ratio_to_unordered_map(self, cache, keys, size, operation):
        return cache[0]["hamt", keys, size, operation] / cache[0][YARDSTICK, keys, size, operation]

    track_ratio_to_unordered_map.unit = "ratio"


class Memory(Hamt):
    params = [KEYS, SIZES]
    param_names = ["keys", "size"]

    def track_used_bytes_per_entry(self, cache, keys, size):
        return cache[1]["hamt", keys, size, "used_bytes_per_entry"]

    track_used_bytes_per_entry.unit = "bytes"

    def track_heap_bytes_per_entry(self, cache, keys, size):
        return cache[1]["hamt", keys, size, "heap_bytes_per_entry"]

    track_heap_bytes_per_entry.unit = "bytes"
