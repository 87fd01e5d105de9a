"""Searches and ingest of the Python package over commits: latency, batches, recall, memory, on a seeded set of 20,000 x 128."""

import tempfile

import numpy as np

import omendb

ROWS, DIMS, CLUSTERS, QUERIES, K = 20_000, 128, 200, 200, 10
SEED = 7


def vectors(count, seed):
    """Clustered, as real embeddings are: noise around one of 200 centres, which come from one seed for rows and queries."""
    centres = np.random.default_rng(SEED).normal(size=(CLUSTERS, DIMS))
    random = np.random.default_rng(seed)
    labels = random.integers(CLUSTERS, size=count)
    return (centres[labels] + 0.5 * random.normal(size=(count, DIMS))).astype(np.float32)


def create(path, rows):
    database = omendb.connect(path)
    table = database.create_table("bench", {"id": "int64 primary key", "v": omendb.vector(DIMS)})
    for first in range(0, len(rows), 1_000):
        part = rows[first : first + 1_000]
        table.insert({"id": np.arange(first, first + len(part), dtype=np.int64), "v": part})
    return database


class Search:
    timeout = 1800

    def setup_cache(self):
        folder = tempfile.mkdtemp(prefix="omendb-asv-", dir=".")
        database = create(f"{folder}/bench", vectors(ROWS, SEED + 1))
        database["bench"]._wait_for_index()
        database.close()
        return f"{folder}/bench"

    setup_cache.timeout = 1800

    def setup(self, path):
        self.database = omendb.connect(path, read_only=True)
        self.table = self.database["bench"]
        self.queries = vectors(QUERIES, SEED + 2)
        self.table.search(self.queries[:10], k=K)

    def teardown(self, path):
        self.database.close()

    def time_one_query(self, path):
        self.table.search(self.queries[0], k=K)

    def time_batch_of_200(self, path):
        self.table.search(self.queries, k=K, threads=1)

    def track_recall_at_10(self, path):
        found = np.asarray(self.table.search(self.queries, k=K).ids).reshape(QUERIES, K)
        rows = vectors(ROWS, SEED + 1)
        distances = ((rows**2).sum(axis=1)[None, :]) - 2 * self.queries @ rows.T
        truth = np.argpartition(distances, K, axis=1)[:, :K]
        return sum(len(set(a) & set(b)) for a, b in zip(found.tolist(), truth.tolist())) / (QUERIES * K)

    def peakmem_open_and_search(self, path):
        self.table.search(self.queries, k=K)


class Ingest:
    timeout = 600
    rounds, repeat, number, warmup_time = 1, 3, 1, 0

    def setup(self):
        self.rows = vectors(5_000, SEED + 3)
        self.folder = tempfile.TemporaryDirectory(prefix="omendb-asv-", dir=".")
        self.count = 0

    def teardown(self):
        self.folder.cleanup()

    def time_durable_insert_of_5000(self):
        self.count += 1
        create(f"{self.folder.name}/{self.count}", self.rows).close()
