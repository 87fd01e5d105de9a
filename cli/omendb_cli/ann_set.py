"""What `omen bench ann` measures with: rows of a file, queries that are not among them, the true neighbours where a file says them."""

import dataclasses
import os
from collections.abc import Iterator

import numpy as np

from omendb_cli import hdf5_files, importing, vector_files
from omendb_cli.failure import Failure, Usage
from omendb_cli.measuring import BATCH_ROWS

HELD_OUT_SHARE_MAX = 10  # at most every tenth row becomes a query


@dataclasses.dataclass
class AnnSet:
    """A row's key is its number in the file. Held-out queries are there once all batches were drawn."""

    path: str
    base: np.ndarray | hdf5_files.Dataset
    file_rows: int
    metric: str
    queries: np.ndarray | None  # float32; none: the rows `held_out`
    held_out: np.ndarray  # numbers of the rows that are left out of the base
    truth: np.ndarray | None  # per query the numbers of its true neighbours, nearest first
    query_source: str
    truth_source: str = "exact search"

    @property
    def rows(self) -> int:
        return self.file_rows - len(self.held_out)

    @property
    def dims(self) -> int:
        return self.base.shape[1]

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(keys, vectors) of the base, a statement at a time."""
        kept = []
        for start in range(0, self.file_rows, BATCH_ROWS):
            stop = min(start + BATCH_ROWS, self.file_rows)
            floats = vector_files.checked_floats(self.base[start:stop], self.path, start)
            keys = np.arange(start, stop, dtype=np.int64)
            chosen = np.isin(keys, self.held_out)
            kept.append(floats[chosen])
            yield keys[~chosen], floats[~chosen]
        if self.queries is None:
            self.queries = np.vstack(kept)


def metric_of(arguments, base: np.ndarray | hdf5_files.Dataset) -> str:
    """The metric asked for, else the file's, else l2."""
    metric = arguments.metric or getattr(base, "metric", "") or "l2"
    if metric not in importing.METRICS:
        raise Failure(
            f"{arguments.file}: its distance is '{metric}', which no table has; choose --metric {', '.join(importing.METRICS)}"
        )
    return metric


def part_of_file(base: np.ndarray | hdf5_files.Dataset, name: str) -> np.ndarray | hdf5_files.Dataset | None:
    """Another dataset of the base's HDF5 file; nothing where there is none."""
    if isinstance(base, hdf5_files.Dataset) and base.name == "train" and base.file.has(name):
        return hdf5_files.open_dataset(base.path, name, name)
    return None


def read_queries(arguments, base: np.ndarray | hdf5_files.Dataset) -> tuple[np.ndarray | None, str]:
    """(queries, where they come from); none where they are to be held out of the base."""
    if arguments.queries:
        path, values = arguments.queries, vector_files.map_vectors(arguments.queries, None, "test")
    else:
        path, values = arguments.file, part_of_file(base, "test")
    if values is None:
        return None, "held out"
    if values.shape[1] != base.shape[1]:
        raise Failure(f"{path}: queries of {values.shape[1]} dimensions, {arguments.file} has {base.shape[1]}")
    if not len(values):
        raise Failure(f"{path}: no queries")
    floats = vector_files.checked_floats(values[: arguments.query_count], path, 0)
    return floats, os.path.basename(path)


def read_truth(
    arguments, base: np.ndarray | hdf5_files.Dataset, metric: str, rows: int
) -> tuple[np.ndarray | None, str]:
    """(true neighbours, where they come from); those of the base's own file count only for all its rows, its queries and its metric."""
    if arguments.truth:
        path, values = arguments.truth, vector_files.map_vectors(arguments.truth, None, "neighbors")
    else:
        path, values = arguments.file, None
        if rows == len(base) and not arguments.queries and getattr(base, "metric", "") == metric:
            values = part_of_file(base, "neighbors")
    if values is None or values.shape[1] < arguments.k and not arguments.truth:
        return None, "exact search"
    truth = values[: arguments.query_count]
    if truth.dtype.kind not in "iu" or truth.shape[1] < arguments.k:
        raise Failure(
            f"{path}: {truth.shape[1]} columns of {truth.dtype}; true neighbours are {arguments.k} whole numbers a query (--k)"
        )
    if truth.size and not 0 <= truth.min() <= truth.max() < rows:
        raise Failure(
            f"{path}: names row {truth.max() if truth.min() >= 0 else truth.min()}; the base has rows 0 to {rows - 1}"
        )
    return truth[:, : arguments.k].astype(np.int64), os.path.basename(path)


def sample(arguments, rows: int) -> np.ndarray:
    """Numbers of the rows that become queries, in order: the same for the same seed."""
    count = min(arguments.query_count, rows // HELD_OUT_SHARE_MAX)
    if not count:
        raise Failure(
            f"{arguments.file}: {rows} rows are too few to hold queries out of them; name some with --queries"
        )
    return np.sort(np.random.default_rng(arguments.seed).choice(rows, count, replace=False))


def open_set(arguments) -> AnnSet:
    base = vector_files.map_vectors(arguments.file, arguments.dataset)
    metric = metric_of(arguments, base)
    rows = min(arguments.limit or len(base), len(base))
    queries, query_source = read_queries(arguments, base)
    if queries is None and arguments.truth:
        raise Usage(
            f"--truth {arguments.truth}: name its queries with --queries; those held out of the base have other neighbours"
        )
    truth, truth_source = (None, "exact search") if queries is None else read_truth(arguments, base, metric, rows)
    if truth is not None and len(truth) != len(queries):
        raise Failure(f"{truth_source}: neighbours of {len(truth)} queries, {query_source} has {len(queries)}")
    held_out = sample(arguments, rows) if queries is None else np.empty(0, np.int64)
    found = AnnSet(arguments.file, base, rows, metric, queries, held_out, truth, query_source, truth_source)
    if found.rows < arguments.k:
        raise Failure(
            f"{arguments.file}: {found.rows} rows are fewer than the {arguments.k} neighbours asked for (--k)"
        )
    return found
