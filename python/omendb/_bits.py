"""Vectors of bits as users have them -> rows of whole bytes, as NumPy's packbits makes them: the first bit is the most
significant one of the first byte. What is packed already is not copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from . import _omendb
from ._errors import QueryError, SchemaError
from ._vectors import as_numpy, storage_of

if TYPE_CHECKING:
    from ._values import Place

Bytes = npt.NDArray[np.uint8]


def row_bytes(dims: int) -> int:
    return (dims + 7) // 8


def to_query(query: Any, column: _omendb.Column) -> Bytes:
    """One row of bits or several (two dimensions), packed. QueryError for anything else."""
    if query is None:
        raise QueryError("search needs a vector, as in table.search(numpy.packbits(bits), k=10), or text= or query=")
    try:
        array = np.frombuffer(query, np.uint8) if isinstance(query, (bytes, bytearray)) else as_numpy(query)
        return _packed(array, column.dims, (1, 2))
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise QueryError(f"the query is not rows of bits: {error}") from None


def to_arrow(values: Any, place: Place) -> pa.Array:
    """A column of bits as fixed-size binary. Errors name column and row."""
    from ._values import one_chunk, plain

    arrow = any(hasattr(values, protocol) for protocol in ("__arrow_c_array__", "__arrow_c_stream__"))
    if not arrow and hasattr(values, "__array_interface__"):
        values = np.asarray(values)
        if values.dtype != object:
            return _from_numpy(values, place)
        values = values.tolist()
    array = plain(values, place)
    if isinstance(array, list):
        return _from_list(array, place)
    return _from_arrow(one_chunk(array), place)


def _packed(array: npt.NDArray[Any], dims: int, axes: tuple[int, ...]) -> Bytes:
    """ValueError for what is neither bits nor packed bits of `dims`."""
    wanted = f"{dims} bools or {row_bytes(dims)} uint8 (numpy.packbits) a row"
    if array.dtype not in (np.bool_, np.uint8) or array.ndim not in axes:
        raise ValueError(f"{wanted} are needed, not {array.dtype} of shape {array.shape}")
    if array.shape[-1] != (dims if array.dtype == np.bool_ else row_bytes(dims)):
        raise ValueError(f"{wanted} are needed, not {array.shape[-1]} {array.dtype}")
    return np.require(np.packbits(array, axis=-1) if array.dtype == np.bool_ else array, requirements=["C", "A"])


def _from_numpy(values: npt.NDArray[Any], place: Place) -> pa.Array:
    try:
        return _fixed(_packed(values, place.column.dims, (2,)), place)
    except ValueError as error:
        raise place.schema_error(str(error)) from None


def _fixed(packed: Bytes, place: Place, valid: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    kind = pa.binary(row_bytes(place.column.dims))
    validity = None if valid is None or valid.all() else pa.array(valid).buffers()[1]
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(packed), [validity, pa.py_buffer(packed.reshape(-1))])


def _from_list(values: list[Any], place: Place) -> pa.Array:
    packed = np.zeros((len(values), row_bytes(place.column.dims)), dtype=np.uint8)
    valid = np.ones(len(values), dtype=np.bool_)
    for row, value in enumerate(values):
        if value is None:
            valid[row] = False
            continue
        try:
            array = np.frombuffer(value, np.uint8) if isinstance(value, (bytes, bytearray)) else as_numpy(value)
            packed[row] = _packed(array, place.column.dims, (1,))
        except (TypeError, ValueError, RuntimeError, BufferError) as error:
            raise place.value_error(row, str(error)) from None
    return _fixed(packed, place, valid)


def _from_arrow(array: pa.Array, place: Place) -> pa.Array:
    array = storage_of(array)
    if pa.types.is_null(array.type):
        return array
    kind = pa.binary(row_bytes(place.column.dims))
    if array.type == kind:
        return array
    if pa.types.is_fixed_size_binary(array.type):
        raise SchemaError(
            str(place.schema_error(f"holds {kind.byte_width} bytes a row, but {array.type.byte_width} were given"))
        )
    if pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type) or pa.types.is_nested(array.type):
        return _from_list(array.to_pylist(), place)
    raise place.schema_error(f"is bits, but values of Arrow type {array.type} were given")
