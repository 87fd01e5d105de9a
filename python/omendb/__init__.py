"""OmenDB: an embedded database for vectors, text and metadata in one directory.

import omendb

db = omendb.connect("shop.omen") docs = db.create_table("docs", {"id": "string primary key", "title": "string", "v":
omendb.vector(384, metric="cosine")}) docs.insert([{"id": "a7", "title": "red bicycle", "v": embedding}]) for hit in
docs.search(query, k=10): print(hit.score, hit["title"])
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from ._database import Database, aconnect, connect
from ._errors import (
    CancelledError,
    ClosedError,
    ConflictError,
    CorruptionError,
    Error,
    InternalError,
    InvalidArgumentError,
    IoError,
    LockedError,
    NotFoundError,
    NotSupportedError,
    OutOfMemoryError,
    PermissionDeniedError,
    QueryError,
    SchemaError,
    StorageFullError,
    TimeoutError,
    UnsupportedFormatError,
)
from ._fusion import TunedFusion, tune_fusion
from ._hits import Hit, Hits, HitsList
from ._map import Map, MapDiff, MapDraft
from ._schema import (
    BitsColumn,
    PlainColumn,
    SparseColumn,
    TextColumn,
    VectorColumn,
    VectorsColumn,
    bits,
    column,
    sparse,
    text,
    vector,
    vectors,
)
from ._table import Table

try:
    __version__ = version("omendb")
except PackageNotFoundError:  # a build folder on PYTHONPATH
    __version__ = "unknown"

__all__ = [
    "BitsColumn",
    "CancelledError",
    "ClosedError",
    "ConflictError",
    "CorruptionError",
    "Database",
    "Error",
    "Hit",
    "Hits",
    "HitsList",
    "InternalError",
    "InvalidArgumentError",
    "IoError",
    "LockedError",
    "Map",
    "MapDiff",
    "MapDraft",
    "NotFoundError",
    "NotSupportedError",
    "OutOfMemoryError",
    "PermissionDeniedError",
    "PlainColumn",
    "QueryError",
    "SchemaError",
    "SparseColumn",
    "StorageFullError",
    "Table",
    "TextColumn",
    "TimeoutError",
    "TunedFusion",
    "UnsupportedFormatError",
    "VectorColumn",
    "VectorsColumn",
    "aconnect",
    "bits",
    "column",
    "connect",
    "sparse",
    "text",
    "tune_fusion",
    "vector",
    "vectors",
]
