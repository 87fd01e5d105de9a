"""OmenDB and its peers behind one small interface.

The same graph parameters everywhere: M 16, ef_construction 200, squared L2 (ours: L2, the same order).

A library is built and stored in one process and opened in another, so that memory and load time are those of a fresh start.
"""

import os
import pathlib
import shutil

import numpy as np

M, EF_CONSTRUCTION = 16, 200
INGEST_ROWS = 1_000


class Omendb:
    """The table as a user has it: every batch of 1,000 rows is on disk before it is acknowledged; built = every row is in the graph."""

    syncs = "every batch, before it is acknowledged"

    def __init__(self, path, dims, threads):
        import omendb

        self.path, self.dims, self.threads = path, dims, threads
        self.connect = omendb.connect
        self.vector = omendb.vector

    def build(self, base):
        self.database = self.connect(self.path, threads=self.threads)
        self.table = self.database.create_table(
            "bench", {"id": "int64 primary key", "v": self.vector(self.dims, m=M, ef_construction=EF_CONSTRUCTION)}
        )
        for start in range(0, len(base), INGEST_ROWS):
            part = base[start : start + INGEST_ROWS]
            self.table.insert({"id": np.arange(start, start + len(part), dtype=np.int64), "v": part})
        self.table._wait_for_index()

    def store(self):
        self.database.close()

    def open(self):
        self.database = self.connect(self.path, threads=self.threads)
        self.table = self.database["bench"]

    def search(self, queries, k, ef):
        found = self.table.search(queries, k=k, ef=ef, threads=1)
        return found.ids.reshape(len(queries), -1)

    def search_default(self, queries, k):
        return self.table.search(queries, k=k, threads=1).ids.reshape(len(queries), -1)

    def search_one(self, query, k, ef):
        return self.table.search(query, k=k, ef=ef).ids

    @staticmethod
    def version():
        import omendb

        return omendb.__version__


class Hnswlib:
    syncs = "never"

    def __init__(self, path, dims, threads):
        import hnswlib

        self.path, self.threads = path, threads
        self.index = hnswlib.Index(space="l2", dim=dims)

    def build(self, base):
        self.index.init_index(max_elements=len(base), M=M, ef_construction=EF_CONSTRUCTION)
        self.index.add_items(base, num_threads=self.threads)

    def store(self):
        os.makedirs(self.path)
        self.index.save_index(os.path.join(self.path, "index"))

    def open(self):
        self.index.load_index(os.path.join(self.path, "index"))
        self.index.set_num_threads(1)

    def search(self, queries, k, ef):
        self.index.set_ef(ef)
        return self.index.knn_query(queries, k=k, num_threads=1)[0]

    search_one = search

    @staticmethod
    def version():
        import importlib.metadata

        return importlib.metadata.version("hnswlib")


class Faiss:
    syncs = "never"

    def __init__(self, path, dims, threads):
        import faiss

        self.faiss, self.path = faiss, path
        faiss.omp_set_num_threads(threads)
        self.index = faiss.IndexHNSWFlat(dims, M)
        self.index.hnsw.efConstruction = EF_CONSTRUCTION

    def build(self, base):
        self.index.add(base)

    def store(self):
        os.makedirs(self.path)
        self.faiss.write_index(self.index, os.path.join(self.path, "index"))

    def open(self):
        self.index = self.faiss.read_index(os.path.join(self.path, "index"))

    def search(self, queries, k, ef):
        self.index.hnsw.efSearch = ef
        return self.index.search(queries, k)[1]

    def search_one(self, query, k, ef):
        self.index.hnsw.efSearch = ef
        return self.index.search(query.reshape(1, -1), k)[1]

    @staticmethod
    def version():
        import faiss

        return faiss.__version__


class Usearch:
    syncs = "never"

    def __init__(self, path, dims, threads):
        from usearch.index import Index

        self.path, self.threads = path, threads
        self.index = Index(ndim=dims, metric="l2sq", dtype="f32", connectivity=M, expansion_add=EF_CONSTRUCTION)

    def build(self, base):
        self.index.add(np.arange(len(base)), base, threads=self.threads)

    def store(self):
        os.makedirs(self.path)
        self.index.save(os.path.join(self.path, "index"))

    def open(self):
        self.index.load(os.path.join(self.path, "index"))

    def search(self, queries, k, ef):
        self.index.expansion_search = ef
        return self.index.search(queries, k, threads=1).keys

    search_one = search

    @staticmethod
    def version():
        import usearch

        return usearch.__version__


LIBRARIES = {"omendb": Omendb, "hnswlib": Hnswlib, "faiss": Faiss, "usearch": Usearch}


def disk_bytes(path):
    path = pathlib.Path(path)
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def remove(path):
    shutil.rmtree(path, ignore_errors=True)
