"""Vectors as users have them -> float32, C-contiguous, aligned. What is that already is not copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ._errors import QueryError, SchemaError
from ._schema import is_list

if TYPE_CHECKING:
    from ._values import Place

Floats = npt.NDArray[np.float32]


def to_float32(values: npt.NDArray[Any]) -> Floats:
    """As the engine takes it. Numbers beyond float32 become infinite, which the engine refuses by name."""
    with np.errstate(over="ignore"):
        return np.require(values, dtype=np.float32, requirements=["C", "A"])


def to_query(query: Any) -> Floats:
    """One query vector or several (rows of two dimensions). QueryError for anything else."""
    if query is None:
        raise QueryError("search needs a vector, as in table.search([0.1, 0.2, ...], k=10), or text= or query=")
    try:
        array = _arrow_to_numpy(query) if isinstance(query, (pa.Array, pa.ChunkedArray)) else as_numpy(query)
    except (TypeError, ValueError, RuntimeError, BufferError, pa.ArrowException) as error:
        raise QueryError(f"the query is not an array of numbers: {error}") from None
    if array.dtype.kind not in "fiu" or array.ndim not in (1, 2):
        raise QueryError(
            f"the query is one vector or a two-dimensional array of vectors of numbers, not {array.dtype} of shape {array.shape}"
        )
    return to_float32(array)


def as_numpy(values: Any) -> npt.NDArray[Any]:
    """A NumPy array of anything array-like, by DLPack where nothing else is offered."""
    if (
        hasattr(values, "__dlpack__")
        and not hasattr(values, "__array__")
        and not hasattr(values, "__array_interface__")
    ):
        return np.from_dlpack(values)
    return np.asarray(values)


def storage_of(array: pa.Array) -> pa.Array:
    """What an array of an extension type holds; any other as it is."""
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _arrow_to_numpy(array: pa.Array | pa.ChunkedArray) -> npt.NDArray[Any]:
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if array.null_count:
        raise ValueError("it holds nulls")
    if pa.types.is_fixed_size_list(array.type):
        return np.asarray(array.flatten()).reshape(len(array), array.type.list_size)
    return np.asarray(array.to_pylist() if is_list(array.type) else array)


def to_arrow(values: Any, place: Place) -> pa.Array:
    """A column of vectors as a fixed-size list of float32. Errors name column and row."""
    from ._values import one_chunk, plain

    arrow = (
        isinstance(values, (pa.Array, pa.ChunkedArray))
        or hasattr(values, "__arrow_c_array__")
        or hasattr(values, "__arrow_c_stream__")
    )
    if (
        not arrow
        and any(hasattr(values, protocol) for protocol in ("__array_interface__", "__dlpack__"))
        or isinstance(values, memoryview)
    ):
        values = as_numpy(values)
    if isinstance(values, np.ndarray):
        if values.dtype != object:
            return _from_numpy(values, place)
        values = values.tolist()
    array = plain(values, place)
    if isinstance(array, list):
        return _from_list(array, place)
    return _from_arrow(one_chunk(array), place)


def _from_numpy(values: npt.NDArray[Any], place: Place) -> pa.Array:
    if values.dtype.kind not in "fiu":
        raise place.schema_error(f"is vector, but an array of {values.dtype} was given")
    if values.ndim != 2:
        raise place.schema_error(
            f"an array of two dimensions (rows x {place.column.dims}) is needed, not of shape {values.shape}"
        )
    _check_dims(values.shape[1], place)
    return _fixed(to_float32(values).reshape(-1), place)


def _fixed(flat: Floats, place: Place, nulls: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    mask = None if nulls is None else pa.array(nulls)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), place.column.dims, mask=mask)


def _check_dims(given: int, place: Place) -> None:
    if given != place.column.dims:
        raise place.schema_error(f"holds vectors of {place.column.dims} dimensions, but {given} were given")


def _from_list(values: list[Any], place: Place) -> pa.Array:
    if not values:
        return pa.array([], type=pa.list_(pa.float32(), place.column.dims))
    try:
        whole = np.asarray(values)
    except (TypeError, ValueError, RuntimeError):
        whole = None
    if whole is not None and whole.dtype.kind in "fiu" and whole.ndim == 2 and whole.shape[1] == place.column.dims:
        return _from_numpy(whole, place)
    flat = np.zeros((len(values), place.column.dims), dtype=np.float32)
    nulls = np.zeros(len(values), dtype=np.bool_)
    for row, value in enumerate(values):
        if value is None:
            nulls[row] = True
        else:
            flat[row] = _one_vector(value, row, place)
    return _fixed(flat.reshape(-1), place, nulls)


def _one_vector(value: Any, row: int, place: Place) -> Floats:
    try:
        vector = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise place.value_error(row, f"not a vector: {error}") from None
    if vector.dtype.kind not in "fiu" or vector.ndim != 1:
        given = (
            f"a list of {len(value)} with something else than numbers in it" if isinstance(value, list) else repr(value)
        )
        raise place.value_error(row, f"a vector is {place.column.dims} numbers, not {given}")
    if len(vector) != place.column.dims:
        raise SchemaError(
            str(
                place.value_error(row, f"holds vectors of {place.column.dims} dimensions, but {len(vector)} were given")
            )
        )
    return to_float32(vector)


def _from_arrow(array: pa.Array, place: Place) -> pa.Array:
    array = storage_of(array)
    if pa.types.is_null(array.type):
        return array
    fixed = pa.types.is_fixed_size_list(array.type)
    if not fixed and not is_list(array.type):
        raise place.schema_error(f"is vector, but values of Arrow type {array.type} were given")
    inner = array.type.value_type
    if not (pa.types.is_floating(inner) or pa.types.is_integer(inner)):
        raise place.schema_error(f"is vector, but lists of {inner} were given")
    if fixed:
        _check_dims(array.type.list_size, place)
        return array if inner == pa.float32() else array.cast(pa.list_(pa.float32(), place.column.dims), safe=False)
    return _from_lists(array, place)


def _from_lists(array: pa.Array, place: Place) -> pa.Array:
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(array), place.column.dims).to_numpy(zero_copy_only=False)
    wrong = np.flatnonzero(lengths != place.column.dims)
    if len(wrong):
        raise SchemaError(
            str(
                place.value_error(
                    int(wrong[0]),
                    f"holds vectors of {place.column.dims} dimensions, but {int(lengths[wrong[0]])} were given",
                )
            )
        )
    components = array.flatten()
    if components.null_count:
        row = int(np.flatnonzero(components.is_null().to_numpy(zero_copy_only=False))[0]) // place.column.dims
        present = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
        raise place.value_error(int(present[row]), "a component of the vector is null")
    floats = to_float32(components.to_numpy(zero_copy_only=False))
    if not array.null_count:
        return _fixed(floats, place)
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    flat = np.zeros((len(array), place.column.dims), dtype=np.float32)
    flat[valid] = floats.reshape(-1, place.column.dims)
    return _fixed(flat.reshape(-1), place, ~valid)
