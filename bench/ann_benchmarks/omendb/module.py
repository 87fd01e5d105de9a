"""OmenDB as an algorithm of ann-benchmarks: a table in a directory of its own, rows keyed by their number."""

import tempfile
import time

import numpy as np
import omendb

from ..base.module import BaseANN

METRICS = {"euclidean": "l2", "angular": "cosine"}
STATEMENT_ROWS = 1_000
POLL_SECONDS = 0.01


class OmenDB(BaseANN):
    """`parameters`: M and efConstruction; the query argument is ef."""

    def __init__(self, metric, parameters):
        if metric not in METRICS:
            raise ValueError(f"OmenDB searches by {' and '.join(METRICS)} distance, not by {metric}")
        self.metric = METRICS[metric]
        self.parameters = parameters
        self.ef = None
        self.folder = self.database = self.table = self.res = None

    @property
    def name(self):
        beam = "default" if self.ef is None else self.ef
        return f"omendb (M {self.parameters['M']}, efConstruction {self.parameters['efConstruction']}, ef {beam})"

    def fit(self, X):
        vectors = np.ascontiguousarray(X, dtype=np.float32)
        self.folder = tempfile.TemporaryDirectory(prefix="omendb-")
        self.database = omendb.connect(self.folder.name)
        column = omendb.vector(
            vectors.shape[1],
            metric=self.metric,
            m=self.parameters["M"],
            ef_construction=self.parameters["efConstruction"],
        )
        self.table = self.database.create_table("vectors", {"id": "int64 primary key", "v": column})
        for start in range(0, len(vectors), STATEMENT_ROWS):
            part = vectors[start : start + STATEMENT_ROWS]
            self.table.insert({"id": np.arange(start, start + len(part), dtype=np.int64), "v": part})
        while self.table.stats()["tail_rows"]:  # rows that the workers have not linked yet
            time.sleep(POLL_SECONDS)

    def set_query_arguments(self, ef):
        self.ef = ef

    def query(self, v, n):
        return self.table.search(np.ascontiguousarray(v, dtype=np.float32), k=n, ef=self.ef).ids

    def batch_query(self, X, n):
        self.res = self.table.search(np.ascontiguousarray(X, dtype=np.float32), k=n, ef=self.ef)

    def get_batch_results(self):
        return [hits.ids for hits in self.res]

    def get_additional(self):
        sizes = self.table.stats()
        return {f"{label}_bytes": sizes[f"{label}_bytes"]["total"] for label in ("memory", "disk")}

    def done(self):
        self.res = self.table = None
        if self.database is not None:
            self.database.close()
            self.folder.cleanup()
            self.database = self.folder = None
