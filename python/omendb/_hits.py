"""What a search returns. Keys and distances are there at once; columns are read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from . import _omendb
from ._errors import QueryError
from ._text import snippet

if TYPE_CHECKING:
    import pandas
    import polars

    from ._table import Table

DISTANCE = "_distance"  # names of the columns that to_arrow() and its kin add
SCORE = "_score"
QUERY = "_query"


class Hit(Mapping[str, Any]):
    """One row that was found: a mapping from column names to values."""

    __slots__ = ("_hits", "_index")

    def __init__(self, hits: Hits, index: int) -> None:
        self._hits = hits
        self._index = index

    @property
    def id(self) -> int | str:
        """The primary key."""
        found: int | str = self._hits.ids[self._index]
        return found if isinstance(found, str) else int(found)

    @property
    def distance(self) -> float:
        """NaN after a search without a vector."""
        return float(self._hits.distances[self._index])

    @property
    def score(self) -> float:
        """Larger is better."""
        return float(self._hits.scores[self._index])

    @property
    def text_score(self) -> float:
        """BM25; 0 where the text does not match. QueryError after a search without text."""
        return float(self._hits.text_scores[self._index])

    @property
    def sparse_score(self) -> float:
        """Inner product with `sparse=`; 0 where no index is shared. QueryError after a search without it."""
        return float(self._hits.sparse_scores[self._index])

    @property
    def highlights(self) -> dict[str, str]:
        """As `Hits.highlights`."""
        return self._hits.highlights[self._index]

    def __getitem__(self, column: str) -> Any:
        return self._hits._values(column)[self._index]

    def __contains__(self, column: object) -> bool:
        return column in self._hits.columns

    def __iter__(self) -> Iterator[str]:
        self._hits._read_all()
        return iter(self._hits.columns)

    def __len__(self) -> int:
        return len(self._hits.columns)

    def __repr__(self) -> str:
        return f"Hit(id={self.id!r}, {self._hits._shown}={self._hits._shown_values[self._index]:.6g})"


class Hits(Sequence[Hit]):
    """The best rows of one query, best first; fewer than k only when fewer rows have a vector, match the text, or pass
    the condition.

    Columns are read from the version that was searched, once, when first asked for; what has changed since does not
    show. That version stays in memory as long as its hits. Threads: any number may read.
    """

    __slots__ = ("_cache", "_count", "_first", "_highlights", "_ids", "_raw", "_select", "_sparse", "_table", "_text")

    def __init__(
        self,
        raw: _omendb.Hits,
        table: Table,
        select: list[str] | None,
        first: int,
        count: int,
        text: _omendb.TextSearch | None = None,
        sparse: bool = False,
    ) -> None:
        self._raw = raw
        self._table = table
        self._select = select
        self._first = first
        self._count = count
        self._cache: dict[str, list[Any]] | None = None
        self._ids: npt.NDArray[Any] | None = None
        self._text = text
        self._sparse = sparse
        self._highlights: list[dict[str, str]] | None = None

    @property
    def columns(self) -> list[str]:
        """Names of the columns that can be read: those of `select`, else all."""
        return self._table._schema.names if self._select is None else self._select

    @property
    def ids(self) -> npt.NDArray[Any]:
        """Primary keys: int64 without a copy, or an object array of str."""
        if self._ids is None:
            self._ids = _to_ids(self._raw.keys(self._first, self._count))
        return self._ids

    @property
    def distances(self) -> npt.NDArray[np.float32]:
        """True L2 (not squared), 1 - cosine, the negative inner product, L1, Hamming or Jaccard, as the column's
        metric says; NaN after a search without a vector, and of rows that have none. Not a copy.
        """
        return self._raw.distances(self._first, self._count)

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """Larger is better: the cosine, the inner product, 1 - Jaccard, or the negative distance; BM25 after a search
        by text, the inner product after one by sparse vector; the fused score after one by several. Not a copy.
        """
        return self._raw.scores(self._first, self._count)

    @property
    def text_scores(self) -> npt.NDArray[np.float32]:
        """BM25, 0 for rows that do not match the text. QueryError after a search without text. Not a copy."""
        if self._text is None:
            raise QueryError("text_scores are of a search with text= or query=")
        return self._raw.text_scores(self._first, self._count)

    @property
    def sparse_scores(self) -> npt.NDArray[np.float32]:
        """Inner products with `sparse=`, 0 for rows that share no index with it. QueryError after a search without it.
        Not a copy.
        """
        if not self._sparse:
            raise QueryError("sparse_scores are of a search with sparse=")
        return self._raw.sparse_scores(self._first, self._count)

    @property
    def highlights(self) -> list[dict[str, str]]:
        """For each hit, by text column, the part of the text where most words of the query stand, with `<b>` and
        `</b>` around them; columns without any are left out. Read once, when first asked for.
        """
        if self._highlights is None:
            self._highlights = self.highlight()
        return self._highlights

    def highlight(self, before: str = "<b>", after: str = "</b>", length: int = 160) -> list[dict[str, str]]:
        """The same with other marks, and parts of about so many bytes."""
        if self._text is None:
            raise QueryError("highlights are of a search with text= or query=")
        parts: list[dict[str, str]] = [{} for _ in range(self._count)]
        for column in self._table._schema.columns:
            if column.type != "text":
                continue
            texts = self._raw.fetch(self._first, self._count, [column.name]).values(0)
            words = self._raw.highlight(self._first, self._count, column.name, self._text)
            for part, text, ranges in zip(parts, texts, words, strict=True):
                if ranges:
                    part[column.name] = snippet(text, ranges, before, after, length)
        return parts

    def _rearranged(self, order: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]) -> Hits:
        """Of one query: the hits of these numbers, with other scores."""
        raw = self._raw.rearranged(order.tolist(), scores.tolist())
        return Hits(raw, self._table, self._select, 0, len(order), self._text, self._sparse)

    @property
    def _is_scored(self) -> bool:
        return self._text is not None or self._sparse

    @property
    def _shown(self) -> str:
        return "score" if self._is_scored else "distance"

    @property
    def _shown_values(self) -> npt.NDArray[np.float32]:
        return self.scores if self._is_scored else self.distances

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> list[Hit]: ...
    def __getitem__(self, index: int | slice) -> Hit | list[Hit]:
        if isinstance(index, slice):
            return [Hit(self, position) for position in range(*index.indices(self._count))]
        return Hit(self, _checked(index, self._count, "hit"))

    def __repr__(self) -> str:
        values = self._shown_values
        shown = ", ".join(f"{hit.id!r}: {value:.4g}" for hit, value in zip(self[:5], values, strict=False))
        return f"Hits({self._count}; {shown}{', ...' if self._count > 5 else ''})"

    def to_arrow(self) -> pa.Table:
        """The rows with `_distance` and `_score` behind them."""
        return _to_table(self, self._first, self._count)

    def to_pandas(self) -> pandas.DataFrame:
        """As to_arrow(), for pandas."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> polars.DataFrame:
        """As to_arrow(), for polars."""
        return _to_polars(self.to_arrow())

    def to_list(self) -> list[dict[str, Any]]:
        """The rows as dicts, with `_distance` and `_score` behind the columns."""
        rows: list[dict[str, Any]] = self._raw.fetch(self._first, self._count, self.columns).rows()
        for row, distance, score in zip(rows, self.distances.tolist(), self.scores.tolist(), strict=True):
            row[DISTANCE] = distance
            row[SCORE] = score
        return rows

    def _values(self, column: str) -> list[Any]:
        if self._cache is None:
            self._cache = {}
        values = self._cache.get(column)
        if values is None:
            if column not in self.columns:
                raise KeyError(f"{column!r} is not among the columns of these hits: {', '.join(self.columns)}")
            values = self._cache[column] = self._raw.fetch(self._first, self._count, [column]).values(0)
        return values

    def _read_all(self) -> None:
        """Reads every column not read yet, in one go."""
        cache = self._cache = {} if self._cache is None else self._cache
        missing = [column for column in self.columns if column not in cache]
        if missing:
            batch = self._raw.fetch(self._first, self._count, missing)
            cache.update((column, batch.values(position)) for position, column in enumerate(missing))


class HitsList(Sequence[Hits]):
    """The hits of several queries: item i belongs to query i. `ids`, `distances` and `scores` hold those of all
    queries one after the other; query i has entries offsets[i] to offsets[i + 1].
    """

    __slots__ = ("_raw", "_select", "_table")

    def __init__(self, raw: _omendb.Hits, table: Table, select: list[str] | None) -> None:
        self._raw = raw
        self._table = table
        self._select = select

    @property
    def columns(self) -> list[str]:
        return self._table._schema.names if self._select is None else self._select

    @property
    def offsets(self) -> npt.NDArray[np.uint32]:
        return self._raw.offsets

    @property
    def ids(self) -> npt.NDArray[Any]:
        return _to_ids(self._raw.keys(0, len(self._raw)))

    @property
    def distances(self) -> npt.NDArray[np.float32]:
        return self._raw.distances(0, len(self._raw))

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        return self._raw.scores(0, len(self._raw))

    def __len__(self) -> int:
        return self._raw.query_count

    @overload
    def __getitem__(self, index: int) -> Hits: ...
    @overload
    def __getitem__(self, index: slice) -> list[Hits]: ...
    def __getitem__(self, index: int | slice) -> Hits | list[Hits]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        begin, end = self._raw.range(_checked(index, len(self), "query"))
        return Hits(self._raw, self._table, self._select, begin, end - begin)

    def __repr__(self) -> str:
        return f"HitsList({len(self)} queries, {len(self._raw)} hits)"

    def to_arrow(self) -> pa.Table:
        """All hits with the number of their query in `_query` before `_distance` and `_score`."""
        queries = np.repeat(np.arange(len(self), dtype=np.int64), _lengths(self.offsets))
        return _to_table(self, 0, len(self._raw), queries)

    def to_pandas(self) -> pandas.DataFrame:
        """As to_arrow(), for pandas."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> polars.DataFrame:
        """As to_arrow(), for polars."""
        return _to_polars(self.to_arrow())

    def to_list(self) -> list[list[dict[str, Any]]]:
        """For each query the rows as dicts."""
        return [hits.to_list() for hits in self]


def _to_ids(keys: npt.NDArray[np.int64] | list[str]) -> npt.NDArray[Any]:
    if isinstance(keys, np.ndarray):
        return keys
    ids = np.empty(len(keys), dtype=object)
    ids[:] = keys
    return ids


def _lengths(offsets: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    wide = offsets.astype(np.int64)
    return wide[1:] - wide[:-1]


def _checked(index: int, count: int, what: str) -> int:
    position = index + count if index < 0 else index
    if not 0 <= position < count:
        raise IndexError(f"there is no {what} {index}: there are {count}")
    return position


def _to_table(hits: Hits | HitsList, first: int, count: int, queries: npt.NDArray[np.int64] | None = None) -> pa.Table:
    taken = [name for name in (QUERY, DISTANCE, SCORE) if name in hits.columns]
    if taken:
        raise QueryError(f"the table has a column {taken[0]!r} itself: choose other columns by select=")
    rows = pa.Table.from_batches([pa.record_batch(hits._raw.fetch(first, count, hits.columns))])
    if queries is not None:
        rows = rows.append_column(QUERY, pa.array(queries))
    return rows.append_column(DISTANCE, pa.array(hits.distances)).append_column(SCORE, pa.array(hits.scores))


def _to_polars(rows: pa.Table) -> polars.DataFrame:
    import polars

    frame = polars.from_arrow(rows)
    assert isinstance(frame, polars.DataFrame)
    return frame
