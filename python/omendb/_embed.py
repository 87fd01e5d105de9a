"""Vectors that a function makes of texts: what `embed=` of a vector column does to rows and to queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import _omendb, _vectors
from ._errors import InvalidArgumentError, QueryError, SchemaError
from ._schema import Embed, VectorColumn

TEXTS_AT_ONCE = 256  # that a function is given
_SOURCE_TYPES = ("text", "string")


class Embedding:
    """Fills one vector column from one column of texts. SchemaError for columns that can not be that."""

    def __init__(
        self, table: str, columns: Sequence[_omendb.Column], column: str, embed: Embed, source: str | None
    ) -> None:
        self._table = table
        self.column = column
        self._dims = _vector_column(table, columns, column).dims
        if not callable(embed):
            raise SchemaError(f"embed of column {column!r} is a function that takes a list of str, not {embed!r}")
        self._embed = embed
        self.source = _source(table, columns, column, source)

    def fill(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Rows that have a text and no vector get one."""
        names = batch.schema.names
        if self.source not in names:
            return batch
        texts = batch.column(self.source)
        given = batch.column(self.column) if self.column in names else pa.nulls(batch.num_rows)
        lacking = pc.and_(texts.is_valid(), given.is_null()).to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(lacking)
        if not len(rows):
            return batch
        array = self._with(given, rows, self.of(texts.take(pa.array(rows)).to_pylist()))
        if self.column in names:
            return batch.set_column(names.index(self.column), self.column, array)
        return pa.RecordBatch.from_arrays([*batch.columns, array], names=[*names, self.column])

    def of(self, texts: list[str]) -> _vectors.Floats:
        """One vector a text, some texts at a time. What the function raises comes out of here."""
        parts = [self._part(texts[first : first + TEXTS_AT_ONCE]) for first in range(0, len(texts), TEXTS_AT_ONCE)]
        return np.concatenate(parts)

    def _part(self, texts: list[str]) -> _vectors.Floats:
        given: Any = self._embed(texts)
        try:
            array = _vectors.as_numpy(given)
        except (TypeError, ValueError, RuntimeError, BufferError) as error:
            raise self._fault(f"returned no array of numbers: {error}") from None
        if array.dtype.kind not in "fiu" or array.shape != (len(texts), self._dims):
            raise self._fault(
                f"is to return numbers of shape {(len(texts), self._dims)} for {len(texts)} texts, "
                f"not {array.dtype} of shape {array.shape}"
            )
        floats = _vectors.to_float32(array)
        if not np.isfinite(floats).all():
            row = int(np.flatnonzero(~np.isfinite(floats).all(axis=1))[0])
            raise self._fault(f"returned NaN or infinite numbers for the text {texts[row][:60]!r}")
        return floats

    def _with(self, given: pa.Array, rows: Any, vectors: _vectors.Floats) -> pa.Array:
        """The column as it was given, and the vectors in these rows."""
        flat = np.zeros((len(given), self._dims), dtype=np.float32)
        valid = given.is_valid().to_numpy(zero_copy_only=False).copy()
        if valid.any():
            flat[valid] = given.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, self._dims)
        flat[rows] = vectors
        valid[rows] = True
        return pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), self._dims, mask=pa.array(~valid))

    def _fault(self, what: str) -> InvalidArgumentError:
        return InvalidArgumentError(f"embed of column {self.column!r} of table '{self._table}' {what}")


Embeddings = dict[str, Embedding]  # by the column that is filled


def from_schema(table: str, schema: Any, columns: Sequence[_omendb.Column]) -> Embeddings:
    """Those that a schema names."""
    if not isinstance(schema, Mapping):
        return {}
    return {
        name: Embedding(table, columns, name, spec.embed, spec.source)
        for name, spec in schema.items()
        if isinstance(spec, VectorColumn) and spec.embed is not None
    }


def fill(batch: pa.RecordBatch, embeddings: Embeddings) -> pa.RecordBatch:
    for embedding in list(embeddings.values()):
        batch = embedding.fill(batch)
    return batch


def is_words(query: Any) -> bool:
    """Whether a query is a text, or several, to be made a vector."""
    return isinstance(query, str) or (
        isinstance(query, (list, tuple)) and len(query) > 0 and all(isinstance(words, str) for words in query)
    )


def to_query(words: Any, table: str, column: str, embeddings: Embeddings) -> _vectors.Floats:
    """The vector of a text; of several texts a row each."""
    embedding = embeddings.get(column)
    if embedding is None:
        raise QueryError(
            f"column {column!r} of table '{table}' has no embed= to make a vector of {str(words)[:60]!r}: give a vector, "
            "or search for words by text="
        )
    return embedding.of([words])[0] if isinstance(words, str) else embedding.of(list(words))


def _vector_column(table: str, columns: Iterable[_omendb.Column], name: str) -> _omendb.Column:
    for column in columns:
        if column.name == name and column.type == "vector":
            return column
    raise SchemaError(f"embed: table '{table}' has no column of float32 vectors called {name!r}")


def _source(table: str, columns: Iterable[_omendb.Column], column: str, source: str | None) -> str:
    able = [known for known in columns if known.type in _SOURCE_TYPES]
    if source is not None:
        if not any(known.name == source for known in able):
            raise SchemaError(f"embed of column {column!r}: table '{table}' has no text or string column {source!r}")
        return source
    texts = [known.name for known in able if known.type == "text"]
    if len(texts) != 1:
        raise SchemaError(
            f"embed of column {column!r}: table '{table}' has {len(texts)} text columns; say which one by source="
        )
    return texts[0]
