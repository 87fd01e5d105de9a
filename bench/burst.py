"""A burst of wide rows: a text of 80 words, ten columns of metadata and a vector of 384 dimensions, durable, in commits of
1,000. Run by bench.text.
"""

import datetime
import json
import pathlib
import random
import resource
import time

import numpy as np

from bench import text_documents

COMMIT_ROWS = 1_000
DIMS = 384
METADATA = {
    "year": "int64", "size": "int64", "price": "float64", "rating": "float64", "stock": "bool", "added": "timestamp",
    "author": "string", "language": "string", "tags": "string[]", "extra": "json",
}


def make_batches(count, seed=3):
    """Dicts of columns, made before the clock starts."""
    source, generator = random.Random(seed), np.random.default_rng(seed)
    documents = text_documents.load(count)
    authors = [text_documents.made_up_word(rank * 5 + 1) for rank in range(500)]
    start_of_time = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    batches = []
    for first in range(0, count, COMMIT_ROWS):
        rows = range(first, min(first + COMMIT_ROWS, count))
        batches.append({
            "id": np.array(rows, dtype=np.int64),
            "body": documents[first : first + len(rows)],
            "vector": generator.normal(size=(len(rows), DIMS)).astype(np.float32),
            "year": [source.randint(1990, 2026) for _ in rows],
            "size": [source.randint(0, 1 << 40) for _ in rows],
            "price": [round(source.uniform(1, 100), 2) for _ in rows],
            "rating": [source.random() * 5 for _ in rows],
            "stock": [source.random() < 0.5 for _ in rows],
            "added": [start_of_time + datetime.timedelta(seconds=source.randint(0, 10**8)) for _ in rows],
            "author": source.choices(authors, k=len(rows)),
            "language": source.choices(["en", "de", "fr", None], k=len(rows)),
            "tags": [source.sample(["red", "blue", "sale", "new", "used"], source.randint(0, 3)) for _ in rows],
            "extra": [json.dumps({"a": source.randint(0, 9), "b": source.choice(authors)}) for _ in rows],
        })
    return batches


def to_arrow(batch):
    import pyarrow

    vectors = batch["vector"]
    columns = {name: pyarrow.array(values) for name, values in batch.items() if name != "vector"}
    columns["vector"] = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(vectors.reshape(-1)), vectors.shape[1])
    return pyarrow.table(columns)


def run(folder, count):
    """Figures of one burst: the table is a directory on disk, every statement returns when it is synced."""
    import omendb

    batches = [to_arrow(batch) for batch in make_batches(count)]
    with omendb.connect(pathlib.Path(folder) / "db") as database:
        columns = {"id": "int64 primary key", "body": omendb.text(), "vector": omendb.vector(DIMS), **METADATA}
        table = database.create_table("t", columns)
        latencies = []
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu_before = used.ru_utime + used.ru_stime
        began = time.perf_counter()
        for batch in batches:
            started = time.perf_counter()
            table.insert(batch)
            latencies.append(time.perf_counter() - started)
        seconds = time.perf_counter() - began
        found = len(table.search(text=batches[-1]["body"][-1].as_py(), k=1, text_columns="body")) == 1
        used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "rows_per_second": count / seconds,
        "rows_per_cpu_second": count / (used.ru_utime + used.ru_stime - cpu_before),
        "commit_p50_ms": float(np.percentile(latencies, 50)) * 1e3,
        "commit_p99_ms": float(np.percentile(latencies, 99)) * 1e3,
        "searchable_at_once": found,
    }


def table(measured):
    headings = ["rows", "rows/s", "rows/CPU s, graph included", "commit p50/p99 ms", "searchable at once"]
    shown = f"{measured['commit_p50_ms']:.1f} / {measured['commit_p99_ms']:.1f}"
    found = "yes" if measured["searchable_at_once"] else "no"
    speeds = [f"{measured[name]:,.0f}" for name in ("rows_per_second", "rows_per_cpu_second")]
    return headings, [["text, 10 columns, 384-d vector", *speeds, shown, found]]
