"""Sparse vectors as users have them -> as the engine takes them: pairs of an index and a weight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from . import _values
from ._errors import QueryError
from ._schema import SPARSE_ARROW, is_list

Pairs = tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]

_NONE: Pairs = (np.empty(0, np.uint32), np.empty(0, np.float32))


def to_arrow(values: Any, place: _values.Place) -> pa.Array:
    """A column of them as an array that the engine takes."""
    if _is_matrix(values):
        return _from_matrix(values, place)
    array = _values.plain(values, place)
    if isinstance(array, (pa.Array, pa.ChunkedArray)):
        return _from_arrow(_values.one_chunk(array), place)
    rows: list[Pairs | None] = []
    for row, value in enumerate(array):
        try:
            rows.append(None if value is None else to_pairs(value))
        except (TypeError, ValueError, OverflowError) as error:
            raise place.value_error(row, str(error)) from None
    known = [_NONE if pairs is None else pairs for pairs in rows]
    offsets = np.concatenate([[0], np.cumsum([len(indexes) for indexes, _ in known], dtype=np.int64)])
    nulls = np.array([pairs is None for pairs in rows], dtype=bool)
    indexes = np.concatenate([indexes for indexes, _ in known]) if known else _NONE[0]
    weights = np.concatenate([weights for _, weights in known]) if known else _NONE[1]
    return _lists(offsets, indexes, weights, nulls if nulls.any() else None)


def to_query(value: Any, column: str | None) -> tuple[list[int], list[float], str]:
    """What `search(sparse=)` looks for. QueryError for what is no sparse vector."""
    if column is not None and (not isinstance(column, str) or not column):
        raise QueryError(f"sparse_column is the name of a column, not {column!r}")
    try:
        indexes, weights = to_pairs(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise QueryError(f"sparse: {error}") from None
    return indexes.tolist(), weights.tolist(), column or ""


def to_pairs(value: Any) -> Pairs:
    """One of them: {index: weight}, (indices, weights), a row of a SciPy matrix, a list of pairs. TypeError or
    ValueError.
    """
    if isinstance(value, Mapping):
        return _checked(list(value.keys()), list(value.values()))
    if _is_matrix(value):
        matrix = _to_csr(value)
        if len(matrix.indptr) != 2:
            raise ValueError(f"one row of a matrix is needed, not {len(matrix.indptr) - 1}")
        return _checked(matrix.indices, matrix.data)
    if isinstance(value, tuple) and len(value) == 2:
        return _checked(value[0], value[1])
    if isinstance(value, list):
        pairs = [tuple(pair.values()) if isinstance(pair, Mapping) else pair for pair in value]
        if all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
            return _checked([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    raise TypeError(
        "a sparse vector is a dict {index: weight}, a tuple (indices, weights) or a row of a SciPy matrix, "
        f"not {type(value).__name__}"
    )


def _checked(indexes: Any, weights: Any) -> Pairs:
    indexes, weights = np.asarray(indexes), np.asarray(weights)
    if indexes.ndim != 1 or weights.ndim != 1 or len(indexes) != len(weights):
        raise ValueError(f"indices of shape {indexes.shape} and weights of shape {weights.shape} make no pairs")
    if not len(indexes):
        return _NONE
    if indexes.dtype.kind not in "iu":
        raise TypeError(f"indices are integers of 0 to {2**32 - 1}, not {_kind(indexes)}")
    if weights.dtype.kind not in "iuf":
        raise TypeError(f"weights are numbers, not {_kind(weights)}")
    if indexes.min() < 0 or indexes.max() >= 1 << 32:
        wrong = indexes.min() if indexes.min() < 0 else indexes.max()
        raise ValueError(f"indices are integers of 0 to {2**32 - 1}, not {wrong}")
    with np.errstate(over="ignore"):  # what is too large for a float32 is refused by the engine
        return indexes.astype(np.uint32, copy=False), weights.astype(np.float32, copy=False)


def _kind(values: npt.NDArray[Any]) -> str:
    if values.dtype != object:
        return str(values.dtype)
    return ", ".join(sorted({type(value).__name__ for value in values}))


def _is_matrix(value: Any) -> bool:
    return hasattr(value, "tocsr") or all(hasattr(value, name) for name in ("indptr", "indices", "data"))


def _to_csr(value: Any) -> Any:
    return value.tocsr() if hasattr(value, "tocsr") else value


def _from_matrix(value: Any, place: _values.Place) -> pa.Array:
    matrix = _to_csr(value)
    offsets = np.asarray(matrix.indptr, dtype=np.int64)
    begin, end = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
    try:
        indexes, weights = _checked(matrix.indices[begin:end], matrix.data[begin:end])
    except (TypeError, ValueError) as error:
        raise place.schema_error(str(error)) from None
    return _lists(offsets - begin, indexes, weights, None)


def _lists(
    offsets: npt.NDArray[np.int64],
    indexes: npt.NDArray[np.uint32],
    weights: npt.NDArray[np.float32],
    nulls: npt.NDArray[np.bool_] | None,
) -> pa.Array:
    pairs = pa.StructArray.from_arrays(
        [pa.array(indexes, pa.uint32()), pa.array(weights, pa.float32())], fields=list(SPARSE_ARROW.value_type)
    )
    mask = None if nulls is None else pa.array(nulls)
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pairs, mask=mask)


def _from_arrow(array: pa.Array, place: _values.Place) -> pa.Array:
    """Maps from integers to numbers, and lists of structs of the two, whatever their names."""
    kind = array.type
    if pa.types.is_null(kind) or kind == SPARSE_ARROW:
        return array
    of_structs = is_list(kind) and pa.types.is_struct(kind.value_type) and kind.value_type.num_fields == 2
    if not pa.types.is_map(kind) and not of_structs:
        raise place.wrong_type(f"values of Arrow type {kind}")
    members = (kind.key_type, kind.item_type) if pa.types.is_map(kind) else [field.type for field in kind.value_type]
    if not pa.types.is_integer(members[0]) or not (pa.types.is_floating(members[1]) or pa.types.is_integer(members[1])):
        raise place.wrong_type(f"pairs of {members[0]} and {members[1]}")
    return to_arrow(array.to_pylist(), place)
