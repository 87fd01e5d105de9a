"""A table: rows in, rows out, search."""

from __future__ import annotations

import atexit
import contextlib
import weakref
from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pyarrow as pa

from . import _bits, _embed, _omendb, _rows, _vector_lists, _vectors
from ._errors import InvalidArgumentError, QueryError, SchemaError
from ._hits import Hits, HitsList
from ._later import in_thread
from ._progress import Progress
from ._rerank import Rerank, Reranking
from ._rows import Rows
from ._schema import Embed, TableSchema
from ._stop import to_timeout
from ._text import HITS_MAX, Fuse, TextColumns, is_integer, to_text_search
from ._where import Params, to_where

if TYPE_CHECKING:
    from ._database import Database

Key = int | str
SCAN_ROWS = 4096  # of one batch
NEAREST_ROWS = 10  # of a search that says no k


class Table:
    """A handle to one table; it keeps its database open. Threads: any number may use the same one.

    Writing methods are statements: all rows or none, durable when they return (see `connect(sync=)`), seen by every
    search that starts later. Reading methods see the newest version and never wait for writers. Every method releases
    the GIL while the engine works; the methods whose names begin with `a` are their async twins.
    """

    __slots__ = ("__weakref__", "_database", "_embeddings", "_raw", "_schema", "_search")

    def __init__(self, raw: _omendb.Table, database: Database) -> None:
        self._raw = raw
        self._search = raw.search
        self._database = database
        self._schema = TableSchema(raw.columns)
        self._embeddings = database._embeddings.setdefault(raw.name, {})

    @property
    def name(self) -> str:
        return self._raw.name

    @property
    def database(self) -> Database:
        return self._database

    @property
    def schema(self) -> pa.Schema:
        """The columns as a pyarrow.Schema that `create_table` takes; what Arrow has no word for stands in the
        fields' metadata.
        """
        return self._schema.arrow

    @property
    def primary_key(self) -> str:
        """Name of the primary key."""
        return self._key.name

    @property
    def _key(self) -> _omendb.Column:
        assert self._schema.key is not None
        return self._schema.key

    def __repr__(self) -> str:
        return f"<omendb.Table {self.name!r} of {self._database.path!r}: {', '.join(self._schema.names)}>"

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return True

    def set_embed(self, column: str, embed: Embed | None, source: str | None = None) -> None:
        """From now on a function makes the vectors of a column (`omendb.vector(embed=)`), in this process and for
        every handle to the table; None: no function does. Rows that are there stay as they are.
        """
        if embed is None:
            self._embeddings.pop(column, None)
        else:
            self._embeddings[column] = _embed.Embedding(self.name, self._schema.columns, column, embed, source)

    def insert(self, rows: Rows, *, progress: bool = False) -> int:
        """Adds rows; returns how many. ConflictError for a key that exists already or stands in `rows` twice; then
        nothing is changed.

        `rows`: a dict of columns (lists, NumPy arrays, Arrow arrays), dicts (one or a list), a pandas or polars data
        frame, a pyarrow Table, RecordBatch or RecordBatchReader, or anything else that speaks Arrow's PyCapsule
        protocol. Columns left out become null, but for vectors that a function makes of the row's text
        (`omendb.vector(embed=)`); what it raises leaves the table as it was. `progress`: draw a bar on stderr and write
        in statements of 8192 rows; what they have written stays when a later one fails or Ctrl-C comes.
        """
        return self._write(self._raw.insert, "insert", rows, progress)

    def upsert(self, rows: Rows, *, progress: bool = False) -> int:
        """Adds rows and replaces those whose key exists, whole: columns left out become null. Of equal keys in
        `rows` the last wins. Otherwise like `insert`.
        """
        return self._write(self._raw.upsert, "upsert", rows, progress)

    def _write(self, statement: Any, verb: str, rows: Rows, progress: bool) -> int:
        if progress:
            return self._write_chunks(statement, verb, rows)
        batch = _embed.fill(_rows.to_batch(rows, self._schema, self.name), self._embeddings)
        if not batch.num_columns:  # an empty list has no columns either, not even a primary key
            self._raw.count()
            return 0
        written: int = statement(*batch.__arrow_c_array__())
        return written

    def _write_chunks(self, statement: Any, verb: str, rows: Rows) -> int:
        row_count, batches = _rows.to_batches(rows, self._schema, self.name)
        written = 0
        with Progress(f"{verb} {self.name}", row_count) as bar:
            try:
                for batch in batches:
                    batch = _embed.fill(batch, self._embeddings)
                    statement(*batch.__arrow_c_array__())
                    written += batch.num_rows
                    bar.add(batch.num_rows)
            except BaseException as error:
                error.add_note(f"the first {written} rows were written and stay")
                raise
        return written

    def update(
        self, values: dict[str, Any], where: str, params: Params | None = None, *, timeout: float | None = None
    ) -> int:
        """Sets columns to one value each in the rows for which a condition is true (docs/filters.md); returns in how
        many. `values`: of any columns but the primary key. Takes a few microseconds a row; with a vector or a text
        among them it costs as much as an upsert of these rows. A text that `omendb.vector(embed=)` makes a vector of
        brings its vector along. `timeout`: seconds until the engine begins to write; then TimeoutError, and nothing
        is changed.
        """
        if not isinstance(values, dict):
            raise SchemaError(f"update() takes a dict of one value a column, not {type(values).__name__}")
        batch = _rows.to_batch([values], self._schema, self.name)
        if where is None:
            raise QueryError("update() needs a condition: where=")
        condition, parameters = to_where(where, params)
        seconds = to_timeout(timeout)
        schema, array = _embed.fill(batch, self._embeddings).__arrow_c_array__()
        return self._raw.update(schema, array, condition, parameters, seconds)

    def delete(
        self,
        keys: Key | Iterable[Key] | None = None,
        *,
        where: str | None = None,
        params: Params | None = None,
        timeout: float | None = None,
    ) -> int:
        """Removes rows by key (one or several), or those for which a condition is true; keys that do not exist are no
        error. Returns how many rows there were. `timeout`: seconds that finding the rows of a condition may take; then
        TimeoutError, and nothing is changed.
        """
        condition, values = to_where(where, params)
        seconds = to_timeout(timeout)
        if condition is None and seconds is not None:
            raise QueryError("timeout= goes with where=")
        if condition is not None:
            if keys is not None:
                raise QueryError("delete() takes keys or where=, not both")
            return self._raw.erase_where(condition, values, seconds)
        if keys is None:
            raise InvalidArgumentError("delete() needs keys or where=; clear() removes every row")
        return self._raw.erase([keys] if isinstance(keys, (str, int, np.integer)) else _to_list(keys))

    def clear(self) -> int:
        """Removes every row; returns how many there were."""
        return self._raw.clear()

    @overload  # a str is an iterable of str too: the first signature that fits counts
    def get(  # type: ignore[overload-overlap]
        self, key: Key, *, select: Iterable[str] | None = None
    ) -> dict[str, Any] | None: ...
    @overload
    def get(self, key: Iterable[Key], *, select: Iterable[str] | None = None) -> list[dict[str, Any] | None]: ...
    def get(
        self, key: Key | Iterable[Key], *, select: Iterable[str] | None = None
    ) -> dict[str, Any] | list[dict[str, Any] | None] | None:
        """The row of a key as a dict, or None; for several keys a list with one entry a key.

        Timestamps are datetimes in UTC, vectors float32 arrays, JSON is parsed. `select`: only these columns.
        """
        columns = self._schema.checked_names(select, self.name)
        single = isinstance(key, (str, int, np.integer))
        batch, found = self._raw.get([key] if single else _to_list(key), columns)
        rows = iter(batch.rows())
        aligned = [next(rows) if there else None for there in found]
        return aligned[0] if single else aligned

    def count(self, where: str | None = None, params: Params | None = None, *, timeout: float | None = None) -> int:
        """How many rows there are, or for how many a condition is true (docs/filters.md). `params`: the values of its
        `?`, or a dict of those of its `:name`. `timeout`: seconds that it may take; then TimeoutError.
        """
        return self._raw.count(*to_where(where, params), to_timeout(timeout))

    def scan(
        self,
        *,
        where: str | None = None,
        params: Params | None = None,
        select: Iterable[str] | None = None,
        batch_rows: int = SCAN_ROWS,
        timeout: float | None = None,
    ) -> pa.RecordBatchReader:
        """All rows of the newest version in order of arrival, batch by batch. Later writes do not show. Rows that were moved
        in the background, to give space back, come where they were moved to: at the end. `timeout`: seconds that finding the
        rows of a condition may take, before the first batch; then TimeoutError."""
        names = self._schema.checked_names(select, self.name)
        if isinstance(batch_rows, bool) or not isinstance(batch_rows, int) or batch_rows < 1:
            raise QueryError(f"batch_rows is a positive integer, not {batch_rows!r}")
        schema = pa.schema([self._schema.arrow.field(name) for name in names])
        batches = _scan_batches(self._raw.scan(names, batch_rows, *to_where(where, params), to_timeout(timeout)), schema)
        _open_scans.add(batches)
        return pa.RecordBatchReader.from_batches(schema, batches)

    @overload
    def search(
        self,
        vector: Sequence[float] | str,
        k: int | None = None,
        *,
        radius: float | None = None,
        column: str | None = None,
        select: Iterable[str] | None = None,
        recall: float | None = None,
        ef: int | None = None,
        exact: bool = False,
        threads: int | None = None,
        where: str | None = None,
        params: Params | None = None,
        text: str | None = None,
        query: str | None = None,
        text_columns: TextColumns | None = None,
        sparse: Any = None,
        sparse_column: str | None = None,
        fuse: Fuse | None = None,
        offset: int | None = None,
        min_score: float | None = None,
        group_by: str | None = None,
        rerank: Rerank | None = None,
        timeout: float | None = None,
        vectors: Any = None,
    ) -> Hits: ...
    @overload
    def search(
        self,
        vector: Sequence[Sequence[float]] | list[str],
        k: int | None = None,
        *,
        radius: float | None = None,
        column: str | None = None,
        select: Iterable[str] | None = None,
        recall: float | None = None,
        ef: int | None = None,
        exact: bool = False,
        threads: int | None = None,
        where: str | None = None,
        params: Params | None = None,
        text: str | None = None,
        query: str | None = None,
        text_columns: TextColumns | None = None,
        sparse: Any = None,
        sparse_column: str | None = None,
        fuse: Fuse | None = None,
        offset: int | None = None,
        min_score: float | None = None,
        group_by: str | None = None,
        rerank: Rerank | None = None,
        timeout: float | None = None,
        vectors: Any = None,
    ) -> HitsList: ...
    @overload
    def search(
        self,
        vector: Any = None,
        k: int | None = None,
        *,
        radius: float | None = None,
        column: str | None = None,
        select: Iterable[str] | None = None,
        recall: float | None = None,
        ef: int | None = None,
        exact: bool = False,
        threads: int | None = None,
        where: str | None = None,
        params: Params | None = None,
        text: str | None = None,
        query: str | None = None,
        text_columns: TextColumns | None = None,
        sparse: Any = None,
        sparse_column: str | None = None,
        fuse: Fuse | None = None,
        offset: int | None = None,
        min_score: float | None = None,
        group_by: str | None = None,
        rerank: Rerank | None = None,
        timeout: float | None = None,
        vectors: Any = None,
    ) -> Any: ...
    def search(
        self,
        vector: Any = None,
        k: int | None = None,
        *,
        radius: float | None = None,
        column: str | None = None,
        select: Iterable[str] | None = None,
        recall: float | None = None,
        ef: int | None = None,
        exact: bool = False,
        threads: int | None = None,
        where: str | None = None,
        params: Params | None = None,
        text: str | None = None,
        query: str | None = None,
        text_columns: TextColumns | None = None,
        sparse: Any = None,
        sparse_column: str | None = None,
        fuse: Fuse | None = None,
        offset: int | None = None,
        min_score: float | None = None,
        group_by: str | None = None,
        rerank: Rerank | None = None,
        timeout: float | None = None,
        vectors: Any = None,
    ) -> Any:
        """The k rows nearest to a vector (10 by default) -> Hits; for an array of vectors (two dimensions) -> HitsList.
        A str, or a list of them, stands for the vectors that the column's `embed=` makes of it. `vectors`: instead, one
        query of several vectors, or a list of those (docs/multi-vector.md).

        `radius`: only rows at most so far away, as `distances` counts; `k` is then the most that are returned, 10,000
        by default. Of an inner product, whose distance is negative, so may be the radius. `column`: which vector
        column, needed when there are several. `select`: columns to read from the hits, all by default. `recall`: the
        share of the true k nearest, or of the rows within the radius, that is wanted on average, 0.95 by default; the
        engine chooses the width of the graph search by what it has measured with the table's own rows, and 1 compares
        with every row. `ef`: that width itself, whatever the recall; with a radius, how many rows beyond it are looked
        at. `exact`: compare with every row. `threads`: for several vectors, all cores by default.
        `where`: only rows for which a condition (docs/filters.md) is true; `params`: of its `?`, or a dict of its `:name`.
        `text`: plain words; the rows that have any of them, ranked by BM25. `query`: instead, phrases and operators
        (docs/text.md). `text_columns`: which columns, with weights if you like: `{"title": 2, "body": 1}`; all by
        default. `sparse`: a sparse vector, `{index: weight}` or `(indices, weights)`; the rows of the largest inner
        product, of those that have one of its indices (docs/sparse.md). `sparse_column`: where there are several.
        Several rankings are fused (docs/text.md says when how): `fuse="distribution"` (by scores in standard deviations,
        the default), `"relative"`, `"rrf"` (reciprocal ranks), or with weights, which `omendb.tune_fusion` can choose:
        `{"vector": 0.7, "text": 0.3, "sparse": 0.5}`; `"filter"` ranks rows that match the text by the vector. `offset`:
        so many of the best hits are left out. `min_score`: only hits that score no less. `group_by`: of rows with the same
        value in a column only the best one. `rerank`: a function that takes Hits, four times as many as wanted and at
        least 50, and returns a score for each: the best by it are returned.
        `timeout`: seconds until TimeoutError. Ctrl-C in the main thread and cancelling the task of `asearch` end it too."""
        reranking = None
        if rerank is not None:
            reranking = Reranking(rerank, NEAREST_ROWS if k is None else k, offset, min_score)
            k, offset, min_score = reranking.asked, None, None
        names = None if select is None else self._schema.checked_names(select, self.name)
        _check_share(recall)
        condition, values = (None, None) if where is params is None else to_where(where, params)
        more = (text, query, text_columns, sparse, sparse_column, fuse, offset, min_score, group_by)
        texts = None if all(argument is None for argument in more) else to_text_search(*more)
        limit = (NEAREST_ROWS if radius is None else HITS_MAX) if k is None else k
        seconds = None if timeout is None else to_timeout(timeout)
        rest = (limit, radius, column or "", recall or 0.0, ef or 0, exact, threads, condition, values, texts, seconds)
        try:
            raw = self._search(vector, *rest) if vectors is None else self._search_sets(vector, vectors, column, rest)
        except BufferError:  # what embed= raises comes out of here
            raw = self._search(self._to_query(vector, column), *rest)
        except TypeError:
            raise _wrong_search_argument(limit, radius, column, ef, exact, threads) from None
        found = self._to_hits(raw, names, None if text is query is None else texts, sparse is not None)
        return found if reranking is None else reranking.of(found)

    def _to_hits(
        self, raw: _omendb.Hits, names: list[str] | None, words: _omendb.TextSearch | None, sparse: bool
    ) -> Hits | HitsList:
        if raw.single:
            return Hits(raw, self, names, 0, len(raw), words, sparse)
        return HitsList(raw, self, names)

    def _searched(self, column: str | None) -> _omendb.Column | None:
        """The vector column that is searched, if there is one."""
        searched = [
            known
            for known in self._schema.columns
            if known.type in ("vector", "bits", "vectors") and column in (None, known.name)
        ]
        if len(searched) > 1:
            raise QueryError(f"table '{self.name}' has several vector columns; say which one to search (column=)")
        return searched[0] if searched else None

    def _search_sets(self, vector: Any, vectors: Any, column: str | None, rest: tuple[Any, ...]) -> _omendb.Hits:
        flat, counts, single = self._to_vectors_query(vector, vectors, column)
        return self._search(flat, *rest, counts, single)

    def _to_vectors_query(self, vector: Any, vectors: Any, column: str | None) -> tuple[Any, list[int], bool]:
        """As the engine takes queries of several vectors."""
        if vector is not None:
            raise QueryError("a search takes vector= or vectors=, not both")
        searched = self._searched(column)
        if searched is None or searched.type != "vectors":
            what = "has no column" if searched is None else f"column {searched.name!r} is not one"
            raise QueryError(f"vectors= searches columns of several vectors a row (omendb.vectors); table '{self.name}': {what}")
        return _vector_lists.to_query(vectors, searched)

    def _to_query(self, vector: Any, column: str | None) -> Any:
        """As the engine takes it for the column that is searched."""
        searched = self._searched(column)
        if searched is not None and searched.type == "vectors":
            raise QueryError(
                f"column {searched.name!r} holds several vectors a row: search with several, by vectors= (vectors x "
                f"{searched.dims})"
            )
        if searched is not None and searched.type == "bits":
            return _bits.to_query(vector, searched)
        if searched is not None and _embed.is_words(vector):
            return _embed.to_query(vector, self.name, searched.name, self._embeddings)
        return _vectors.to_query(vector)

    def explain(
        self,
        vector: Any = None,
        k: int | None = None,
        *,
        analyze: bool = False,
        radius: float | None = None,
        column: str | None = None,
        recall: float | None = None,
        ef: int | None = None,
        exact: bool = False,
        where: str | None = None,
        params: Params | None = None,
        text: str | None = None,
        query: str | None = None,
        text_columns: TextColumns | None = None,
        sparse: Any = None,
        sparse_column: str | None = None,
        fuse: Fuse | None = None,
        offset: int | None = None,
        min_score: float | None = None,
        group_by: str | None = None,
        timeout: float | None = None,
        vectors: Any = None,
    ) -> str:
        """What `search` with these arguments would do, as a tree of lines: which way each part goes and why, and how many
        rows it expects. `analyze`: searches, and says what happened and how long each part took. With `where` alone:
        how `count` and `scan` find its rows. Conditions say which parts of them indexes answer, and why values are
        read for the others.
        """
        _check_share(recall)
        condition, values = to_where(where, params)
        texts = to_text_search(
            text, query, text_columns, sparse, sparse_column, fuse, offset, min_score, group_by
        )
        limit = (NEAREST_ROWS if radius is None else HITS_MAX) if k is None else k
        search = (limit, radius, column or "", recall or 0.0, ef or 0, exact, condition, values, texts)
        rest = (*search, bool(analyze), to_timeout(timeout))
        try:
            if vectors is not None:
                flat, counts, _ = self._to_vectors_query(vector, vectors, column)
                return self._raw.explain(flat, *rest, counts)
            return self._raw.explain(vector, *rest)
        except BufferError:
            return self._raw.explain(self._to_query(vector, column), *rest)
        except TypeError:
            raise _wrong_search_argument(limit, radius, column, ef, exact, None) from None

    def stats(self) -> dict[str, Any]:
        """Figures: rows, dead_rows, tail_rows (wait for the graph; falls to 0 by itself), flat (every search is
        exact), graph_edges, and bytes in memory and on disk: {"total": ..., component: ...}. `indexes` has a dict per
        vector column: what its graph is made of, the recall@10 that is to be expected by default (None: not measured
        yet) and the width of the search for recall 0.9, 0.95 and 0.99 (None: every row is compared). Its `filtered` has
        a dict per class of conditions that was measured: `away` (rows pass that are far from the query, else here and
        there), `share` of the rows that pass, `ef` for recall 0.95 (None: each that passes is compared) and `recall`
        expected with it. Empty until measured, and where so few rows pass that each is compared.
        `column_indexes` has one per index behind conditions: its column, why it is there ("asked" for by the schema,
        "earned" by use; "refused" ones are not), how many rows it is made of, and its bytes in memory.
        """
        return self._raw.stats()

    def _measure_recall(
        self, efs: list[int], k: int = 10, column: str = "", query_count: int = 256, seed: int = 1
    ) -> list[tuple[int, float, float]]:
        """(ef, recall@k, its standard error) for widths of the graph search, asked with rows of the table, each as if
        it were not there: for `omen tune`. Empty where every search is exact.
        """
        return self._raw.measure_recall(column, k, efs, query_count, seed)

    def _wait_for_index(self) -> None:
        """Waits until every row is in its graph and conditions have the indexes that pay: for tests and benchmarks."""
        self._raw.wait_for_index()

    ainsert = in_thread(insert)
    aupsert = in_thread(upsert)
    adelete = in_thread(delete)
    aupdate = in_thread(update)
    aclear = in_thread(clear)
    aget = in_thread(get)
    acount = in_thread(count)
    ascan = in_thread(scan)
    asearch = in_thread(search)
    astats = in_thread(stats)


def _to_list(keys: Any) -> list[Any]:
    if isinstance(keys, (bytes, dict)) or not isinstance(keys, Iterable):
        raise SchemaError(f"keys are an int or str or several of them, not {type(keys).__name__}")
    if isinstance(keys, (pa.Array, pa.ChunkedArray)):
        keys = keys.to_pylist()
    return list(keys.tolist() if hasattr(keys, "tolist") else keys)


# Arrow does not free a reader's iterator while the interpreter shuts down: what is still being read then is let go here.
_open_scans: weakref.WeakSet[Generator[pa.RecordBatch, None, None]] = weakref.WeakSet()


@atexit.register
def _close_scans() -> None:
    for scan in list(_open_scans):
        with contextlib.suppress(ValueError):  # another thread is inside
            scan.close()


def _scan_batches(scan: _omendb.Scan, schema: pa.Schema) -> Generator[pa.RecordBatch, None, None]:
    while (batch := scan.next()) is not None:
        yield pa.RecordBatch.from_arrays(pa.record_batch(batch).columns, schema=schema)


def _check_share(recall: Any) -> None:
    is_number = not isinstance(recall, bool) and isinstance(recall, (int, float, np.number))
    if recall is not None and not (is_number and 0 < recall <= 1):
        raise QueryError(f"recall is a number above 0 and at most 1, not {recall!r}")


def _wrong_search_argument(k: Any, radius: Any, column: Any, ef: Any, exact: Any, threads: Any) -> QueryError:
    """What the engine's binding could not take."""
    for name, value in (("k", k), ("ef", ef), ("threads", threads)):
        if value is not None and not (is_integer(value) and 0 <= value < 1 << 31):
            return QueryError(f"{name} is an integer of at least {0 if name != 'k' else 1}, not {value!r}")
    if radius is not None and not isinstance(radius, (int, float, np.integer, np.floating)):
        return QueryError(f"radius is a number, not {radius!r}")
    if column is not None and not isinstance(column, str):
        return QueryError(f"column is the name of a vector column, not {column!r}")
    return QueryError(f"exact is True or False, not {exact!r}")
