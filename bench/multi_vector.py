"""MaxSim over rows of several vectors: recall@10 and latency of searches beside brute force in NumPy.

python -m bench.multi_vector --rows 20000 --dims 128
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np
import numpy.typing as npt

import omendb

Floats = npt.NDArray[np.float32]
K = 10


def unit(vectors: Floats) -> Floats:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


class TokenSet:
    """Rows of about 30 tokens of six topics each, of 3,000 that belong to 100 themes; a row has topics of two themes. `noise`: how far
    tokens lie from their topics, whose length is 1. A query asks for the topics of a row with tokens of its own.
    """

    def __init__(self, rows: int, dims: int, noise: float, queries: int, query_tokens: int, seed: int) -> None:
        self._rng = rng = np.random.default_rng(seed)
        self._noise = noise / np.sqrt(dims)
        themes = unit(rng.standard_normal((100, dims)).astype(np.float32))
        theme_of = rng.integers(0, 100, 3000)
        self._topics = unit(unit(rng.standard_normal((3000, dims)).astype(np.float32)) + 0.7 * themes[theme_of])
        by_theme = [np.flatnonzero(theme_of == theme) for theme in range(100)]
        chosen = [rng.choice(np.concatenate([by_theme[t] for t in rng.integers(0, 100, 2)]), 6) for _ in range(rows)]
        self.rows = [self._tokens(topics, int(rng.integers(18, 43))) for topics in chosen]
        self.queries = [self._tokens(chosen[int(rng.integers(rows))], query_tokens) for _ in range(queries)]

    def _tokens(self, topics: npt.NDArray[np.int64], count: int) -> Floats:
        centers = self._topics[self._rng.choice(topics, count)]
        return unit(centers + self._noise * self._rng.standard_normal(centers.shape).astype(np.float32))


def brute_force(flat: Floats, starts: npt.NDArray[np.int64], query: Floats) -> npt.NDArray[np.int64]:
    scores = np.maximum.reduceat(flat @ query.T, starts, axis=0).sum(axis=1)
    return np.argpartition(-scores, K)[:K]


def timed(call: Any, queries: list[Floats]) -> tuple[list[Any], float]:
    """(answers, median in milliseconds)"""
    answers, times = [], []
    for query in queries:
        begin = time.perf_counter()
        answers.append(call(query))
        times.append(time.perf_counter() - begin)
    return answers, 1000 * statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--dims", type=int, default=128)
    parser.add_argument("--noise", type=float, default=1.0)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--query-tokens", type=int, default=32)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    tokens = TokenSet(
        options.rows, options.dims, options.noise, options.queries, options.query_tokens, options.seed
    )
    flat = np.concatenate(tokens.rows)
    starts = np.concatenate([[0], np.cumsum([len(row) for row in tokens.rows])[:-1]])
    true_best, numpy_ms = timed(lambda query: brute_force(flat, starts, query), tokens.queries)
    print(f"{options.rows} rows, {len(flat)} tokens of {options.dims} dimensions, noise {options.noise}")
    print(f"numpy brute force: p50 {numpy_ms:.2f} ms")

    docs = omendb.connect(":memory:").create_table(
        "docs", {"id": "int64 primary key", "tokens": omendb.vectors(options.dims)}
    )
    begin = time.perf_counter()
    for first in range(0, options.rows, 1000):
        part = tokens.rows[first : first + 1000]
        docs.insert({"id": np.arange(first, first + len(part)), "tokens": part})
    written = time.perf_counter()
    docs._wait_for_index()
    print(f"insert {written - begin:.1f} s, linked after another {time.perf_counter() - written:.1f} s")
    for name, more in (
        ("exact", {"exact": True}),
        ("recall 0.9", {"recall": 0.9}),
        ("default", {}),
        ("recall 0.99", {"recall": 0.99}),
        ("ef 100", {"ef": 100}),
        ("ef 1000", {"ef": 1000}),
    ):
        found, p50 = timed(lambda query, more=more: docs.search(vectors=query, k=K, **more), tokens.queries)
        recall = np.mean([len(set(best) & set(hits.ids.tolist())) / K for best, hits in zip(true_best, found, strict=True)])
        print(f"{name}: recall@10 {recall:.4f}, p50 {p50:.2f} ms")


if __name__ == "__main__":
    main()
