"""What to look for in texts and sparse vectors and how to fuse it with vectors, as users have it -> as the engine takes it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from . import _omendb, _sparse
from ._errors import QueryError

METHODS = ("distribution", "relative", "rrf", "filter")  # the first one is the default
HITS_MAX = 10_000  # of one query, those that offset= leaves out included

Fuse = str | Mapping[str, Any]
TextColumns = Mapping[str, float] | Iterable[str] | str


def to_text_search(
    text: str | None,
    query: str | None,
    text_columns: TextColumns | None,
    sparse: Any,
    sparse_column: str | None,
    fuse: Fuse | None,
    offset: int | None,
    min_score: float | None,
    group_by: str | None,
) -> _omendb.TextSearch:
    """QueryError for what does not fit."""
    if text is not None and query is not None:
        raise QueryError("text= takes plain words and query= phrases and operators: give one of them")
    without_text = text is None and query is None
    if without_text and text_columns is not None:
        raise QueryError("text_columns= goes with text= or query=")
    if without_text and sparse is None and fuse is not None:
        raise QueryError("fuse= goes with text=, query= or sparse=")
    if sparse is None and sparse_column is not None:
        raise QueryError("sparse_column= goes with sparse=")
    method, weights, candidates = _to_fusion(fuse)
    return _omendb.TextSearch(
        _to_words(text, "text"),
        _to_words(query, "query"),
        _to_weights(text_columns),
        None if sparse is None else _sparse.to_query(sparse, sparse_column),
        method,
        weights,
        candidates,
        to_count(offset, "offset"),
        None if min_score is None else to_number(min_score, "min_score"),
        _to_column(group_by),
    )


def _to_words(words: str | None, name: str) -> str | None:
    if words is None:
        return None
    if not isinstance(words, str):
        raise QueryError(f"{name} is a str, not {type(words).__name__}")
    return words.encode("utf-8", "replace").decode()  # half of a character can not stand in a text either


def is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def to_number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or math.isnan(value):
        raise QueryError(f"{name} is a number, not {value!r}")
    return float(value)


def _to_column(name: Any) -> str:
    if name is None:
        return ""
    if not isinstance(name, str) or not name:
        raise QueryError(f"group_by is the name of a column, not {name!r}")
    return name


def to_count(value: Any, name: str) -> int:
    if value is None:
        return 0
    if not is_integer(value) or not 0 <= value <= HITS_MAX:
        raise QueryError(f"{name} is an integer of 0 to {HITS_MAX}, not {value!r}")
    return int(value)


def _to_weights(columns: TextColumns | None) -> list[tuple[str, float]]:
    if columns is None:
        return []
    if isinstance(columns, str):
        return [(columns, 1.0)]
    named = columns.items() if isinstance(columns, Mapping) else [(name, 1.0) for name in columns]
    weights = []
    for name, weight in named:
        if not isinstance(name, str):
            raise QueryError(f"text_columns names columns, optionally with weights: {{'title': 2}}, not {name!r}")
        weights.append((name, to_number(weight, f"the weight of text column {name!r}")))
    if not weights:
        raise QueryError("text_columns is empty; leave it out to search every text column")
    return weights


_SEARCHES = ("vector", "text", "sparse")


def _to_fusion(fuse: Fuse | None) -> tuple[str, tuple[float, float, float], int]:
    """(method, weights of vector, text and sparse vector, candidates)."""
    if fuse is None:
        return METHODS[0], (1.0, 1.0, 1.0), 0
    if isinstance(fuse, str):
        return _to_method(fuse), (1.0, 1.0, 1.0), 0
    if not isinstance(fuse, Mapping):
        raise QueryError(f"fuse is one of {', '.join(METHODS)}, or a dict of weights, not {fuse!r}")
    unknown = [name for name in fuse if name not in (*_SEARCHES, "method", "candidates")]
    if unknown:
        raise QueryError(f"fuse has no {unknown[0]!r}: it takes 'vector', 'text', 'sparse', 'method' and 'candidates'")
    weighted = any(name in fuse for name in _SEARCHES)
    vector, text, sparse = (to_number(fuse.get(name, 0 if weighted else 1), f"fuse[{name!r}]") for name in _SEARCHES)
    method = _to_method(fuse.get("method", METHODS[0]))
    return method, (vector, text, sparse), to_count(fuse.get("candidates"), "fuse['candidates']")


def _to_method(name: Any) -> str:
    if name not in METHODS:
        raise QueryError(f"fuse is one of {', '.join(METHODS)}, or a dict of weights, not {name!r}")
    return str(name)


def snippet(text: str, ranges: list[tuple[int, int]], before: str, after: str, length: int) -> str:
    """About `length` characters of the text around as many of the words as fit, each between `before` and `after`;
    "" where there are none. `ranges`: bytes of the text in UTF-8, rising.
    """
    if not ranges:
        return ""
    encoded = text.encode()
    first, count = _densest(ranges, length)
    begin, end = _widen(encoded, ranges[first][0], ranges[first + count - 1][1], length)
    parts = ["..." if begin > 0 else ""]
    at = begin
    for word_begin, word_end in ranges:
        if word_begin < at or word_end > end:
            continue
        parts += [encoded[at:word_begin].decode(), before, encoded[word_begin:word_end].decode(), after]
        at = word_end
    parts += [encoded[at:end].decode(), "..." if end < len(encoded) else ""]
    return "".join(parts)


def _densest(ranges: list[tuple[int, int]], length: int) -> tuple[int, int]:
    """The first of the most words that fit into so many bytes, and how many they are; at least one."""
    best, most, last = 0, 1, 0
    for first in range(len(ranges)):
        last = max(last, first)
        while last + 1 < len(ranges) and ranges[last + 1][1] - ranges[first][0] <= length:
            last += 1
        if last - first + 1 > most:
            best, most = first, last - first + 1
    return best, most


def _widen(encoded: bytes, begin: int, end: int, length: int) -> tuple[int, int]:
    """As much again on both sides, ending between words where there is a gap near."""
    spare = max(0, length - (end - begin)) // 2
    begin, end = max(0, begin - spare), min(len(encoded), end + spare)
    while begin > 0 and encoded[begin] & 0xC0 == 0x80:  # inside of a character
        begin -= 1
    while end < len(encoded) and encoded[end] & 0xC0 == 0x80:
        end += 1
    if begin > 0 and 0 <= (gap := encoded.find(b" ", begin, begin + spare)):
        begin = gap + 1
    if end < len(encoded) and 0 <= (gap := encoded.rfind(b" ", end - spare, end)):
        end = gap
    return begin, end
