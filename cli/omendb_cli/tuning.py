"""omen tune: what recall costs on a table as it is: beam after beam, the recommendation, memory a vector, advice."""

import json
import math

import numpy as np

from omendb_cli import ann_bench, ann_plot, database, measuring, screen, searching, vector_files
from omendb_cli.failure import Failure, Usage

TARGETS = [0.9, 0.95, 0.99]
LINKS_SHOWN = [8, 16, 32, 48]
CODE_BITS = {"f32": 0, "bits": 0, "f16": 16, "bf16": 16, "sq8": 8, "rabitq": 4, "binary": 1}  # a dimension
PQ_BYTES = 32  # a vector, of 4 bits a piece as of 8
CODE_ALIGNMENT = 16
STORAGES_SHOWN = ["f32", "f16", "sq8", "rabitq", "pq", "binary"]
WIDE = 10  # a beam so many times k wide asks for more links
UNLIKE = 0.02  # recall lost by queries unlike the rows, from here on worth a word
WAITING_SHARE = 0.1  # of the rows: with more of them waiting, the rest of the figures says little
OWN_ROWS = "rows of the table, each as if it were not there"


class Column:
    """The table as one vector column, for the parts that `omen bench` measures with."""

    def __init__(self, table, name: str, key: str) -> None:
        self.table, self.name, self.key = table, name, key

    def search(self, vectors: np.ndarray, **options):
        return self.table.search(vectors, column=self.name, select=[self.key], **options)


def check_arguments(arguments) -> None:
    if not 1 <= arguments.k <= 1_000:
        raise Usage(f"--k must be 1 to 1,000, got {arguments.k}")
    if not 1 <= arguments.query_count <= 4_096:
        raise Usage(f"--query-count must be 1 to 4,096, got {arguments.query_count}")
    ann_bench.beams(arguments)
    if arguments.plot:
        ann_plot.check(arguments.plot)


def given_queries(arguments, column) -> np.ndarray:
    if column.type == "bits":
        rows = searching.bit_file(arguments.queries, column)[: arguments.query_count]
        if not len(rows):
            raise Failure(f"{arguments.queries}: no queries")
        return np.ascontiguousarray(rows)
    values = vector_files.map_vectors(arguments.queries, arguments.dataset, "test")
    if values.shape[1] != column.dims:
        raise Failure(f"{arguments.queries}: queries of {values.shape[1]} dimensions, '{column.name}' has {column.dims}")
    if not len(values):
        raise Failure(f"{arguments.queries}: no queries")
    return vector_files.checked_floats(values[: arguments.query_count], arguments.queries, 0)


def array_of(values, column) -> np.ndarray:
    """Arrow's rows without nulls as the search takes them: float32, or packed bits."""
    if column.type == "bits":
        return np.frombuffer(b"".join(values.to_pylist()), np.uint8).reshape(len(values), -1)
    return np.asarray(values.flatten(), dtype=np.float32).reshape(-1, column.dims)


def own_rows(table, column, rows: int, count: int) -> np.ndarray:
    """Vectors of rows spread evenly, to measure times with."""
    every = max(1, rows // count)
    parts = []
    at = 0
    with screen.Progress("reading rows", rows) as progress:
        for batch in table.scan(select=[column.name]):
            values = batch.column(0)
            chosen = values.take(np.arange(-at % every, len(values), every)).drop_null()
            if len(chosen):
                parts.append(array_of(chosen, column))
            at += len(values)
            progress.advance(len(values))
    return np.ascontiguousarray(np.vstack(parts)[:count]) if parts else np.empty((0, column.dims), np.float32)


class GivenRecall:
    """Recall of queries that somebody brought, beside an exact search."""

    def __init__(self, table, queries: np.ndarray, k: int) -> None:
        self.k = k
        self.ids, distances = ann_bench.exact_answers(table, queries, k)
        self.end = distances[:, -1:].astype(np.float64)
        self.tie = ann_bench.TIE * np.maximum(np.abs(self.end), 1e-3)

    def of(self, found) -> float:
        ids, distances = ann_bench.answers(found, self.k)
        known = np.array([np.isin(row, true) for row, true in zip(ids, self.ids)])
        return float((known | (abs(distances - self.end) <= self.tie)).mean())


def measure_point(searched: Column, queries: np.ndarray, k: int, setting: dict) -> tuple[dict, object]:
    found, seconds = measuring.timed_search(searched, queries, k=k, threads=1, **setting)
    calls = measuring.one_call_latencies(searched, queries[: ann_bench.CALLS_MAX], k=k, **setting)
    point = {
        "setting": f"ef {setting['ef']}" if "ef" in setting else "exact",
        **setting,
        "queries_per_second": round(len(queries) / seconds),
        **measuring.percentiles(calls),
    }
    return point, found


def sweep(searched: Column, queries: np.ndarray, arguments) -> list[dict]:
    """Points from narrow to wide; asked with the table's own rows where no queries were given."""
    efs, k = ann_bench.beams(arguments), arguments.k
    given = GivenRecall(searched, queries, k) if arguments.queries else None
    own = {}
    if given is None:
        with screen.Spinner("asking with rows of the table"):
            measured = searched.table._measure_recall(efs, k, searched.name, arguments.query_count)
        own = {ef: (recall, error) for ef, recall, error in measured}
    points = []
    with screen.Progress("searching", len(efs), "beams") as progress:
        for ef in efs:
            point, found = measure_point(searched, queries, k, {"ef": ef})
            recall, error = (given.of(found), None) if given else own[ef]
            points.append({**point, "recall_at_k": round(recall, 4)})
            if error is not None:
                points[-1]["recall_error"] = round(error, 4)
            progress.advance(1)
            if arguments.ef is None and recall >= ann_bench.RECALL_ENOUGH:
                break
    ann_bench.mark_frontier(points)
    return points


def recommended(points: list[dict]) -> dict:
    """Per target the narrowest beam that reaches it, or nothing."""
    found = {}
    for target in TARGETS:
        enough = [point for point in points if point["recall_at_k"] >= target]
        found[str(target)] = min(enough, key=lambda point: point["ef"]) if enough else None
    return found


def link_bytes(m: int) -> float:
    """A row's links in memory: 2 m on the ground level and its state, and of one row in m lists of m above."""
    return 4 * (2 * m + 1) + (4 * m + 8) / (m - 1)


def code_bytes(dims: int, storage: str) -> int:
    """About what a code takes; rabitq keeps a few bytes beside its bits."""
    size = PQ_BYTES if storage == "pq" else CODE_BITS[storage] * dims / 8 + (8 if storage == "rabitq" else 0)
    return math.ceil(size / CODE_ALIGNMENT) * CODE_ALIGNMENT


def storages_of(index: dict) -> list[str]:
    """Bits and the metric l1 have no codes."""
    return [index["storage"]] if index["storage"] == "bits" or index["metric"] == "l1" else STORAGES_SHOWN


def memory(index: dict) -> dict:
    """Bytes a vector: now, and what other settings would take."""
    rows, dims, storages = max(1, index["linked_rows"]), index["dims"], storages_of(index)
    other = [
        {"storage": storage, "m": m, "bytes_per_row": round(link_bytes(m) + code_bytes(dims, storage))}
        for storage in storages
        for m in sorted({*LINKS_SHOWN, index["m"]})
    ]
    return {
        "vector_bytes_in_file": math.ceil(dims / 8) if index["storage"] == "bits" else 4 * dims,
        "link_bytes_per_row": round(index["link_bytes"] / rows, 1),
        "code_bytes_per_row": round(index["code_bytes"] / rows, 1),
        "estimates": other,
    }


def advice(figures: dict) -> list[str]:
    """What to do, in sentences; nothing when the table is fine as it is."""
    index, k, said = figures["index"], figures["k"], []
    if figures["flat"]:
        return ["stay flat: the table is so small that comparing with every row is as fast as a graph, and exact"]
    best, m, narrowest = figures["recommended"], index["m"], figures["points"][0]
    if figures["tail_rows"]:
        said.append(
            f"{figures['tail_rows']:,} rows wait for the graph, and searches compare with each: measure again with --wait"
        )
        if figures["tail_rows"] > figures["rows"] * WAITING_SHARE:
            return said
    if not index["calibrated_rows"]:
        said.append("the table has not measured its recall yet: it does so in the background when it is open for writing")
    reached = [target for target in TARGETS if best[str(target)]]
    hard = best["0.99"] is None or best["0.99"]["ef"] > WIDE * k
    if hard and len(reached) and m < 64:
        said.append(
            f"recall 0.99 is dear here: a table with m={2 * m} needs narrower beams and"
            f" {link_bytes(2 * m) - link_bytes(m):,.0f} bytes a vector more"
        )
    if not reached:
        said.append("no beam reaches recall 0.9: are the vectors noise, or the queries of another kind than the rows?")
    if narrowest["ef"] <= k and narrowest["recall_at_k"] >= 0.99 and m > 8:
        said.append(f"even the narrowest beam finds {narrowest['recall_at_k']:.4f}: m={m // 2} would save memory")
    if index["storage"] == "f32" and index["dims"] >= 16 and index["metric"] != "l1":
        said.append(f"storage='sq8' walks over {code_bytes(index['dims'], 'sq8'):,} bytes a vector and is faster")
    if (best["0.95"] or narrowest)["queries_per_second"] <= figures["exact"]["queries_per_second"]:
        said.append("exact=True is as fast as the graph here")
    expected = index["ef"].get(0.95)
    if figures["query_source"] != OWN_ROWS and expected:
        met = [point for point in figures["points"] if point["ef"] >= expected]
        if met and met[0]["recall_at_k"] < 0.95 - UNLIKE:
            said.append(
                "these queries are harder than the table's own rows: ask with recall= above what you want, or with ef="
            )
    return said


def measure(arguments, opened) -> dict:
    table = database.open_table(opened, arguments.table, arguments.dir)
    if arguments.wait:
        measuring.wait_for_graph(table, table.count())
        table._wait_for_index()
    column = searching.vector_column(arguments, table)
    _, key = database.columns_of(table)
    stats = table.stats()
    index = stats["indexes"][column.name]
    rows = stats["rows"]
    flat = not index["linked_rows"] or all(ef is None for ef in index["ef"].values())
    queries = (
        given_queries(arguments, column) if arguments.queries else own_rows(table, column, rows, arguments.query_count)
    )
    if not len(queries):
        raise Failure(f"'{arguments.table}' has no vectors in '{column.name}' yet: there is nothing to measure")
    if arguments.queries and rows < arguments.k:
        raise Failure(f"'{arguments.table}' has {rows} rows, fewer than the {arguments.k} neighbours asked for (--k)")
    searched = Column(table, column.name, key)
    figures = {
        "file": f"{arguments.table}.{column.name}",
        "rows": rows,
        "tail_rows": stats["tail_rows"],
        "dims": column.dims,
        "metric": index["metric"],
        "k": arguments.k,
        "flat": flat,
        "index": index,
        "queries": len(queries),
        "query_source": arguments.queries or OWN_ROWS,
        "exact": measure_point(searched, queries[: ann_bench.EXACT_QUERIES], arguments.k, {"exact": True})[0],
        "points": [] if flat else sweep(searched, queries, arguments),
    }
    figures["recommended"] = recommended(figures["points"])
    figures["memory"] = memory(index)
    figures["advice"] = advice(figures)
    return figures


def point_row(point: dict) -> tuple:
    return (
        point["setting"],
        f"{point['recall_at_k']:.4f}" if "recall_at_k" in point else "1.0000",
        f"{point['queries_per_second']:,}",
        f"{point['p50_us']:,.0f}",
        f"{point['p99_us']:,.0f}",
        "*" if point.get("frontier") else "",
    )


def print_frontier(figures: dict) -> None:
    index, k = figures["index"], figures["k"]
    screen.heading(f"{figures['file']}: {figures['rows']:,} x {figures['dims']}, {figures['metric']}")
    screen.say(
        f"  M {index['m']}, ef_construction {index['ef_construction']}, {index['storage']};"
        f" {figures['queries']:,} queries: {figures['query_source']}"
    )
    numeric = [f"recall@{k}", "QPS, 1 thread", "p50 us", "p99 us"]
    rows = [point_row(point) for point in [*figures["points"], figures["exact"]]]
    screen.table(["setting", *numeric, " "], rows, numeric=numeric)


def print_recommendation(figures: dict) -> None:
    screen.heading("recommendation")
    if not figures["flat"]:
        chosen = figures["index"]["ef"]
        screen.table(
            ["recall", "narrowest beam", "QPS, 1 thread", "search(recall=) uses"],
            [
                (
                    target,
                    point["setting"] if point else "not reached",
                    f"{point['queries_per_second']:,}" if point else "",
                    f"ef {chosen[float(target)]}" if chosen[float(target)] else "exact",
                )
                for target, point in figures["recommended"].items()
            ],
            numeric=["QPS, 1 thread"],
        )
    for line in figures["advice"]:
        screen.say(f"  - {line}")
    if not figures["advice"]:
        screen.say("  - keep the settings; state recall= per search where 0.95 is not what you want")


def print_memory(figures: dict) -> None:
    held, index = figures["memory"], figures["index"]
    screen.heading("memory a vector")
    screen.say(
        f"  now: links {held['link_bytes_per_row']:,.0f} bytes, codes {held['code_bytes_per_row']:,.0f} bytes;"
        f" the vector itself, {held['vector_bytes_in_file']:,} bytes, is mapped from its file"
    )
    storages = storages_of(index)
    by_setting = {(line["storage"], line["m"]): line["bytes_per_row"] for line in held["estimates"]}
    screen.table(
        ["links and codes", *storages],
        [
            (f"m={m}" + (" (now)" if m == index["m"] else ""), *(f"{by_setting[storage, m]:,}" for storage in storages))
            for m in sorted({m for _, m in by_setting})
        ],
        numeric=storages,
    )


def run(arguments) -> None:
    check_arguments(arguments)
    with database.connect(arguments.dir, read_only=not arguments.wait) as opened:
        figures = measure(arguments, opened)
    if arguments.plot and not figures["flat"]:
        ann_plot.draw(figures, arguments.plot)
    if arguments.json:
        figures["index"] = {**figures["index"], "ef": {str(recall): ef for recall, ef in figures["index"]["ef"].items()}}
        screen.say(json.dumps(figures))
        return
    print_frontier(figures)
    print_recommendation(figures)
    print_memory(figures)
    if arguments.plot:
        screen.note("nothing to draw: every search is exact" if figures["flat"] else f"drawn: {arguments.plot}")
