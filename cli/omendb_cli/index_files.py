"""Saved indexes of hnswlib and faiss: the vectors and labels in them, without either library.

Their graphs are left behind, a table links its own. Both files are mapped; every size in them is checked against the file's before it is
used.
"""

import dataclasses
import os
import struct

import numpy as np

from omendb_cli.failure import Failure
from omendb_cli.vector_files import DIMS_MAX

HNSWLIB_HEADER = struct.Struct("<6QiI3QdQ")
HNSWLIB_FLAGS_AT = 2  # of an element: its link count is a uint16, then comes a byte of flags
HNSWLIB_DELETED = 1
FAISS_HEADER = struct.Struct("<iqqq?i")
FAISS_METRICS = {0: "ip", 1: "l2", 2: "l1"}
FAISS_FLAT = ("IxF2", "IxFI", "IxFl")
FAISS_MAPS = ("IxMp", "IxM2")
FAISS_GRAPH = "IHNf"
FAISS_GRAPH_ARRAYS = ["<f8", "<i4", "<i4", "<u8", "<i4"]  # level odds, links by level, levels, offsets, links
FAISS_GRAPH_TAIL_BYTES = 5 * 4  # entry point, top level, two widths, one field out of use
FAISS_READ_HERE = "IndexFlat, IndexHNSWFlat, and IndexIDMap or IndexIDMap2 around them"


@dataclasses.dataclass
class Index:
    """What a table takes over from an index file; the arrays are views of the file."""

    vectors: np.ndarray  # float32, rows x dims
    labels: np.ndarray | None = None  # one whole number a row; none: rows are numbered
    deleted: np.ndarray | None = None  # flags, one a row
    metric: str = ""  # empty where the file does not say it


def mapped_bytes(path: str, least: int, kind: str) -> np.ndarray:
    size = os.path.getsize(path)
    if size < least:
        raise Failure(f"{path}: {size} bytes are too few for an index of {kind}: the file is empty or truncated")
    return np.memmap(path, dtype=np.uint8, mode="r")


def read_hnswlib(path: str) -> Index:
    """An index as hnswlib's save_index writes it. Its metric is not in the file (of a cosine index the vectors are normalised)."""
    data = mapped_bytes(path, HNSWLIB_HEADER.size, "hnswlib")
    start, count_max, count, row_bytes, label_at, vector_at, *_, links0_max, _, _, _ = HNSWLIB_HEADER.unpack_from(data)
    dims, rest = divmod(label_at - vector_at, 4)
    if start or rest or count > count_max or vector_at != 4 + 4 * links0_max or row_bytes != label_at + 8:
        raise Failure(f"{path}: not an index of hnswlib (save_index of 0.4 to 0.8): its header does not add up")
    if not 1 <= dims <= DIMS_MAX:
        raise Failure(f"{path}: {dims} dimensions, possible are 1 to {DIMS_MAX}: not an index of hnswlib")
    wanted = HNSWLIB_HEADER.size + count * (row_bytes + 4)  # each row has the size of its upper links behind all rows
    if wanted > len(data):
        raise Failure(f"{path}: {len(data):,} bytes, its {count:,} rows need {wanted:,}: the file is truncated")
    fields = {"flags": ("u1", HNSWLIB_FLAGS_AT), "vector": (("<f4", (dims,)), vector_at), "label": ("<u8", label_at)}
    kind = np.dtype({"names": list(fields), "formats": [field for field, _ in fields.values()],
                     "offsets": [at for _, at in fields.values()], "itemsize": row_bytes})  # fmt: skip
    rows = np.ndarray((count,), kind, buffer=data, offset=HNSWLIB_HEADER.size)
    return Index(rows["vector"], rows["label"], rows["flags"] & HNSWLIB_DELETED != 0)


class FaissReader:
    """A faiss index file from front to back."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.data = mapped_bytes(path, 4 + FAISS_HEADER.size, "faiss")
        self.at = 0

    def advance(self, byte_count: int) -> int:
        """The place of the next `byte_count` bytes."""
        if byte_count > len(self.data) - self.at:
            missing = byte_count - (len(self.data) - self.at)
            raise Failure(
                f"{self.path}: ends {missing:,} bytes too early, at byte {len(self.data):,}: the file is truncated"
            )
        self.at += byte_count
        return self.at - byte_count

    def unpack(self, layout: struct.Struct) -> tuple:
        return layout.unpack_from(self.data, self.advance(layout.size))

    def array(self, kind: str) -> np.ndarray:
        """An array with its length before it."""
        (count,) = self.unpack(struct.Struct("<Q"))
        return np.frombuffer(self.data, kind, count, self.advance(count * np.dtype(kind).itemsize))

    def kind(self) -> str:
        """The four characters that say which class follows."""
        code = bytes(self.data[self.advance(4) :][:4]).decode("latin-1")
        return code if code.isascii() and code.isprintable() else code.encode("latin-1").hex(" ")

    def header(self) -> tuple[int, int, int]:
        """(dims, rows, number of the metric)."""
        dims, rows, _, _, _, metric = self.unpack(FAISS_HEADER)
        if metric > 1:
            self.advance(4)
        if not 1 <= dims <= DIMS_MAX or rows < 0:
            raise Failure(
                f"{self.path}: {rows:,} rows of {dims} dimensions, possible are 1 to {DIMS_MAX}: the file is damaged"
            )
        return dims, rows, metric

    def agree(self, outer: tuple[int, int, int], index: Index) -> None:
        if outer[:2] != (index.vectors.shape[1], len(index.vectors)) or FAISS_METRICS.get(outer[2]) != index.metric:
            raise Failure(f"{self.path}: the index and the one inside it differ in size or metric: the file is damaged")

    def index(self, inside: tuple[str, ...] = ()) -> Index:
        """The next index, with those that it wraps."""
        kind = self.kind()
        if kind in FAISS_FLAT:
            return self.flat()
        if kind == FAISS_GRAPH and FAISS_GRAPH not in inside:
            return self.graph((*inside, kind))
        if kind in FAISS_MAPS and not inside:
            return self.map((kind,))
        where = f" inside {' inside '.join(reversed(inside))}" if inside else ""
        raise Failure(
            f"{self.path}: a faiss index of kind '{kind}'{where} is not read; read are {FAISS_READ_HERE}."
            " In Python: numpy.save('v.npy', index.reconstruct_n(0, index.ntotal)), then import v.npy"
        )

    def flat(self) -> Index:
        dims, rows, metric = self.header()
        floats = self.array("<f4")
        if metric not in FAISS_METRICS:
            raise Failure(
                f"{self.path}: its metric is number {metric} of faiss; a table has l2 (1), inner product (0) and l1 (2)"
            )
        if len(floats) != rows * dims:
            raise Failure(
                f"{self.path}: {len(floats):,} numbers for {rows:,} rows of {dims} dimensions: the file is damaged"
            )
        return Index(floats.reshape(rows, dims), metric=FAISS_METRICS[metric])

    def graph(self, inside: tuple[str, ...]) -> Index:
        header = self.header()
        for kind in FAISS_GRAPH_ARRAYS:
            self.array(kind)
        self.advance(FAISS_GRAPH_TAIL_BYTES)
        index = self.index(inside)
        self.agree(header, index)
        return index

    def map(self, inside: tuple[str, ...]) -> Index:
        header = self.header()
        index = self.index(inside)
        self.agree(header, index)
        index.labels = self.array("<i8")
        if len(index.labels) != len(index.vectors):
            raise Failure(
                f"{self.path}: {len(index.labels):,} ids for {len(index.vectors):,} rows: the file is damaged"
            )
        return index


def read_faiss(path: str) -> Index:
    """An index as faiss.write_index writes it."""
    reader = FaissReader(path)
    index = reader.index()
    if rest := len(reader.data) - reader.at:
        raise Failure(
            f"{path}: {rest:,} bytes behind the index: written by a faiss that this does not know, or damaged"
        )
    return index


READERS = {".hnsw": read_hnswlib, ".faiss": read_faiss}


def read_index(path: str) -> Index:
    return READERS[os.path.splitext(path)[1].lower()](path)


def checked_labels(labels: np.ndarray, path: str, first_row: int) -> np.ndarray:
    """int64 copy of some labels; one that is larger (hnswlib counts to 2**64) is refused with its row."""
    keys = labels.astype(np.int64)
    if labels.dtype.kind == "u" and (keys < 0).any():
        row = int(np.flatnonzero(keys < 0)[0])
        raise Failure(f"{path}: row {first_row + row:,} has the label {int(labels[row])}; a key is at most {2**63 - 1}")
    return keys
