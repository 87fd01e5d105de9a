"""omen bench ann: a file of vectors measured: build rate, then recall, queries a second and latencies for every beam, bytes a vector."""

import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

from omendb_cli import ann_plot, ann_set, database, measuring, screen
from omendb_cli.failure import Failure, Usage

TABLE = "bench"
BEAMS = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768]
RECALL_ENOUGH = 0.9995  # the sweep ends here
RECALLS = [0.9, 0.95, 0.99, 0.999]
EXACT_QUERIES = 50  # of one exact search, so that the bar moves
CALLS_MAX = 1_000
TIE = 1e-5  # relative: float32 sums in another order differ by less


def beams(arguments) -> list[int]:
    """The beams to measure, from narrow to wide; none is below k."""
    if arguments.ef is None:
        return sorted({max(arguments.k, ef) for ef in BEAMS})
    try:
        wanted = sorted({int(part) for part in arguments.ef.split(",")})
    except ValueError:
        raise Usage(
            f"--ef {arguments.ef}: write whole numbers separated by commas, for instance --ef 20,40,80"
        ) from None
    if wanted[0] < 1:
        raise Usage(f"--ef {arguments.ef}: a beam is at least 1")
    return wanted


def check_arguments(arguments) -> None:
    for name in ("k", "query_count", "limit", "threads"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise Usage(f"--{name.replace('_', '-')} must be at least 1, got {value}")
    if arguments.plot:
        ann_plot.check(arguments.plot)


def vector_column(data: ann_set.AnnSet, arguments):
    """The column with what the command line asks for; what the package does not have it refuses itself."""
    import omendb

    asked = {name: getattr(arguments, name) for name in ("m", "ef_construction", "storage")}
    options = {name: value for name, value in asked.items() if value is not None}
    return omendb.vector(data.dims, metric=data.metric, **options)


def create_table(opened, column, path: str):
    if TABLE in opened:
        raise Failure(f"{path}: has a table '{TABLE}' already; name another directory")
    return opened.create_table(TABLE, {"id": "int64 primary key", "v": column})


def build(table, data: ann_set.AnnSet) -> dict:
    began = time.perf_counter()
    commits = measuring.ingest(table, data.batches(), data.rows)
    durable = time.perf_counter() - began
    measuring.wait_for_graph(table, data.rows)
    seconds = time.perf_counter() - began
    return {
        "seconds": round(seconds, 3),
        "durable_rows_per_second": round(data.rows / durable),
        "indexed_rows_per_second": round(data.rows / seconds),
        "commit": measuring.percentiles(commits),
    }


def answers(found, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(keys, distances), queries x k."""
    return found.ids.reshape(-1, k), found.distances.reshape(-1, k)


def exact_answers(table, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    parts = []
    with screen.Progress("comparing everything", len(queries), "queries") as progress:
        for start in range(0, len(queries), EXACT_QUERIES):
            parts.append(answers(table.search(queries[start : start + EXACT_QUERIES], k=k, exact=True), k))
            progress.advance(len(parts[-1][0]))
    ids, distances = (np.vstack(part) for part in zip(*parts))
    return ids, distances


def distances_to(table, metric: str, queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """The distance of each query to the row of its key."""
    rows = np.array([row["v"] for row in table.get(keys.tolist(), select=["v"])], np.float64)
    exact = queries.astype(np.float64)
    if metric == "l2":
        return np.linalg.norm(exact - rows, axis=1)
    if metric == "l1":
        return np.abs(exact - rows).sum(axis=1)
    products = (exact * rows).sum(axis=1)
    if metric == "ip":
        return -products
    return 1 - products / np.maximum(np.linalg.norm(exact, axis=1) * np.linalg.norm(rows, axis=1), 1e-30)


class Truth:
    """True neighbours, and how far the first and the last of them are: a row exactly as far is as right.

    A nearer one that is not among them is not: it says that the file's truth is of other rows or another metric.
    """

    def __init__(self, table, data: ann_set.AnnSet, k: int) -> None:
        if data.truth is None:
            self.ids, distances = exact_answers(table, data.queries, k)
            self.ends = distances[:, [0, k - 1]].astype(np.float64)
        else:
            self.ids = data.truth
            self.ends = np.stack(
                [distances_to(table, data.metric, data.queries, self.ids[:, at]) for at in (0, k - 1)], axis=1
            )
        self.tie = TIE * np.maximum(np.abs(self.ends), 1e-3)

    def recalls(self, ids: np.ndarray, distances: np.ndarray) -> tuple[float, float]:
        """(recall@1, recall@k)."""
        first = (ids[:, 0] == self.ids[:, 0]) | (abs(distances[:, 0] - self.ends[:, 0]) <= self.tie[:, 0])
        known = np.array([np.isin(row, true) for row, true in zip(ids, self.ids)])
        return float(first.mean()), float((known | (abs(distances - self.ends[:, 1:]) <= self.tie[:, 1:])).mean())


def measure_setting(table, data: ann_set.AnnSet, truth: Truth, arguments, setting: dict) -> dict:
    queries, k = data.queries, arguments.k
    found, seconds = measuring.timed_search(table, queries, k=k, threads=1, **setting)
    _, batch_seconds = measuring.timed_search(table, queries, k=k, threads=arguments.threads, **setting)
    first, all_k = truth.recalls(*answers(found, k))
    return {
        "setting": f"ef {setting['ef']}" if setting else "default",
        **setting,
        "recall_at_1": round(first, 4),
        "recall_at_k": round(all_k, 4),
        "queries_per_second": round(len(queries) / seconds),
        "batch_queries_per_second": round(len(queries) / batch_seconds),
        **measuring.percentiles(measuring.one_call_latencies(table, queries[:CALLS_MAX], k=k, **setting)),
    }


def sweep(table, data: ann_set.AnnSet, truth: Truth, arguments) -> list[dict]:
    settings = [{}, *({"ef": ef} for ef in beams(arguments))]
    points = []
    table.search(data.queries, k=arguments.k)  # what comes first should not pay for cold pages
    with screen.Progress("searching", len(settings), "settings") as progress:
        for setting in settings:
            points.append(measure_setting(table, data, truth, arguments, setting))
            progress.advance(1)
            if setting and arguments.ef is None and points[-1]["recall_at_k"] >= RECALL_ENOUGH:
                break
    mark_frontier(points)
    return points


def mark_frontier(points: list[dict]) -> None:
    for point in points:
        point["frontier"] = not any(
            other["queries_per_second"] > point["queries_per_second"] and other["recall_at_k"] >= point["recall_at_k"]
            for other in points
        )


def cheapest(points: list[dict]) -> dict:
    """Per recall of RECALLS the fastest setting that reaches it, or nothing."""
    found = {}
    for recall in RECALLS:
        enough = [point for point in points if point["recall_at_k"] >= recall]
        found[str(recall)] = max(enough, key=lambda point: point["queries_per_second"]) if enough else None
    return found


def reopened(path: str, queries: np.ndarray, k: int, folder: str) -> dict:
    """Figures of a process that does nothing but open the database and search it."""
    queries_path = os.path.join(folder, "queries.npy")
    np.save(queries_path, queries)
    command = [sys.executable, "-P", "-m", "omendb_cli.resident", path, TABLE, queries_path, str(k)]
    with screen.Spinner("opening it in a process of its own"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{path}: can not be opened again: {' '.join(done.stderr.splitlines()[-1:])}")
    return json.loads(done.stdout)


def bytes_per_row(table, rows: int) -> dict:
    stats = table.stats()
    return {f"{label}_bytes_per_row": round(stats[f"{label}_bytes"]["total"] / rows, 1) for label in ("memory", "disk")}


def measure(arguments, data: ann_set.AnnSet, path: str, folder: str) -> dict:
    options = {} if arguments.threads is None else {"threads": arguments.threads}
    column = vector_column(data, arguments)
    with database.connect(path, create=True, **options) as opened:
        table = create_table(opened, column, path)
        words = {name.decode(): value.decode() for name, value in table.schema.field("v").metadata.items()}
        figures = {
            "file": arguments.file,
            "rows": data.rows,
            "dims": data.dims,
            "metric": data.metric,
            "m": int(words["omendb.m"]),
            "ef_construction": int(words["omendb.ef_construction"]),
            "storage": arguments.storage or words.get("omendb.storage", "f32"),
            "threads": arguments.threads or os.cpu_count(),
            "build": build(table, data),
        }
        truth = Truth(table, data, arguments.k)
        figures |= {"queries": len(data.queries), "query_source": data.query_source, "truth_source": data.truth_source}
        figures |= {"k": arguments.k, "points": sweep(table, data, truth, arguments)}
        figures |= bytes_per_row(table, data.rows)
    figures |= {"cheapest": cheapest(figures["points"]), **reopened(path, data.queries, arguments.k, folder)}
    figures["resident_bytes_per_row"] = round(figures["resident_bytes"] / data.rows, 1)
    return figures


def print_build(figures: dict) -> None:
    built, commit = figures["build"], figures["build"]["commit"]
    screen.heading(f"{figures['file']}: {figures['rows']:,} x {figures['dims']}, {figures['metric']}")
    screen.say(
        f"  {figures['queries']:,} queries ({figures['query_source']}), true neighbours by {figures['truth_source']};"
        f" M {figures['m']}, ef_construction {figures['ef_construction']}, {figures['storage']}"
    )
    screen.table(
        ["what", "figure"],
        [
            ("durable ingest, a commit every 1,000 rows", f"{built['durable_rows_per_second']:,} rows/s"),
            ("ingest until the graph is complete", f"{built['indexed_rows_per_second']:,} rows/s"),
            ("one commit, median and 99 of 100", f"{commit['p50_us'] / 1e3:,.2f} ms, {commit['p99_us'] / 1e3:,.2f} ms"),
            ("resident in a process of its own", f"{figures['resident_bytes_per_row']:,.0f} bytes a vector"),
            ("counted by the table: memory", f"{figures['memory_bytes_per_row']:,.0f} bytes a vector"),
            ("counted by the table: disk", f"{figures['disk_bytes_per_row']:,.0f} bytes a vector"),
            ("open and first answer", screen.seconds_text(figures["reopen_seconds"])),
        ],
    )


def print_searches(figures: dict) -> None:
    k, threads = figures["k"], figures["threads"]
    screen.heading(f"queries a second in batches, microseconds of single calls; k = {k}; * is on the frontier")
    numeric = ["recall@1", f"recall@{k} ", "QPS, 1 thread", f"QPS, {threads} thr.", "p50 us", "p99 us"]
    screen.table(
        ["setting", *numeric, " "],
        [
            (
                point["setting"],
                f"{point['recall_at_1']:.4f}",
                f"{point['recall_at_k']:.4f}",
                f"{point['queries_per_second']:,}",
                f"{point['batch_queries_per_second']:,}",
                f"{point['p50_us']:,.0f}",
                f"{point['p99_us']:,.0f}",
                "*" if point["frontier"] else "",
            )
            for point in figures["points"]
        ],
        numeric=numeric,
    )
    screen.heading(f"what a recall@{k} costs")
    best = max(point["queries_per_second"] for point in figures["points"])
    screen.table(
        ["recall", "setting", "QPS, 1 thread", " "],
        [
            (
                recall,
                point["setting"],
                f"{point['queries_per_second']:,}",
                screen.bar(point["queries_per_second"] / best, 24).rstrip(),
            )
            if point
            else (recall, "not reached", "", "")
            for recall, point in figures["cheapest"].items()
        ],
        numeric=["QPS, 1 thread"],
    )


def run(arguments) -> None:
    check_arguments(arguments)
    beams(arguments)
    data = ann_set.open_set(arguments)
    if arguments.dir:
        os.makedirs(arguments.dir, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="omen-bench-", dir=arguments.dir) as folder:
        figures = measure(arguments, data, arguments.db or os.path.join(folder, "bench.omen"), folder)
    if arguments.plot:
        ann_plot.draw(figures, arguments.plot)
    if arguments.json:
        screen.say(json.dumps(figures))
        return
    print_build(figures)
    print_searches(figures)
    if arguments.plot:
        screen.note(f"drawn: {arguments.plot}")
