"""Searches by vector under a condition: recall, whether all k rows came, and time beside an unfiltered search.

    python -m bench.filtered                       all sets (25 minutes, of which 10 build)
    python -m bench.filtered --sets mnist,beir     some (4 minutes)
    python -m bench.filtered --fresh               each search with a condition that was not asked before (a comment makes it new)

Default settings: nobody says a beam. Recall@10 by numpy over all rows; p50 of one query a call, one thread, medians of rounds in
which hnswlib without a condition, at the narrowest beam of recall 0.95 or more, takes its turn. Only ratios of one run count.
Results: bench/results/filtered-*.json.
"""

import argparse
import contextlib
import json
import math
import pathlib
import statistics
import tempfile
import time

import numpy as np

from bench import libraries, sets
from bench.contenders import wait_until_measured
from bench.filtered_sets import K, SCHEMA, FilteredSet

RESULTS = sets.ROOT / "bench" / "results"
BARS = {"anti-correlated": 10.0}
BAR = 5.0


def say(text):
    print(text, flush=True)


def build(folder, filtered, threads):
    import omendb

    database = omendb.connect(folder, threads=threads)
    dims = filtered.base.shape[1]
    began = time.perf_counter()
    if "t" in database:
        table = database["t"]
    else:
        table = database.create_table("t", SCHEMA | {"v": omendb.vector(dims)})
        for batch in filtered.batches():
            table.insert(batch)
    table._wait_for_index()
    wait_until_measured(table)
    say(f"{filtered.name}: {len(filtered.base):,} x {dims}, built in {time.perf_counter() - began:.0f} s")
    return database, table


class Reference:
    """hnswlib without a condition; its graph is kept in the cache folder."""

    def __init__(self, filtered, threads):
        import hnswlib

        self.index = hnswlib.Index(space="l2", dim=filtered.base.shape[1])
        path = sets.cache_folder() / f"hnswlib-{filtered.name}-{len(filtered.base)}.bin"
        if path.exists():
            self.index.load_index(str(path))
        else:
            self.index.init_index(len(filtered.base), M=libraries.M, ef_construction=libraries.EF_CONSTRUCTION)
            self.index.add_items(filtered.base, num_threads=threads)
            self.index.save_index(str(path))
        self.index.set_num_threads(1)
        self.beam = self.choose_beam(filtered)

    def choose_beam(self, filtered):
        everything = Unfiltered(len(filtered.base))
        bounds, counts = filtered.bounds(everything)
        for beam in range(10, 400, 2):
            self.index.set_ef(beam)
            found = self.index.knn_query(filtered.queries, k=K, num_threads=1)[0].astype(np.int64)
            recalls = [filtered.recall(q, ids, everything, bounds[q], counts[q]) for q, ids in enumerate(found)]
            if np.mean(recalls) >= 0.95:
                return beam
        raise RuntimeError("hnswlib does not reach recall 0.95")

    def p50(self, queries):
        search = self.index.knn_query
        return p50(lambda q: search(queries[q], k=K, num_threads=1), len(queries))


class Unfiltered:
    group, shape, share, name = "none", "", 1.0, "no condition"

    def __init__(self, count):
        self.all = np.ones(count, dtype=bool)

    def mask(self, _):
        return self.all

    def condition(self, _):
        return None, None


def p50(search, count):
    seconds = []
    for q in range(count):
        began = time.perf_counter()
        search(q)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) * 1e6


class Asker:
    def __init__(self, table, filtered, fresh):
        self.table, self.queries, self.fresh, self.asked = table, filtered.queries, fresh, 0

    def search(self, q, cell):
        where, params = cell.condition(q)
        if self.fresh and where is not None:
            self.asked += 1
            where = f"{where} /* {self.asked} */"
        return self.table.search(self.queries[q], k=K, where=where, params=params).ids


def lower_bound(recalls):
    """Of the mean, one-sided, 95 %."""
    return float(np.mean(recalls) - 1.645 * np.std(recalls, ddof=1) / math.sqrt(len(recalls)))


def measure_recall(asker, filtered, cell):
    bounds, counts = filtered.bounds(cell)
    recalls, short = [], 0
    for q in range(len(filtered.queries)):
        ids = np.asarray(asker.search(q, cell), dtype=np.int64)
        short += len(ids) != counts[q]
        recalls.append(filtered.recall(q, ids, cell, bounds[q], counts[q]))
    return recalls, short


def measure(name, rounds, threads, fresh, only, keep):
    filtered = FilteredSet(name)
    cells = [Unfiltered(len(filtered.base)), *(cell for cell in filtered.cells() if only in cell.name)]
    with contextlib.ExitStack() as stack:
        parent = keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="omendb-filtered-"))
        database, table = build(pathlib.Path(parent) / name, filtered, threads)
        reference = Reference(filtered, threads)
        asker = Asker(table, filtered, fresh)
        rows = []
        for cell in cells:
            recalls, short = measure_recall(asker, filtered, cell)
            times, ratios = [], []
            for _ in range(rounds):
                ours = p50(lambda q, cell=cell: asker.search(q, cell), len(filtered.queries))
                times.append(ours)
                ratios.append(ours / reference.p50(filtered.queries))
            where, params = cell.condition(0)
            plan = "" if where is None else table.explain(filtered.queries[0], k=K, where=where, params=params, analyze=True)
            rows.append(
                {
                    "set": name,
                    "cell": cell.name,
                    "group": cell.group,
                    "recall": float(np.mean(recalls)),
                    "recall_low": lower_bound(recalls),
                    "short": int(short),
                    "p50_us": statistics.median(times),
                    "over_hnswlib": statistics.median(ratios),
                    "plan": str(plan),
                }
            )
            say(line(rows[-1]))
        database.close()
    say(f"{name}: hnswlib without a condition: ef {reference.beam}, p50 {reference.p50(filtered.queries):.0f} us")
    return rows


def line(row):
    bar = BARS.get(row["group"], BAR)
    faults = [
        *(["recall"] if row["recall"] < 0.95 else []),
        *(["rows missing"] if row["short"] else []),
        *(["time"] if row["over_hnswlib"] > bar else []),
    ]
    return (
        f"  {row['cell']:38} recall {row['recall']:.3f} (> {row['recall_low']:.3f})  short {row['short']:3}"
        f"  p50 {row['p50_us']:7.0f} us  {row['over_hnswlib']:5.2f}x  {' '.join(faults)}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="beir,mnist,sift1m", help="of beir, and those of bench.sets")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="that build")
    parser.add_argument("--fresh", action="store_true", help="no condition is asked twice")
    parser.add_argument("--only", default="", help="cells whose name has these characters")
    parser.add_argument("--keep", help="folder for the tables, which are not built again where they are there")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.sets.split(","):
        rows += measure(name, arguments.rounds, arguments.threads, arguments.fresh, arguments.only, arguments.keep)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"filtered-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps(rows, indent=1))
    say(f"{len(rows)} cells; lowest recall {min(row['recall'] for row in rows):.3f}; {path.relative_to(sets.ROOT)}")


if __name__ == "__main__":
    main()
