"""The small interface behind which bench.compare measures OmenDB and its peers; contenders.py has these.

The same graph parameters everywhere: M 16, ef_construction 200, squared L2 (ours: L2, the same order). A library is built and stored in
one process and opened in another, so that memory and load time are those of a fresh start. A `beam` is the width of a search: of a graph
the ef; of inverted lists a pair, how many lists are read and how many times k candidates are compared again with their full vectors.
"""

import importlib.metadata
import importlib.util
import os
import pathlib
import shutil

M, EF_CONSTRUCTION = 16, 200
GRAPH_BEAMS = [10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640]
DEFAULT = 0  # the beam that a library chooses itself


class Library:
    """One contender on one set. Subclasses: `module` is what must be importable, `package` what PyPI calls it."""

    module = package = ""
    beams = GRAPH_BEAMS
    is_graph = True

    def __init__(self, path, dims, threads):
        self.path, self.dims, self.threads = path, dims, threads

    def file(self, name="index"):
        os.makedirs(self.path, exist_ok=True)
        return os.path.join(self.path, name)

    def prepare(self, base):
        """What build() takes, made from the rows before the clock starts."""
        return base

    def build(self, rows):
        raise NotImplementedError

    def store(self):
        raise NotImplementedError

    def open(self):
        raise NotImplementedError

    def searcher(self, k, beam):
        """A function of one float32 query; what it returns holds the keys of the rows found."""
        raise NotImplementedError

    def ids(self, answer):
        """Keys of one answer as integers; outside the measured time."""
        return answer

    def code_bytes(self):
        """Of one row, what searches walk over beside the links; None where nobody says."""
        return None


class Contender:
    """A library with its options: what has a row of its own in the tables."""

    def __init__(self, kind, **options):
        self.kind, self.options = kind, options

    def make(self, path, dims, threads):
        return self.kind(path, dims, threads, **self.options)

    def installed(self):
        return importlib.util.find_spec(self.kind.module) is not None

    def version(self):
        return importlib.metadata.version(self.kind.package)

    def is_ours(self):
        return self.kind.module == "omendb"


def disk_bytes(path):
    path = pathlib.Path(path)
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def remove(path):
    shutil.rmtree(path, ignore_errors=True)
