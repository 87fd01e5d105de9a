"""Rows as users have them -> one Arrow record batch of the table's columns. Values that fit already are not
copied.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Union

import numpy as np
import pyarrow as pa

from . import _bits, _sparse, _values, _vector_lists, _vectors
from ._errors import InvalidArgumentError, SchemaError
from ._schema import TableSchema, unknown_column

Rows = Union[Mapping[str, Any], Iterable[Mapping[str, Any]], pa.Table, pa.RecordBatch, pa.RecordBatchReader, Any]

CHUNK_ROWS = 8192  # of a long insert that shows its progress


def to_batch(rows: Rows, schema: TableSchema, table: str) -> pa.RecordBatch:
    """All rows as one batch. SchemaError or InvalidArgumentError name the column and the row that can not be
    taken.
    """
    return _to_batch(_to_columns(rows, schema, table), schema, table)


def to_batches(rows: Rows, schema: TableSchema, table: str) -> tuple[int | None, Iterator[pa.RecordBatch]]:
    """(how many rows if known, batches of at most CHUNK_ROWS rows): readers and iterators are read as they are
    needed.
    """
    if isinstance(rows, pa.RecordBatchReader):
        return None, (part for batch in rows for part in _slices(_to_batch(_arrow_columns(batch), schema, table)))
    if isinstance(rows, list):
        return len(rows), _batches_of_rows(iter(rows), schema, table)
    if isinstance(rows, Iterator):
        return None, _batches_of_rows(rows, schema, table)
    whole = to_batch(rows, schema, table)
    return whole.num_rows, _slices(whole)


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, CHUNK_ROWS):
        yield batch.slice(start, CHUNK_ROWS)


def _batches_of_rows(rows: Iterator[Any], schema: TableSchema, table: str) -> Iterator[pa.RecordBatch]:
    first = 0
    while chunk := list(itertools.islice(rows, CHUNK_ROWS)):
        yield _to_batch(_pivot(chunk, table, first), schema, table, first)
        first += len(chunk)


def _to_columns(rows: Rows, schema: TableSchema, table: str) -> dict[str, Any]:
    """Columns by name, not converted yet."""
    if isinstance(rows, (pa.Table, pa.RecordBatch)):
        return _arrow_columns(rows)
    if isinstance(rows, pa.RecordBatchReader):
        return _arrow_columns(rows.read_all())
    if isinstance(rows, Mapping):
        key = rows.get(schema.key.name) if schema.key else None
        return _pivot([rows], table, 0) if isinstance(key, (str, int, np.integer)) else dict(rows)
    library = type(rows).__module__.split(".")[0]
    if library == "pandas" and hasattr(rows, "columns"):
        frame: Any = rows
        return _named_columns(frame.columns, lambda position: frame.iloc[:, position])
    if library == "polars" and hasattr(rows, "collect"):
        rows = rows.collect()
    if hasattr(rows, "__arrow_c_stream__"):
        return _arrow_columns(pa.table(rows))
    if hasattr(rows, "__arrow_c_array__"):
        return _arrow_columns(pa.record_batch(rows))
    if isinstance(rows, np.ndarray) and rows.dtype.names:
        return {name: rows[name] for name in rows.dtype.names}
    if isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable):
        raise SchemaError(
            f"rows for table '{table}' are a dict of columns, dicts, a data frame or Arrow data, not {type(rows).__name__}"
        )
    return _pivot(list(rows), table, 0)


def _arrow_columns(data: pa.Table | pa.RecordBatch) -> dict[str, Any]:
    return _named_columns(data.schema.names, data.column)


def _named_columns(names: Iterable[Any], column: Callable[[int], Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for position, name in enumerate(names):
        if name in columns:
            raise SchemaError(f"column {str(name)!r} was given twice")
        columns[name] = column(position)
    return columns


def _pivot(rows: list[Any], table: str, first: int) -> dict[str, list[Any]]:
    """A list of dicts as a dict of lists; what a row leaves out is None."""
    columns: dict[str, list[Any]] = {}
    for position, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise SchemaError(f"row {first + position} for table '{table}' is {type(row).__name__}, not a dict")
        for name, value in row.items():
            column = columns.get(name)
            if column is None:
                column = columns[name] = [None] * position
            elif len(column) < position:
                column.extend([None] * (position - len(column)))
            column.append(value)
    for column in columns.values():
        column.extend([None] * (len(rows) - len(column)))
    return columns


def _to_batch(columns: dict[str, Any], schema: TableSchema, table: str, first: int = 0) -> pa.RecordBatch:
    names: list[str] = []
    arrays: list[pa.Array] = []
    for name, values in columns.items():
        column = schema.by_name.get(name)
        if column is None:
            raise unknown_column(table, name, schema.names)
        array = _convert(values, _values.Place(table, column, first))
        if arrays and len(array) != len(arrays[0]):
            raise InvalidArgumentError(
                f"column {name!r} has {len(array)} rows, but column {names[0]!r} has {len(arrays[0])}"
            )
        names.append(name)
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _convert(values: Any, place: _values.Place) -> pa.Array:
    if place.column.type == "bits":
        return _bits.to_arrow(values, place)
    if place.column.type == "vectors":
        return _vector_lists.to_arrow(values, place)
    if place.column.type == "sparse":
        return _sparse.to_arrow(values, place)
    return _vectors.to_arrow(values, place) if place.column.type == "vector" else _values.to_arrow(values, place)
