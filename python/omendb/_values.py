"""One column of values as users have it -> one Arrow array of the column's type. Strict: nothing is guessed,
rounded or cut.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from . import _omendb
from ._errors import Error, InvalidArgumentError, SchemaError
from ._schema import is_list, is_string
from ._vectors import as_numpy, storage_of

_TIMESTAMP = pa.timestamp("us", tz="UTC")
_ARROW_ERRORS = (pa.ArrowException, ValueError, TypeError, OverflowError)  # UnicodeEncodeError is a ValueError


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a value stands, for messages. `first`: the number of the first row, where rows come in chunks."""

    table: str
    column: _omendb.Column
    first: int = 0

    def schema_error(self, problem: str) -> SchemaError:
        return SchemaError(f"column '{self.column.name}' of table '{self.table}': {problem}")

    def wrong_type(self, given: str) -> SchemaError:
        return self.schema_error(f"is {self.column.type}, but {given} were given")

    def value_error(self, row: int, problem: str) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"column '{self.column.name}' of table '{self.table}', row {self.first + row}: {problem}"
        )


def to_arrow(values: Any, place: Place) -> pa.Array:
    """The values as an array that the engine takes for this column, which is not a vector column."""
    array = plain(values, place)
    if not isinstance(array, (pa.Array, pa.ChunkedArray)):
        array = _from_objects(array, place)
    return _cast(one_chunk(array), place)


def plain(values: Any, place: Place) -> pa.Array | pa.ChunkedArray | list[Any]:
    """An Arrow array where the values have a typed form that becomes one without a copy, else the list of Python
    values.
    """
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    library = type(values).__module__.split(".")[0]
    if library == "pandas":  # its missing values, NaN among them, are nulls
        return _without_missing(values) if values.dtype == object else pa.array(values, from_pandas=True)
    if library == "polars" and hasattr(values, "to_arrow"):
        return values.to_arrow()
    if isinstance(values, np.ndarray):
        return _from_numpy(values, place)
    if hasattr(values, "__arrow_c_array__"):
        return pa.array(values)
    if hasattr(values, "__arrow_c_stream__"):
        return pa.chunked_array(values)
    if any(hasattr(values, protocol) for protocol in ("__array_interface__", "__dlpack__")) or isinstance(
        values, memoryview
    ):
        return _from_numpy(as_numpy(values), place)
    if isinstance(values, (str, bytes, dict)) or not isinstance(values, Iterable):
        raise place.schema_error(f"a list or an array of values is needed, not {type(values).__name__}")
    return list(values)


def _without_missing(values: Any) -> list[Any]:
    """The objects of a pandas series; NaN, NaT and NA, which it puts where a value is missing, become None."""
    import pandas

    return [None if pandas.api.types.is_scalar(value) and pandas.isna(value) else value for value in values]


def _from_numpy(values: np.ndarray[Any, Any], place: Place) -> pa.Array | list[Any]:
    if values.ndim != 1:
        if values.ndim == 2 and place.column.type in ("string[]", "json"):
            return values.tolist()
        raise place.schema_error(f"an array of one dimension is needed, not of {values.ndim}")
    if values.dtype == object:
        return values.tolist()
    if values.dtype.kind == "S":
        raise place.wrong_type("bytes")
    try:
        return pa.array(np.require(values, requirements=["A"]))
    except _ARROW_ERRORS:
        return values.tolist()


def _from_objects(values: list[Any], place: Place) -> pa.Array | pa.ChunkedArray:
    if place.column.type == "json":
        values = _dump_all(values, place)
    try:
        return pa.array(values, type=pa.large_string() if place.column.type == "json" else None)
    except _ARROW_ERRORS as error:
        raise _blame(values, place, lambda part: _cast(pa.array(part), place), error) from None


def _dump_all(values: list[Any], place: Place) -> list[Any]:
    """JSON text of every value. A str is JSON text already."""
    texts: list[Any] = []
    for row, value in enumerate(values):
        try:
            texts.append(
                value
                if value is None or isinstance(value, str)
                else json.dumps(_to_builtin(value), allow_nan=False, ensure_ascii=False)
            )
        except (TypeError, ValueError, RecursionError) as error:
            raise place.value_error(row, f"not JSON: {error}") from None
    return texts


def _to_builtin(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def one_chunk(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    if not isinstance(array, pa.ChunkedArray):
        return array
    if is_string(array.type) and array.num_chunks > 1:
        array = array.cast(pa.large_string())  # more than 2 GB of characters need it
    whole = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    return whole if isinstance(whole, pa.Array) else pa.concat_arrays(whole.chunks)


def _target(kind: pa.DataType, column_type: str) -> pa.DataType | None:
    """What an array of type `kind` is cast to for a column; None when such values do not belong there."""
    types = pa.types
    if types.is_null(kind):
        return kind
    if column_type == "bool":
        return kind if types.is_boolean(kind) else None
    if column_type == "int64":
        return pa.int64() if types.is_integer(kind) or types.is_floating(kind) else None
    if column_type == "float64":
        return pa.float64() if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) else None
    if column_type == "timestamp":
        return _TIMESTAMP if types.is_timestamp(kind) or types.is_date(kind) or is_string(kind) else None
    if column_type == "string[]":
        if not (is_list(kind) or types.is_fixed_size_list(kind)):
            return None
        inner = _target(kind.value_type, "string")
        return None if inner is None else pa.large_list(inner)
    return (kind if types.is_string(kind) else pa.large_string()) if is_string(kind) else None


def _cast(array: pa.Array, place: Place) -> pa.Array:
    array = storage_of(array)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if place.column.type == "json" and not is_string(array.type) and not pa.types.is_null(array.type):
        return pa.array(_dump_all(array.to_pylist(), place), type=pa.large_string())
    target = _target(array.type, place.column.type)
    if target is None:
        raise place.wrong_type(_words(array.type))
    if target == array.type:
        return array
    try:
        if place.column.type == "timestamp":
            return _to_timestamps(array)
        return array.cast(target)
    except _ARROW_ERRORS as error:
        raise _blame(array, place, lambda part: _cast_part(part, place), error) from None


def _cast_part(array: pa.Array, place: Place) -> pa.Array:
    target = _target(array.type, place.column.type)
    return _to_timestamps(array) if place.column.type == "timestamp" else array.cast(target)


def _to_timestamps(array: pa.Array) -> pa.Array:
    """Text is ISO 8601; times without a zone are UTC."""
    if pa.types.is_date(array.type):
        array = array.cast(pa.timestamp("us"))
    if not is_string(array.type):
        return array.cast(_TIMESTAMP)
    try:
        return array.cast(_TIMESTAMP)
    except pa.ArrowInvalid:
        return array.cast(pa.timestamp("us")).cast(_TIMESTAMP)


def _blame(values: Any, place: Place, convert: Callable[[Any], Any], whole: Exception) -> Error:
    """The error that names the first row whose value alone can not be converted; else the one of the whole column."""
    for row in range(len(values)):
        try:
            convert(values[row : row + 1])
        except SchemaError as error:
            return place.value_error(row, str(error).partition(": ")[2])
        except _ARROW_ERRORS as error:
            return place.value_error(row, _one_line(error))
    kinds = sorted({type(value).__name__ for value in values if value is not None}) if isinstance(values, list) else []
    if len(kinds) > 1:
        return place.schema_error(f"values of several types: {', '.join(kinds)}")
    return place.schema_error(_one_line(whole))


def _one_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def _words(kind: pa.DataType) -> str:
    types = pa.types
    for test, words in (
        (types.is_boolean, "booleans"),
        (types.is_integer, "integers"),
        (types.is_floating, "floating-point numbers"),
        (is_string, "strings"),
        (types.is_timestamp, "timestamps"),
        (types.is_date, "dates"),
        (types.is_binary, "bytes"),
        (types.is_struct, "dicts"),
    ):
        if test(kind):
            return words
    if is_list(kind) or types.is_fixed_size_list(kind):
        return f"lists of {_words(kind.value_type)}"
    return f"values of Arrow type {kind}"
