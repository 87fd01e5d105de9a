"""omen bench: ingest, search and recall of this machine, measured in half a minute with seeded, clustered vectors."""

import json
import os
import shutil
import tempfile
import time

import numpy as np

from omendb_cli import database, screen
from omendb_cli.failure import Usage

BATCH_ROWS = 1_000
QUERY_COUNT = 1_000
EXACT_QUERY_COUNT = 200
CLUSTERS = 200
LATENT_DIMS = 24
REPEATS = 3
SECONDS_MIN = 0.2  # of all runs at one setting together
BEAMS = [10, 20, 40, 80, 160, 320]


def make_vectors(rows, dims, seed):
    """(rows, queries): Gaussian clusters in a space of few dimensions, bent by tanh, plus noise; like embeddings, unlike uniform noise."""
    rng = np.random.default_rng(seed)
    latent = min(LATENT_DIMS, dims)
    centres = rng.standard_normal((CLUSTERS, latent))
    weights = rng.gamma(0.7, size=CLUSTERS)
    spread = rng.uniform(0.3, 0.8, (CLUSTERS, latent))
    projection = rng.standard_normal((latent, dims)) / np.sqrt(latent)

    def draw(count):
        labels = rng.choice(CLUSTERS, count, p=weights / weights.sum())
        inner = centres[labels] + spread[labels] * rng.standard_normal((count, latent))
        return np.ascontiguousarray(
            np.tanh(inner @ projection) + 0.05 * rng.standard_normal((count, dims)), dtype=np.float32
        )

    return np.vstack([draw(min(100_000, rows - start)) for start in range(0, rows, 100_000)]), draw(QUERY_COUNT)


def batches_of(vectors):
    """(keys, vectors), a statement at a time."""
    for start in range(0, len(vectors), BATCH_ROWS):
        part = vectors[start : start + BATCH_ROWS]
        yield np.arange(start, start + len(part), dtype=np.int64), part


def ingest(table, batches, rows):
    """Seconds of each statement."""
    latencies = []
    with screen.Progress("inserting", rows) as progress:
        for keys, part in batches:
            began = time.perf_counter()
            table.insert({"id": keys, "v": part})
            latencies.append(time.perf_counter() - began)
            progress.advance(len(part))
    return latencies


def wait_for_graph(table, rows):
    with screen.Progress("building the graph", rows) as progress:
        while waiting := table.stats()["tail_rows"]:
            progress.done = rows - waiting
            progress.advance(0)
            time.sleep(0.02)


def recall_of(found, wanted):
    return sum(len(set(row.ids) & set(truth.ids)) for row, truth in zip(found, wanted)) / max(
        1, sum(len(truth) for truth in wanted)
    )


def timed_search(table, queries, **options):
    """(hits, median seconds of a run): a few runs, and more where they are short, after a warm-up."""
    table.search(queries[:10], **options)
    seconds = []
    while len(seconds) < REPEATS or sum(seconds) < SECONDS_MIN:
        began = time.perf_counter()
        found = table.search(queries, **options)
        seconds.append(time.perf_counter() - began)
    return found, sorted(seconds)[len(seconds) // 2]


def measure_searches(table, queries):
    few = queries[:EXACT_QUERY_COUNT]
    began = time.perf_counter()
    wanted = table.search(few, k=10, exact=True, threads=1)
    exact_qps = len(few) / (time.perf_counter() - began)
    rows = []
    for label, options in [("default", {}), *((f"ef {ef}", {"ef": ef}) for ef in BEAMS)]:
        found, seconds = timed_search(table, queries, k=10, threads=1, **options)
        rows.append(
            {
                "setting": label,
                "recall": round(recall_of(found[: len(few)], wanted), 4),
                "queries_per_second": round(len(queries) / seconds),
            }
        )
    return rows, exact_qps


def one_call_latencies(table, queries, k=10, **options):
    latencies = []
    for query in queries:
        began = time.perf_counter()
        table.search(query, k=k, **options)
        latencies.append(time.perf_counter() - began)
    return latencies


def percentiles(seconds):
    return {
        "p50_us": round(float(np.percentile(seconds, 50)) * 1e6, 1),
        "p99_us": round(float(np.percentile(seconds, 99)) * 1e6, 1),
    }


def measure(arguments, path):
    import omendb

    vectors, queries = make_vectors(arguments.rows, arguments.dims, arguments.seed)
    figures = {"rows": arguments.rows, "dims": arguments.dims, "metric": arguments.metric, "batch_rows": BATCH_ROWS}
    with database.connect(path, create=True) as opened:
        table = opened.create_table(
            "bench", {"id": "int64 primary key", "v": omendb.vector(arguments.dims, metric=arguments.metric)}
        )
        began = time.perf_counter()
        commits = ingest(table, batches_of(vectors), len(vectors))
        durable_seconds = time.perf_counter() - began
        wait_for_graph(table, arguments.rows)
        figures["durable_rows_per_second"] = round(arguments.rows / durable_seconds)
        figures["indexed_rows_per_second"] = round(arguments.rows / (time.perf_counter() - began))
        figures["commit"] = percentiles(commits)
        figures["searches"], exact_qps = measure_searches(table, queries)
        figures["exact_queries_per_second"] = round(exact_qps)
        figures["one_call"] = percentiles(one_call_latencies(table, queries))
        stats = table.stats()
        for label in ("memory", "disk"):
            size = stats[f"{label}_bytes"]
            size = size.get("total", sum(size.values())) if isinstance(size, dict) else size
            figures[f"{label}_bytes_per_row"] = round(size / arguments.rows, 1)
    began = time.perf_counter()
    with database.connect(path) as opened:
        opened["bench"].search(queries[0], k=10)
        figures["reopen_seconds"] = round(time.perf_counter() - began, 4)
    return figures


def print_figures(figures):
    screen.heading(f"{figures['rows']:,} x {figures['dims']} float32, {figures['metric']}")
    screen.table(
        ["what", "figure"],
        [
            (f"durable ingest, a commit every {BATCH_ROWS:,} rows", f"{figures['durable_rows_per_second']:,} rows/s"),
            ("ingest until the graph is complete", f"{figures['indexed_rows_per_second']:,} rows/s"),
            (
                "one commit, median and 99 of 100",
                f"{figures['commit']['p50_us'] / 1e3:,.2f} ms, {figures['commit']['p99_us'] / 1e3:,.2f} ms",
            ),
            (
                "one search call, median and 99 of 100",
                f"{figures['one_call']['p50_us']:,.0f} us, {figures['one_call']['p99_us']:,.0f} us",
            ),
            ("comparing with every row", f"{figures['exact_queries_per_second']:,} queries/s"),
            (
                "memory, disk",
                f"{figures['memory_bytes_per_row']:,.0f}, {figures['disk_bytes_per_row']:,.0f} bytes a row",
            ),
            ("close, reopen, first answer", screen.seconds_text(figures["reopen_seconds"])),
        ],
    )
    screen.heading("batch search, one thread, k = 10")
    best = max(row["queries_per_second"] for row in figures["searches"])
    screen.table(
        ["setting", "recall@10", "queries/s", " "],
        [
            (
                row["setting"],
                f"{row['recall']:.4f}",
                f"{row['queries_per_second']:,}",
                screen.bar(row["queries_per_second"] / best, 24).rstrip(),
            )
            for row in figures["searches"]
        ],
        numeric=["recall@10", "queries/s"],
    )


def run(arguments):
    arguments.metric = arguments.metric or "l2"
    if not 100 <= arguments.rows <= 100_000_000:
        raise Usage(f"--rows must be 100 to 100,000,000, got {arguments.rows}")
    if not 2 <= arguments.dims <= 8192:
        raise Usage(f"--dims must be 2 to 8192, got {arguments.dims}")
    if arguments.dir:
        os.makedirs(arguments.dir, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="omen-bench-", dir=arguments.dir)
    try:
        figures = measure(arguments, os.path.join(folder, "bench.omen"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if arguments.json:
        screen.say(json.dumps(figures))
    else:
        print_figures(figures)
