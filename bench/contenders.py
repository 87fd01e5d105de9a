"""OmenDB in several settings and its peers, as the tables name them. A peer that is not installed is left out of a run, which says so."""

import json
import math
import os
import time

import numpy as np

from bench.libraries import DEFAULT, EF_CONSTRUCTION, M, Contender, Library

INGEST_ROWS = 1_000
CALIBRATED_SECONDS_MAX = 60
LIST_BEAMS = [(lists, times_k) for lists in (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128) for times_k in (4, 16)]


def wait_until_measured(table):
    """Until the table has measured its recall, so that it does not do so beside the searches."""
    latest = time.monotonic() + CALIBRATED_SECONDS_MAX
    while table.stats()["indexes"]["v"]["recall"] is None and not table.stats()["flat"] and time.monotonic() < latest:
        time.sleep(0.1)


class Omendb(Library):
    """The table as a user has it: every batch of 1,000 rows is on disk before it is acknowledged; built = every row is in the graph."""

    module = package = "omendb"

    def __init__(self, path, dims, threads, **options):
        super().__init__(path, dims, threads)
        import omendb

        self.connect = omendb.connect
        self.column = omendb.vector(dims, **{"m": M, "ef_construction": EF_CONSTRUCTION, **options})

    def build(self, rows):
        self.database = self.connect(self.path, threads=self.threads)
        self.table = self.database.create_table("bench", {"id": "int64 primary key", "v": self.column})
        for start in range(0, len(rows), INGEST_ROWS):
            part = rows[start : start + INGEST_ROWS]
            self.table.insert({"id": np.arange(start, start + len(part), dtype=np.int64), "v": part})
        self.table._wait_for_index()

    def store(self):
        wait_until_measured(self.table)
        self.database.close()

    def open(self):
        self.database = self.connect(self.path, threads=self.threads)
        self.table = self.database["bench"]

    def figures(self):
        return self.table.stats()["indexes"]["v"]

    def searcher(self, k, beam):
        search = self.table.search
        if beam == DEFAULT:
            return lambda query: search(query, k=k).ids
        return lambda query: search(query, k=k, ef=beam).ids

    def code_bytes(self):
        figures = self.figures()
        return figures["code_bytes"] / figures["linked_rows"] if figures["linked_rows"] else None


class Hnswlib(Library):
    module = package = "hnswlib"

    def make(self):
        import hnswlib

        return hnswlib.Index(space="l2", dim=self.dims)

    def build(self, rows):
        self.index = self.make()
        self.index.init_index(max_elements=len(rows), M=M, ef_construction=EF_CONSTRUCTION)
        self.index.add_items(rows, num_threads=self.threads)

    def store(self):
        self.index.save_index(self.file())

    def open(self):
        self.index = self.make()
        self.index.load_index(self.file())
        self.index.set_num_threads(1)

    def searcher(self, k, beam):
        self.index.set_ef(beam)
        search = self.index.knn_query
        return lambda query: search(query, k=k, num_threads=1)

    def ids(self, answer):
        return answer[0][0]


class Faiss(Library):
    """One index of faiss's factory; {lists} in its description becomes a power of two near 4 sqrt(rows)."""

    module, package = "faiss", "faiss-cpu"

    def __init__(self, path, dims, threads, description):
        super().__init__(path, dims, threads)
        import faiss

        self.faiss, self.description = faiss, description
        faiss.omp_set_num_threads(threads)

    def build(self, rows):
        lists = 1 << round(math.log2(4 * math.sqrt(len(rows))))
        self.index = self.faiss.index_factory(
            self.dims, self.description.format(m=M, lists=lists, half=self.dims // 2)
        )
        self.set_up()
        self.index.train(rows)
        self.index.add(rows)

    def set_up(self):
        """Before anything is added."""

    def store(self):
        self.faiss.write_index(self.index, self.file())

    def open(self):
        self.index = self.faiss.read_index(self.file())

    def candidates(self):
        """The index that finds them: without what compares them again."""
        return self.faiss.downcast_index(getattr(self.index, "base_index", self.index))

    def searcher(self, k, beam):
        self.set_beam(k, beam)
        search = self.index.search
        return lambda query: search(query.reshape(1, -1), k)

    def ids(self, answer):
        return answer[1][0]


class FaissHnsw(Faiss):
    def set_up(self):
        self.candidates().hnsw.efConstruction = EF_CONSTRUCTION

    def set_beam(self, k, beam):
        self.candidates().hnsw.efSearch = beam
        if hasattr(self.index, "k_factor"):
            self.index.k_factor = min(2, beam / k)


class FaissLists(Faiss):
    is_graph = False
    beams = LIST_BEAMS

    def set_beam(self, k, beam):
        self.candidates().nprobe, self.index.k_factor = beam

    def code_bytes(self):
        return self.candidates().code_size


class Usearch(Library):
    """i8: our own codes, a byte a dimension on one scale for all, because usearch's conversion is for vectors of length 1."""

    module = package = "usearch"

    def __init__(self, path, dims, threads, dtype):
        super().__init__(path, dims, threads)
        self.dtype = dtype

    def make(self):
        from usearch.index import Index

        return Index(ndim=self.dims, metric="l2sq", dtype=self.dtype, connectivity=M, expansion_add=EF_CONSTRUCTION)

    def to_codes(self, vectors):
        return np.clip(np.rint((vectors - self.low) * self.scale) - 128, -128, 127).astype(np.int8)

    def build(self, rows):
        self.index = self.make()
        if self.dtype == "i8":
            self.low = float(rows.min())
            self.scale = 255 / (float(rows.max()) - self.low)
            rows = self.to_codes(rows)
        self.index.add(np.arange(len(rows)), rows, threads=self.threads)

    def store(self):
        self.index.save(self.file())
        if self.dtype == "i8":
            with open(self.file("scale"), "w") as file:
                json.dump([self.low, self.scale], file)

    def open(self):
        self.index = self.make()
        self.index.load(self.file())
        if self.dtype == "i8":
            with open(self.file("scale")) as file:
                self.low, self.scale = json.load(file)

    def searcher(self, k, beam):
        self.index.expansion_search = beam
        search = self.index.search
        if self.dtype == "i8":
            return lambda query: search(self.to_codes(query), k, threads=1)
        return lambda query: search(query, k, threads=1)

    def ids(self, answer):
        return answer.keys


class Svs(Library):
    """Vamana over LVQ codes of `primary` bits a dimension; `residual` bits more rank candidates again. Needs an Intel processor."""

    module, package = "svs", "scalable-vs"

    def __init__(self, path, dims, threads, primary, residual):
        super().__init__(path, dims, threads)
        import svs

        self.svs, self.primary, self.residual = svs, primary, residual

    def prepare(self, base):
        self.svs.write_vecs(base, self.file("rows.fvecs"))
        self.svs.convert_vecs_to_svs(self.file("rows.fvecs"), self.file("rows.svs"))
        os.remove(self.file("rows.fvecs"))
        return self.svs.VectorDataLoader(self.file("rows.svs"), self.svs.DataType.float32, dims=self.dims)

    def build(self, rows):
        parameters = self.svs.VamanaBuildParameters(graph_max_degree=2 * M, window_size=EF_CONSTRUCTION, alpha=1.2)
        codes = self.svs.LVQLoader(rows, primary=self.primary, residual=self.residual)
        self.index = self.svs.Vamana.build(parameters, codes, self.svs.DistanceType.L2, num_threads=self.threads)

    def store(self):
        self.index.save(*(self.file(part) for part in ("config", "graph", "codes")))
        os.remove(self.file("rows.svs"))

    def open(self):
        self.index = self.svs.Vamana(
            self.file("config"),
            self.svs.GraphLoader(self.file("graph")),
            self.svs.LVQLoader(self.file("codes")),
            self.svs.DistanceType.L2,
            num_threads=1,
        )

    def searcher(self, k, beam):
        self.index.search_window_size = beam
        search = self.index.search
        return lambda query: search(query, k)

    def ids(self, answer):
        return answer[0][0]

    def code_bytes(self):
        return (self.primary + self.residual) * self.dims / 8


class Glass(Library):
    """Graph of pyglass over SQ8U codes, candidates compared again with float32. It keeps the rows itself when it opens."""

    module = package = "glass"

    def build(self, rows):
        import glass

        self.graph = glass.Index(index_type="HNSW", metric="L2", R=2 * M, L=EF_CONSTRUCTION).build(rows)
        self.rows = rows

    def store(self):
        self.graph.save(self.file())
        np.save(self.file("rows.npy"), self.rows)

    def open(self):
        import glass

        self.index = glass.Searcher(
            graph=glass.Graph(self.file()),
            data=np.load(self.file("rows.npy")),
            metric="L2",
            quantizer="SQ8U",
            refine_quant="FP32",
        )
        self.index.optimize(1)

    def searcher(self, k, beam):
        self.index.set_ef(beam)
        search = self.index.search
        return lambda query: search(query, k)

    def ids(self, answer):
        return np.asarray(answer[0] if isinstance(answer, tuple) else answer)


class Zvec(Library):
    """A collection, optimised and reopened to be read. `codes`: walks over a byte a dimension and compares candidates again."""

    module = package = "zvec"

    def __init__(self, path, dims, threads, codes=False):
        super().__init__(path, dims, threads)
        import zvec

        self.zvec, self.codes = zvec, codes
        zvec.init(query_threads=threads, optimize_threads=threads)

    def build(self, rows):
        quantize = self.zvec.QuantizeType.UNIFORM_UINT8 if self.codes else self.zvec.QuantizeType.UNDEFINED
        index = self.zvec.HnswIndexParam(
            metric_type=self.zvec.MetricType.L2, m=M, ef_construction=EF_CONSTRUCTION, quantize_type=quantize
        )
        vector = self.zvec.VectorSchema("v", self.zvec.DataType.VECTOR_FP32, self.dims, index)
        self.collection = self.zvec.create_and_open(
            str(self.path), self.zvec.CollectionSchema("bench", vectors=vector)
        )
        for start in range(0, len(rows), INGEST_ROWS):
            part = rows[start : start + INGEST_ROWS]
            statuses = self.collection.insert(
                [self.zvec.Doc(id=str(start + row), vectors={"v": vector}) for row, vector in enumerate(part)]
            )
            if not all(status.ok() for status in statuses):
                raise RuntimeError("zvec refused a row")
        self.collection.flush()
        self.collection.optimize(self.zvec.OptimizeOption(concurrency=self.threads))

    def store(self):
        self.collection.close()

    def open(self):
        self.collection = self.zvec.open(str(self.path), self.zvec.CollectionOption(read_only=True))

    def parameters(self, beam):
        return self.zvec.HnswQueryParam(ef=beam, is_using_refiner=self.codes)

    def searcher(self, k, beam):
        search, make, parameters = self.collection.query, self.zvec.Query, self.parameters(beam)
        return lambda query: search(make(field_name="v", vector=query, param=parameters), topk=k)

    def ids(self, answer):
        return [int(found.id) for found in answer]


class ZvecKeys(Zvec):
    """Its short way: numbers of the rows, then their keys; no documents."""

    def searcher(self, k, beam):
        search, to_keys = self.collection.query_internal_ids, self.collection.resolve_internal_ids
        make, parameters = self.zvec.Query, self.parameters(beam)
        return lambda query: to_keys(search(make(field_name="v", vector=query, param=parameters), topk=k))

    def ids(self, answer):
        return [int(key) for key in answer]


CONTENDERS = {
    "omendb": Contender(Omendb),
    "omendb-sq8": Contender(Omendb, storage="sq8"),
    "omendb-rabitq4": Contender(Omendb, storage="rabitq", storage_bits=4),
    "omendb-f32": Contender(Omendb, storage="f32"),
    "omendb-efc140": Contender(Omendb, ef_construction=140),  # graphs about as good as the peers' are with 200
    "omendb-pq": Contender(Omendb, storage="pq"),
    "omendb-pq4": Contender(Omendb, storage="pq", storage_bits=4),
    "omendb-rabitq1": Contender(Omendb, storage="rabitq", storage_bits=1),
    "hnswlib": Contender(Hnswlib),
    "faiss-hnsw": Contender(FaissHnsw, description="HNSW{m},Flat"),
    "faiss-hnsw-sq8": Contender(FaissHnsw, description="HNSW{m}_SQ8,RFlat"),
    "faiss-ivfpq": Contender(FaissLists, description="IVF{lists},PQ{half}x4fs,RFlat"),
    "faiss-ivfrabitq": Contender(FaissLists, description="IVF{lists},RaBitQ,RFlat"),
    "usearch": Contender(Usearch, dtype="f32"),
    "usearch-f16": Contender(Usearch, dtype="f16"),
    "usearch-i8": Contender(Usearch, dtype="i8"),
    "svs-lvq4x8": Contender(Svs, primary=4, residual=8),
    "svs-lvq8": Contender(Svs, primary=8, residual=0),
    "glass": Contender(Glass),
    "zvec": Contender(Zvec),
    "zvec-sq8": Contender(Zvec, codes=True),
    "zvec-keys": Contender(ZvecKeys),
}
REFERENCE = "hnswlib"  # to which the ratios are
DATABASES = ["omendb", "hnswlib", "zvec", "zvec-sq8", "zvec-keys"]  # whole ones, but for hnswlib
# A sixteenth of the vectors or less from 128 dimensions on:
SMALL_CODES = ["omendb-pq", "omendb-pq4", "omendb-rabitq1", "faiss-ivfpq", "faiss-ivfrabitq"]
SWEPT = [name for name in CONTENDERS if name != "zvec-keys"]  # the same index as zvec
