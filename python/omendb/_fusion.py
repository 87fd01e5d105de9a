"""Which weights of vector and text find most of what is known to be relevant."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

from ._errors import QueryError

if TYPE_CHECKING:
    from ._table import Table

STEPS = 20  # weights are multiples of a twentieth


@dataclass(frozen=True)
class TunedFusion:
    """What `tune_fusion` found: `fuse` is for `search(fuse=)`. The figures are means of nDCG at k over all questions, 0 to
    1: with these weights, with the default fusion, by the vector alone, by the text alone.
    """

    fuse: dict[str, float]
    ndcg: float
    ndcg_default: float
    ndcg_vector: float
    ndcg_text: float
    question_count: int


def tune_fusion(table: Table, questions: Iterable[Any], *, k: int = 10, **search: Any) -> TunedFusion:
    """The weights of vector and text with which fused searches answer `questions` best.

    Of each question `(vector, text, relevant)`, where `relevant` are the keys of rows that should be found, or
    `{key: grade}` with larger grades for better rows. All are searched with 21 pairs of weights, from the text alone to
    the vector alone; of equally good ones those nearest to equal weights are taken. Other arguments go to `search`:
    `where`, `params`, `text_columns`, `column`, ... Fifty questions or more, like those that will be asked, are a good
    number; of a handful the weights fit these alone. Takes 21 searches a question. QueryError for what does not fit.
    """
    judged = [_checked(number, question) for number, question in enumerate(questions)]
    if not judged:
        raise QueryError("tune_fusion needs questions, and there are none")
    for name in ("text", "query", "sparse", "fuse", "vector", "rerank"):
        if name in search:
            raise QueryError(f"tune_fusion has no {name}=: it chooses the weights for the vectors and texts of the questions")

    def quality(share: float) -> float:
        fuse = {"vector": share, "text": round(1 - share, 2)}
        found = [table.search(vector, k, text=text, fuse=fuse, **search) for vector, text, _ in judged]
        gains = [_ndcg(hits.ids.tolist(), grades, k) for hits, (_, _, grades) in zip(found, judged, strict=True)]
        return sum(gains) / len(gains)

    measured = {round(step / STEPS, 2): quality(round(step / STEPS, 2)) for step in range(STEPS + 1)}
    best = max(measured, key=lambda share: (measured[share], -abs(share - 0.5)))
    return TunedFusion(
        {"vector": best, "text": round(1 - best, 2)}, measured[best], measured[0.5], measured[1.0], measured[0.0], len(judged)
    )


def _checked(number: int, question: Any) -> tuple[Any, str, dict[Any, float]]:
    try:
        vector, text, relevant = question
    except (TypeError, ValueError):
        raise QueryError(f"question {number} is no (vector, text, relevant)") from None
    if not isinstance(text, str):
        raise QueryError(f"the text of question {number} is a str, not {type(text).__name__}")
    try:
        grades: dict[Any, float] = dict(relevant) if isinstance(relevant, Mapping) else dict.fromkeys(relevant, 1)
    except TypeError:
        grades = {}
    if isinstance(relevant, str) or not grades:
        raise QueryError(f"what is relevant to question {number} is a list of keys or {{key: grade}}, not {relevant!r}")
    for key, grade in grades.items():
        if isinstance(grade, bool) or not isinstance(grade, Real) or not 0 <= grade < math.inf:
            raise QueryError(f"question {number}: the grade of {key!r} is a number from 0, not {grade!r}")
    if not any(grades.values()):
        raise QueryError(f"nothing is relevant to question {number}: leave it out")
    return vector, text, grades


def _ndcg(found: list[Any], grades: dict[Any, float], k: int) -> float:
    """Discounted cumulative gain of what was found, over that of the best order (Järvelin, Kekäläinen 2002)."""
    gained = sum(grades.get(key, 0) / math.log2(place + 2) for place, key in enumerate(found))
    ideal = sum(grade / math.log2(place + 2) for place, grade in enumerate(sorted(grades.values(), reverse=True)[:k]))
    return gained / ideal
