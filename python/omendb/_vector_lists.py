"""Several vectors a row as users have them -> lists of fixed-size lists of float32; and queries of several vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from . import _omendb
from ._errors import QueryError, SchemaError
from ._schema import is_list
from ._vectors import Floats, as_numpy, storage_of, to_float32

if TYPE_CHECKING:
    from ._values import Place


def to_query(query: Any, column: _omendb.Column) -> tuple[Floats, list[int], bool]:
    """(all vectors, how many each query has, whether it is one query): of one query, an array of two dimensions (vectors
    x dims), or of several, a list of these or an array of three. QueryError for anything else.
    """
    several = isinstance(query, (list, tuple)) and len(query) > 0 and all(_ndim(part) == 2 for part in query)
    parts = list(query) if several else [query]
    if not several and _ndim(query) == 3:
        several, parts = True, list(as_numpy(query))
    arrays = [_one_query(part, column) for part in parts]
    return np.concatenate(arrays), [len(array) for array in arrays], not several


def _ndim(value: Any) -> int:
    """Of something array-like; 0 for what is not."""
    try:
        return as_numpy(value).ndim
    except (TypeError, ValueError, RuntimeError, BufferError):
        return 0


def _one_query(query: Any, column: _omendb.Column) -> Floats:
    try:
        array = as_numpy(query)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise QueryError(f"the query is not an array of numbers: {error}") from None
    if array.dtype.kind not in "fiu" or array.ndim != 2:
        raise QueryError(
            f"vectors= takes a query of several vectors, an array of two dimensions (vectors x {column.dims}), or a list of "
            f"queries, not {array.dtype} of shape {array.shape}"
        )
    if array.shape[1] != column.dims:
        raise QueryError(
            f"column '{column.name}' holds vectors of {column.dims} dimensions, but the query has {array.shape[1]}"
        )
    return to_float32(array)


def to_arrow(values: Any, place: Place) -> pa.Array:
    """A column of several vectors a row. Errors name column and row."""
    from ._values import one_chunk, plain

    if not isinstance(values, (list, tuple, pa.Array, pa.ChunkedArray)) and _is_array(values):
        values = as_numpy(values)
        if values.dtype != object:
            return _from_numpy(values, place)
        values = values.tolist()
    array = list(values) if isinstance(values, tuple) else plain(values, place)
    if isinstance(array, list):
        return _from_list(array, place)
    return _from_arrow(one_chunk(array), place)


def _is_array(values: Any) -> bool:
    protocols = ("__array_interface__", "__dlpack__")
    return isinstance(values, memoryview) or any(hasattr(values, protocol) for protocol in protocols)


def _from_numpy(values: npt.NDArray[Any], place: Place) -> pa.Array:
    if values.dtype.kind not in "fiu":
        raise place.schema_error(f"is vectors, but an array of {values.dtype} was given")
    if values.ndim != 3:
        raise place.schema_error(
            f"an array of three dimensions (rows x vectors x {place.column.dims}) is needed, not of shape {values.shape}"
        )
    _check_dims(values.shape[2], place)
    return _lists([values.shape[1]] * len(values), to_float32(values).reshape(-1), place)


def _check_dims(given: int, place: Place) -> None:
    if given != place.column.dims:
        raise place.schema_error(f"holds vectors of {place.column.dims} dimensions, but {given} were given")


def _lists(counts: Any, flat: Floats, place: Place, nulls: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]) if len(counts) else np.zeros(1, dtype=np.int64)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(flat), place.column.dims)
    mask = None if nulls is None else pa.array(nulls)
    return pa.LargeListArray.from_arrays(pa.array(offsets, type=pa.int64()), vectors, mask=mask)


def _from_list(values: list[Any], place: Place) -> pa.Array:
    none = np.zeros((0, place.column.dims), dtype=np.float32)
    rows = [none if value is None else _one_row(value, row, place) for row, value in enumerate(values)]
    nulls = np.array([value is None for value in values], dtype=np.bool_)
    flat = np.concatenate(rows).reshape(-1) if rows else none.reshape(-1)
    return _lists([len(row) for row in rows], flat, place, nulls if nulls.any() else None)


def _one_row(value: Any, row: int, place: Place) -> Floats:
    dims = place.column.dims
    try:
        array = as_numpy(value)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise place.value_error(row, f"not an array of vectors: {error}") from None
    if array.size == 0 and array.ndim == 1:
        return np.zeros((0, dims), dtype=np.float32)
    if array.dtype.kind not in "fiu" or array.ndim != 2:
        raise place.value_error(
            row, f"an array of two dimensions (vectors x {dims}) is needed, not {array.dtype} of shape {array.shape}"
        )
    if array.shape[1] != dims:
        problem = f"holds vectors of {dims} dimensions, but {array.shape[1]} were given"
        raise SchemaError(str(place.value_error(row, problem)))
    return to_float32(array)


def _from_arrow(array: pa.Array, place: Place) -> pa.Array:
    """Lists of lists of numbers, the inner ones of fixed size or not."""
    array = storage_of(array)
    if pa.types.is_null(array.type):
        return array
    if not (_is_any_list(array.type) and _is_any_list(array.type.value_type)):
        raise place.schema_error(f"is vectors, but values of Arrow type {array.type} were given")
    inner = array.type.value_type
    if not (pa.types.is_floating(inner.value_type) or pa.types.is_integer(inner.value_type)):
        raise place.schema_error(f"is vectors, but lists of lists of {inner.value_type} were given")
    if not pa.types.is_fixed_size_list(inner):
        return _from_list(array.to_pylist(), place)
    _check_dims(inner.list_size, place)
    return array.cast(pa.large_list(pa.list_(pa.float32(), place.column.dims)), safe=False)


def _is_any_list(kind: pa.DataType) -> bool:
    return is_list(kind) or bool(pa.types.is_fixed_size_list(kind))
