"""Searches by vector under a condition beside databases that have such searches: queries a second, and recall.

    python -m bench.filtered_peers                 200,000 x 128 (15 minutes, most of it Chroma's and LanceDB's builds)
    python -m bench.filtered_peers --rows 20000 --libs omendb,zvec

One `int64` column that has nothing to do with the vectors; 1, 10 and 50 % of the rows pass. One query a call, one thread. OmenDB has its
default settings; each peer the narrowest of its beams that finds 0.95 of the neighbours (or its widest), with an index on the column
where it has such. All take turns of a second or more, round by round; medians. A peer that is not installed is left out.
"""

import argparse
import importlib.util
import os
import statistics
import tempfile
import time

import numpy as np

from bench import libraries, sets
from bench.contenders import wait_until_measured
from bench.filtered_sets import squared_distances

K = 10
QUERIES = 200
SHARES = [0.01, 0.1, 0.5]
NUMBERS = 1_000  # values of the column
TURN_SECONDS = 1.0
BEAMS = [10, 20, 40, 80, 160, 320]
M, EF_CONSTRUCTION = libraries.M, libraries.EF_CONSTRUCTION


class Omendb:
    module, beams = "omendb", [None]

    def build(self, folder, rows, numbers):
        import omendb

        self.database = omendb.connect(folder)
        vector = omendb.vector(rows.shape[1])
        self.table = self.database.create_table("t", {"id": "int64 primary key", "n": "int64", "v": vector})
        for start in range(0, len(rows), 10_000):
            part = rows[start : start + 10_000]
            ids = np.arange(start, start + len(part))
            self.table.insert({"id": ids, "n": numbers[start : start + len(part)], "v": part})
        self.table._wait_for_index()
        wait_until_measured(self.table)

    def searcher(self, limit, _):
        where = f"n < {limit}"
        return lambda query: self.table.search(query, k=K, where=where).ids.tolist()


class Hnswlib:
    module, beams = "hnswlib", BEAMS

    def build(self, _, rows, numbers):
        import hnswlib

        self.numbers = numbers.tolist()
        self.index = hnswlib.Index(space="l2", dim=rows.shape[1])
        self.index.init_index(len(rows), M=M, ef_construction=EF_CONSTRUCTION)
        self.index.add_items(rows)

    def searcher(self, limit, beam):
        self.index.set_ef(beam)
        numbers = self.numbers

        def search(query):
            ids, _ = self.index.knn_query(query, k=K, num_threads=1, filter=lambda row: numbers[row] < limit)
            return ids[0].tolist()

        return search


class Zvec:
    module, beams = "zvec", BEAMS

    def build(self, folder, rows, numbers):
        import zvec

        self.zvec = zvec
        zvec.init(query_threads=1, optimize_threads=2)
        index = zvec.HnswIndexParam(metric_type=zvec.MetricType.L2, m=M, ef_construction=EF_CONSTRUCTION)
        schema = zvec.CollectionSchema(
            "t",
            fields=zvec.FieldSchema("n", zvec.DataType.INT64, index_param=zvec.InvertIndexParam(enable_range_optimization=True)),
            vectors=zvec.VectorSchema("v", zvec.DataType.VECTOR_FP32, rows.shape[1], index),
        )
        self.collection = zvec.create_and_open(folder, schema)
        for start in range(0, len(rows), 1_000):
            part = enumerate(rows[start : start + 1_000], start)
            self.collection.insert(
                [zvec.Doc(id=str(row), vectors={"v": vector}, fields={"n": int(numbers[row])}) for row, vector in part]
            )
        self.collection.flush()
        self.collection.optimize(zvec.OptimizeOption(concurrency=2))

    def searcher(self, limit, beam):
        make, parameters = self.zvec.Query, self.zvec.HnswQueryParam(ef=beam)

        def search(query):
            found = self.collection.query(
                make(field_name="v", vector=query, param=parameters), topk=K, filter=f"n < {limit}", output_fields=[]
            )
            return [int(document.id) for document in found]

        return search


class Lancedb:
    module, beams = "lancedb", [(1, 1), (2, 2), (4, 4), (8, 8), (16, 10), (32, 10)]  # lists, rows a row that is compared again

    def build(self, folder, rows, numbers):
        os.environ.setdefault("RUST_LOG", "error")
        import lancedb.index
        import pyarrow as pa

        vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
        data = pa.table({"id": np.arange(len(rows)), "n": numbers, "v": vectors})
        self.table = lancedb.connect(folder).create_table("t", data)
        graph = lancedb.index.HnswSq(distance_type="l2", m=M, ef_construction=EF_CONSTRUCTION)
        self.table.create_index("v", config=graph)
        self.table.create_index("n", config=lancedb.index.BTree())

    def searcher(self, limit, beam):
        lists, refine = beam
        where = f"n < {limit}"

        def search(query):
            asked = self.table.search(query, vector_column_name="v").where(where, prefilter=True).limit(K)
            return asked.nprobes(lists).refine_factor(refine).select(["id"]).to_arrow()["id"].to_pylist()

        return search


class Chroma:
    module, beams = "chromadb", [None]

    def build(self, folder, rows, numbers):
        import chromadb

        client = chromadb.PersistentClient(folder, chromadb.Settings(anonymized_telemetry=False))
        graph = {"space": "l2", "max_neighbors": M, "ef_construction": EF_CONSTRUCTION}
        self.collection = client.create_collection("rows", configuration={"hnsw": graph}, embedding_function=None)
        for start in range(0, len(rows), 5_000):
            part = slice(start, min(start + 5_000, len(rows)))
            self.collection.add(
                ids=[str(row) for row in range(part.start, part.stop)],
                embeddings=rows[part],
                metadatas=[{"n": int(n)} for n in numbers[part]],
            )

    def searcher(self, limit, _):
        where = {"n": {"$lt": limit}}

        def search(query):
            found = self.collection.query(query_embeddings=query[None], n_results=K, where=where, include=[])
            return [int(row) for row in found["ids"][0]]

        return search


PEERS = {"omendb": Omendb, "hnswlib": Hnswlib, "zvec": Zvec, "lancedb": Lancedb, "chroma": Chroma}


def truth_of(rows, queries, passing):
    chosen = np.flatnonzero(passing)
    distances = squared_distances(queries, rows[chosen])
    return [set(chosen[near].tolist()) for near in np.argpartition(distances, K - 1, axis=1)[:, :K]]


def recall_of(search, queries, truth):
    return float(np.mean([len(set(search(query)) & wanted) / K for query, wanted in zip(queries, truth, strict=True)]))


def choose_beam(peer, limit, queries, truth):
    for beam in peer.beams:
        recall = recall_of(peer.searcher(limit, beam), queries[:50], truth[:50])
        if recall >= 0.95:
            break
    return beam, recall_of(peer.searcher(limit, beam), queries, truth)


def queries_a_second(search, queries):
    """Of all queries, again and again for a second: a turn of milliseconds would measure what the turns of others left in the caches."""
    began, asked, seconds = time.perf_counter(), 0, 0.0
    while seconds < TURN_SECONDS:
        for query in queries:
            search(query)
        asked += len(queries)
        seconds = time.perf_counter() - began
    return asked / seconds


def say(text):
    print(text, flush=True)


def build_all(names, folder, rows, numbers):
    built = {}
    for name in names:
        peer = PEERS[name]()
        if importlib.util.find_spec(peer.module) is None:
            say(f"  {name} left out: it is not installed")
            continue
        began = time.perf_counter()
        peer.build(f"{folder}/{name}", rows, numbers)
        say(f"  {name}: built in {time.perf_counter() - began:.0f} s")
        built[name] = peer
    return built


def measure(built, share, rows, numbers, queries, rounds):
    limit = round(share * NUMBERS)
    truth = truth_of(rows, queries, numbers < limit)
    say(f"{100 * share:g} % pass")
    chosen = {name: choose_beam(peer, limit, queries, truth) for name, peer in built.items()}
    rates = {name: [] for name in built}
    for _ in range(rounds):
        for name, peer in built.items():
            rates[name].append(queries_a_second(peer.searcher(limit, chosen[name][0]), queries))
    for name, (beam, recall) in chosen.items():
        ratios = [ours / theirs for ours, theirs in zip(rates["omendb"], rates[name], strict=True)] if "omendb" in rates else [0]
        rate = statistics.median(rates[name])
        say(f"  {name:8} beam {beam!s:8} recall {recall:.3f} {rate:9,.0f} a second; ours {statistics.median(ratios):6.1f}x")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="of sift200k, at most all")
    parser.add_argument("--libs", default=",".join(PEERS))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows = sets.load_base("sift200k")[: arguments.rows]
    queries = sets.load_queries("sift200k")[0][:QUERIES]
    numbers = np.random.default_rng(4).integers(0, NUMBERS, len(rows))
    with tempfile.TemporaryDirectory(prefix="omendb-peers-") as folder:
        built = build_all(arguments.libs.split(","), folder, rows, numbers)
        for share in SHARES:
            measure(built, share, rows, numbers, queries, arguments.rounds)


if __name__ == "__main__":
    main()
