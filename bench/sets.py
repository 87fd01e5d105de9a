"""The sets of bench.datasets by name, kept in the user's cache folder.

A search process reads the queries and truth of a set, never its base.
"""

import hashlib
import os
import pathlib
import tempfile

import numpy as np

from bench import datasets

ROOT = pathlib.Path(__file__).resolve().parent.parent
K = 10
SETS = {
    "tiny": lambda: datasets.sift_like(2_000, seed=5, query_count=50),
    "siftsmall": datasets.siftsmall,
    "mnist": datasets.mnist,
    "sift100k": lambda: datasets.sift_like(100_000, seed=7),
    "sift200k": lambda: datasets.sift_like(200_000, seed=11),
    "sift1m": lambda: datasets.sift_like(1_000_000, seed=7),
    "text100k": lambda: datasets.text_like(100_000),
}
LARGE = {"sift200k", "sift1m", "text100k"}  # too large to be built twice in a run


class MissingSet(Exception):
    """A set that there is not, or a real one whose files this machine does not have."""


def cache_folder():
    folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "omendb-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def folder_of(name):
    """Where a set lies in the cache; made there first where it is not. A change of its generator makes it anew."""
    if name not in SETS:
        raise MissingSet(f"there is no set '{name}'; there are {', '.join(SETS)}")
    source = b"".join(pathlib.Path(file).read_bytes() for file in (datasets.__file__, __file__))
    folder = cache_folder() / f"{name}-{hashlib.sha256(source).hexdigest()[:12]}"
    if not folder.is_dir():
        try:
            made = SETS[name]()
        except FileNotFoundError as error:
            raise MissingSet(f"{error.filename} is not there (OMENDB_TEST_DATA may name another place)") from None
        unfinished = pathlib.Path(tempfile.mkdtemp(prefix="unfinished-", dir=cache_folder()))
        for part, values in (("base", made.base), ("queries", made.queries), ("truth", made.neighbors[:, :K])):
            np.save(unfinished / f"{part}.npy", values)
        unfinished.replace(folder)
    return folder


def load_base(name):
    return np.load(folder_of(name) / "base.npy")


def load_queries(name):
    """(queries, rows of their K exact neighbours)."""
    folder = folder_of(name)
    return np.load(folder / "queries.npy"), np.load(folder / "truth.npy")


def shape(name):
    """(rows, dims, queries), without reading them."""
    folder = folder_of(name)
    base = np.load(folder / "base.npy", mmap_mode="r")
    return *base.shape, len(np.load(folder / "queries.npy", mmap_mode="r"))
