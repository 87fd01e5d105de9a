"""Updates of metadata columns, durable, in a table of vectors: how many rows a second.

    python -m bench.update                    200,000 rows of 128 dimensions and ten metadata columns (two minutes)
    python -m bench.update --rows 1000000     a million

Every round sets one column of the half of the rows for which a condition is true, by another condition each time. The first one meets
rows that were never updated; later ones meet both kinds. Beside it: the same update with a vector in it, which writes rows
whole. Then the directory is opened again, and what it shows is compared with what was set. A raw figure of the disk: the same
bytes that the log takes, written and synced.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time

import numpy as np
import omendb
import pyarrow as pa

BATCH = 50_000
SCHEMA = {
    "id": "int64 primary key",
    "a": "int64",
    "b": "int64",
    "c": "int64",
    "price": "float64",
    "weight": "float64",
    "ok": "bool",
    "added": "timestamp",
    "kind": "string",
    "name": "string",
    "tags": "string[]",
}
KINDS = ["shoe", "hat", "coat", "glove", "scarf", "belt", "sock", "shirt", "skirt", "jacket"]


def make_rows(first, count, dims, random):
    numbers = random.integers(0, 1000, (3, count))
    ids = np.arange(first, first + count)
    return pa.table(
        {
            "id": ids,
            "a": numbers[0],
            "b": numbers[1],
            "c": numbers[2],
            "price": random.random(count) * 1000,
            "weight": pa.array(random.random(count), mask=random.random(count) < 0.1),
            "ok": pa.array(random.random(count) < 0.5),
            "added": pa.array(np.datetime64("2024-01-01", "us") + ids),
            "kind": pa.array(KINDS).take(pa.array(random.integers(0, len(KINDS), count))),
            "name": [f"product {i}" for i in ids.tolist()],
            "tags": [[KINDS[i % 10], "new"] for i in ids.tolist()],
            "v": pa.FixedSizeListArray.from_arrays(random.random(count * dims, dtype=np.float32), dims),
        }
    )


def fill(database, rows, dims):
    table = database.create_table("t", SCHEMA | {"v": omendb.vector(dims)})
    random = np.random.default_rng(1)
    for first in range(0, rows, BATCH):
        table.insert(make_rows(first, min(BATCH, rows - first), dims, random))
    table._wait_for_index()
    return table


def timed_update(table, values, where):
    start = time.perf_counter()
    changed = table.update(values, where)
    return changed, changed / (time.perf_counter() - start)


def disk_rate(folder, size):
    """Bytes a second of one file that is written and synced."""
    path = os.path.join(folder, "raw")
    data = os.urandom(1 << 20)
    start = time.perf_counter()
    with open(path, "wb") as file:
        for _ in range(max(1, size >> 20)):
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    seconds = time.perf_counter() - start
    os.unlink(path)
    return (max(1, size >> 20) << 20) / seconds


def update_in_rounds(table, rounds):
    """Rows a second and rows of each round; each sets a number of its own."""
    rates, changed = [], []
    for number in range(rounds):
        low = 100 * (number % 5)
        count, rate = timed_update(table, {"c": -number - 1}, f"b >= {low} and b < {low + 500}")
        if count != table.count(f"c = {-number - 1}"):
            raise RuntimeError(f"round {number}: {count} rows were changed, and others show it")
        rates.append(rate)
        changed.append(count)
    return rates, changed


def numbers_set(table, rounds):
    return [table.count(f"c = {-number - 1}") for number in range(rounds)]


def measure(folder, options):
    path = os.path.join(folder, "shop.omen")
    results = {"disk": disk_rate(folder, 64 << 20)}
    with omendb.connect(path) as database:
        table = fill(database, options.rows, options.dims)
        results["rates"], results["changed"] = update_in_rounds(table, options.rounds)
        values = {"a": -1, "v": [0.5] * options.dims}
        _, results["whole"] = timed_update(table, values, f"id < {max(10, options.rows // 20)}")
        before = numbers_set(table, options.rounds)
    with omendb.connect(path) as database:
        if numbers_set(database["t"], options.rounds) != before:
            raise RuntimeError("the directory shows something else when it is opened again")
    return results


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dims", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", default=None, help="where the database lies for a while")
    options = parser.parse_args(arguments)
    folder = tempfile.mkdtemp(prefix="omendb-update-", dir=options.folder)
    try:
        results = measure(folder, options)
    finally:
        shutil.rmtree(folder)
    rates = results["rates"]
    print(f"{options.rows} rows, {options.dims} dimensions, ten metadata columns; {results['changed'][0]} updated a round")
    print(f"metadata: median {statistics.median(rates):,.0f} rows/s, first {rates[0]:,.0f}, slowest {min(rates):,.0f}")
    print(f"whole rows (a vector among the columns): {results['whole']:,.0f} rows/s; a synced file {results['disk'] / 1e6:,.0f} MB/s")
    return results


if __name__ == "__main__":
    main()
