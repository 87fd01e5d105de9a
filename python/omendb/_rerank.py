"""Hits in the order of somebody else's scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ._errors import QueryError
from ._hits import Hits, HitsList
from ._text import HITS_MAX, is_integer, to_count, to_number

Rerank = Callable[[Hits], Iterable[float]]
ASKED_MIN = 50


class Reranking:
    """Which hits are asked for, and which of them remain. QueryError for what does not fit."""

    def __init__(self, rerank: Rerank, count: Any, offset: int | None, min_score: float | None) -> None:
        if not is_integer(count) or not 1 <= count <= HITS_MAX:
            raise QueryError(f"k is an integer of 1 to {HITS_MAX}, not {count!r}")
        self._rerank = rerank
        self._count = count
        self._offset = to_count(offset, "offset")
        self._min_score = None if min_score is None else to_number(min_score, "min_score")
        self.asked = min(HITS_MAX, max(4 * (count + self._offset), ASKED_MIN))

    def of(self, found: Hits | HitsList) -> Hits:
        if not isinstance(found, Hits):
            raise QueryError("rerank= takes the hits of one query; search for one vector at a time")
        scores = np.asarray(list(self._rerank(found)), dtype=np.float32)
        if scores.shape != (len(found),):
            raise QueryError(f"rerank returned {scores.size} scores for {len(found)} hits")
        if np.isnan(scores).any():
            raise QueryError(f"rerank returned NaN for hit {int(np.isnan(scores).argmax())}")
        order = np.argsort(-scores, kind="stable")[self._offset : self._offset + self._count]
        if self._min_score is not None:
            order = order[scores[order] >= self._min_score]
        return found._rearranged(order, scores[order])
