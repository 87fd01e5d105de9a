"""The process in which `omen bench ann` measures what an open database costs: nothing else has used its memory.

Usage: python -m omendb_cli.resident DATABASE TABLE QUERIES.npy K. Prints one JSON document.
"""

import gc
import json
import sys
import time

import numpy as np


def resident_bytes() -> int:
    """Memory of this process that lies in RAM, as the kernel counts it."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))


def main(path: str, name: str, queries_path: str, k: int) -> None:
    import omendb

    queries = np.load(queries_path)
    gc.collect()
    before, began = resident_bytes(), time.perf_counter()
    table = omendb.connect(path, read_only=True)[name]
    table.search(queries[0], k=k)
    seconds = time.perf_counter() - began
    table.search(queries, k=k, threads=1)
    print(json.dumps({"reopen_seconds": round(seconds, 4), "resident_bytes": resident_bytes() - before}))


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]))
