"""A condition and its parameters as users have them -> as the engine takes them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _omendb
from ._errors import QueryError

Params = Sequence[Any] | Mapping[str, Any]
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


def to_where(where: str | None, params: Params | None) -> tuple[str | None, list[Any] | dict[str, Any] | None]:
    """(condition, parameters). QueryError for what is neither, or for values that no column has."""
    if where is None:
        if params is not None:
            raise QueryError("params= has values for a condition, but there is no where=")
        return None, None
    if not isinstance(where, str):
        raise QueryError(f"where is a condition in a str, not {type(where).__name__}")
    _check_text(where, "where")
    if params is None:
        return where, None
    if isinstance(params, Mapping):
        if not all(isinstance(name, str) for name in params):
            raise QueryError("params= is a list of the values of ?, or a dict of those of :name")
        for name in params:
            _check_text(name, "the name of a parameter")
        return where, {name: _to_value(value, f":{name}") for name, value in params.items()}
    if isinstance(params, (str, bytes)) or not isinstance(params, Iterable):
        raise QueryError(f"params= is a list or a dict of values, not {type(params).__name__}")
    return where, [_to_value(value, f"question mark {place}") for place, value in enumerate(params, 1)]


def _check_text(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise QueryError(f"{what} has half of a character (a lone surrogate): {text[:60]!a}") from None


def _to_value(value: Any, place: str, inside: bool = False) -> Any:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (np.datetime64, datetime.datetime, datetime.date)):
        return _to_timestamp(value, place)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        _check_text(value, f"the value of {place}")
    if value is None or isinstance(value, (bool, float, str)):
        return value
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise QueryError(f"the value of {place} leaves the range of 64 bits: {value}")
        return value
    if hasattr(value, "to_pylist"):  # of Arrow
        value = value.to_pylist()
    if inside or isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        raise QueryError(f"the value of {place} is a {type(value).__name__}; conditions know no such thing")
    return [_to_value(item, place, inside=True) for item in value]


def _to_timestamp(value: Any, place: str) -> Any:
    if isinstance(value, np.datetime64):
        if np.isnat(value):
            return None
        return _omendb.Timestamp(int(value.astype("datetime64[us]").astype(np.int64)))
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    if value.tzinfo is None:
        value = value.replace(tzinfo=datetime.UTC)
    return _omendb.Timestamp((value - _EPOCH) // _MICROSECOND)
