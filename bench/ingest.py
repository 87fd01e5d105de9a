"""Durable ingest of a burst: OmenDB beside zvec and beside the disk itself, each in a process of its own.

    python -m bench.ingest [ROWS]
    python -m bench.ingest --one WRITER ROWS FOLDER      (what the processes run)

A burst is 128-d float32 vectors in batches of 1,000. Whether a writer syncs is counted, not
believed: strace counts fsync, fdatasync, msync and sync_file_range where it is installed.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

from bench import datasets, libraries, sets

BATCH_ROWS = 1_000
ROUNDS = 3
SYNC_COUNT_ROWS = 20_000
SYNC_CALLS = "fsync,fdatasync,msync,sync_file_range,syncfs,sync"


class OmendbWriter:
    name = "omendb, durable at acknowledge"

    def __init__(self, folder, dims):
        import omendb

        self.database = omendb.connect(os.path.join(folder, "db"))
        self.table = self.database.create_table("bench", {"id": "int64 primary key", "v": omendb.vector(dims)})

    def prepare(self, start, vectors):
        return {"id": np.arange(start, start + len(vectors), dtype=np.int64), "v": vectors}

    def write(self, batch):
        self.table.insert(batch)

    def finds(self, vector, row):
        return int(self.table.search(vector, k=1).ids[0]) == row

    def close(self):
        self.database.close()


class ZvecWriter:
    """zvec as its documentation says; documents are made before the clock starts."""

    name = "zvec, insert"

    def __init__(self, folder, dims):
        import zvec

        self.zvec = zvec
        vector = zvec.VectorSchema(
            "v",
            zvec.DataType.VECTOR_FP32,
            dims,
            zvec.HnswIndexParam(
                metric_type=zvec.MetricType.L2, m=libraries.M, ef_construction=libraries.EF_CONSTRUCTION
            ),
        )
        self.collection = zvec.create_and_open(
            os.path.join(folder, "zvec"), zvec.CollectionSchema("bench", vectors=vector)
        )

    def prepare(self, start, vectors):
        return [
            self.zvec.Doc(id=str(start + row), vectors={"v": vector.tolist()}) for row, vector in enumerate(vectors)
        ]

    def write(self, batch):
        statuses = self.collection.insert(batch)
        if not all(status.ok() for status in statuses):
            raise RuntimeError(f"zvec refused a document: {statuses[0]}")

    def finds(self, vector, row):
        found = self.collection.query(self.zvec.Query(field_name="v", vector=vector.tolist()), topk=1)
        return found[0].id == str(row)

    def close(self):
        self.collection.close()


class ZvecFlushWriter(ZvecWriter):
    name = "zvec, insert and flush"

    def write(self, batch):
        super().write(batch)
        self.collection.flush()


class DiskWriter:
    """The same bytes appended to a file and synced: what the disk allows."""

    name = "a file, write and fdatasync"

    def __init__(self, folder, dims):
        self.file = os.open(os.path.join(folder, "file"), os.O_WRONLY | os.O_CREAT)

    def prepare(self, start, vectors):
        return vectors.tobytes()

    def write(self, batch):
        os.write(self.file, batch)
        os.fdatasync(self.file)

    def finds(self, vector, row):
        return True

    def close(self):
        os.close(self.file)


WRITERS = {"omendb": OmendbWriter, "zvec": ZvecWriter, "zvec_flush": ZvecFlushWriter, "file": DiskWriter}


def run_one(name, rows, folder):
    """Figures of one writer; the process ends afterwards."""
    vectors = datasets.sift_like(rows, seed=13, query_count=1).base
    writer = WRITERS[name](folder, vectors.shape[1])
    batches = [writer.prepare(start, vectors[start : start + BATCH_ROWS]) for start in range(0, rows, BATCH_ROWS)]
    latencies = []
    began = time.perf_counter()
    for batch in batches:
        started = time.perf_counter()
        writer.write(batch)
        latencies.append(time.perf_counter() - started)
    seconds = time.perf_counter() - began
    found = all(writer.finds(vectors[row], row) for row in (rows - 1, rows // 2))
    writer.close()
    return {
        "seconds": seconds,
        "rows_per_second": rows / seconds,
        "commit_p50_ms": float(np.percentile(latencies, 50)) * 1e3,
        "commit_p99_ms": float(np.percentile(latencies, 99)) * 1e3,
        "searchable_at_once": found,
    }


def in_process(name, rows, folder, prefix=()):
    place = tempfile.mkdtemp(prefix=f"{name}-", dir=folder)
    try:
        done = subprocess.run(
            [*prefix, sys.executable, "-m", "bench.ingest", "--one", name, str(rows), place],
            capture_output=True,
            text=True,
            cwd=sets.ROOT,
            check=False,
        )
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if done.returncode != 0:
        raise RuntimeError(f"ingest of {name} failed: {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout.splitlines()[-1])


def count_syncs(name, folder):
    """System calls that sync, a thousand rows, or None without strace."""
    if shutil.which("strace") is None:
        return None
    log = pathlib.Path(folder) / "strace.log"
    try:
        in_process(name, SYNC_COUNT_ROWS, folder, ["strace", "-f", "-qq", "-e", f"trace={SYNC_CALLS}", "-o", str(log)])
        return len(re.findall(r"(?:sync|sync_file_range)\(", log.read_text())) / (SYNC_COUNT_ROWS / BATCH_ROWS)
    except RuntimeError:
        return None  # tracing is forbidden here


def median(values):
    return sorted(values)[len(values) // 2]


def compare(folder, rows):
    """Figures of every writer: medians of rounds in which the writers take turns."""
    print(f"\ndurable ingest: {rows:,} x 128 in batches of {BATCH_ROWS:,}", flush=True)
    rounds = {name: [] for name in WRITERS}
    for _ in range(ROUNDS):
        for name, measured in rounds.items():
            measured.append(in_process(name, rows, folder))
    results = {"rows": rows, "batch_rows": BATCH_ROWS, "writers": {}}
    for name, measured in rounds.items():
        figures = {key: median([one[key] for one in measured]) for key in measured[0] if key != "searchable_at_once"}
        figures |= {
            "label": WRITERS[name].name,
            "searchable_at_once": all(one["searchable_at_once"] for one in measured),
            "syncs_per_batch": count_syncs(name, folder),
        }
        results["writers"][name] = figures
        print(f"  {figures['label']:32} {figures['rows_per_second']:10,.0f} vectors/s", flush=True)
    return results


def main(argv):
    if argv[:1] == ["--one"]:
        print(json.dumps(run_one(argv[1], int(argv[2]), argv[3])))
        return 0
    with tempfile.TemporaryDirectory(prefix="omendb-bench-") as folder:
        print(json.dumps(compare(folder, int(argv[0]) if argv else 200_000), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
