"""Searches by sparse vector beside SciPy, which multiplies the whole matrix with the query.

    python -m bench.sparse [--rows N] [--queries N] [--rounds N]

Vectors as SPLADE makes them in shape: about 120 weights of 30,000 indexes, the indexes by Zipf's law, queries of about 30, from a
seed. OmenDB and `matrix @ query` (with the ten best by argpartition) take turns, query by query, on one thread; every answer
is compared. Figures are of processor time. The second kind of queries leaves out the 200 most frequent indexes, as pruned vocabularies do.
"""

import argparse
import sys
import time

import numpy as np
import scipy.sparse

import omendb

DIMS = 30_000
ROW_PAIRS = 120
QUERY_PAIRS = 30
FREQUENT = 200
K = 10


def zipf_indexes(rng, count, first=0):
    """`count` different indexes, index i with a chance of about 1 / (i + 10)."""
    found = np.unique((10 * ((DIMS + 10) / 10) ** rng.random(3 * count) - 10).astype(np.int64))
    found = found[(found >= first) & (found < DIMS)]
    return rng.permutation(found)[:count]


def matrix_of(rng, rows):
    indexes = [np.sort(zipf_indexes(rng, max(1, int(rng.normal(ROW_PAIRS, 25))))) for _ in range(rows)]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in indexes])])
    weights = rng.gamma(2.0, 0.4, offsets[-1]).astype(np.float32) + np.float32(0.01)
    return scipy.sparse.csr_matrix((weights, np.concatenate(indexes), offsets), shape=(rows, DIMS))


def queries_of(rng, count, first):
    for _ in range(count):
        indexes = zipf_indexes(rng, QUERY_PAIRS, first)
        yield indexes, rng.gamma(2.0, 0.4, len(indexes)).astype(np.float32)


def by_scipy(matrix, indexes, weights):
    query = np.zeros(DIMS, np.float32)
    query[indexes] = weights
    products = matrix @ query
    best = np.argpartition(-products, K)[:K]
    return best[np.argsort(-products[best], kind="stable")], products


def measured(table, matrix, queries):
    """Seconds of processor time of each query: ours, SciPy's. Both work on the thread that asks."""
    ours, theirs = [], []
    for indexes, weights in queries:
        began = time.thread_time()
        hits = table.search(sparse=(indexes, weights), k=K)
        between = time.thread_time()
        best, products = by_scipy(matrix, indexes, weights)
        theirs.append(time.thread_time() - between)
        ours.append(between - began)
        np.testing.assert_allclose(hits.scores, products[best], rtol=1e-4)
    return np.array(ours), np.array(theirs)


def print_figures(name, seconds):
    p50, p99 = np.percentile(seconds * 1e3, [50, 99])
    print(f"  {name:8} p50 {p50:8.3f} ms   p99 {p99:8.3f} ms   {len(seconds) / seconds.sum():6.0f} a second", flush=True)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(1)
    matrix = matrix_of(rng, options.rows)
    print(f"{options.rows:,} rows, {matrix.nnz / options.rows:.0f} weights a row, the most frequent index in "
          f"{np.bincount(matrix.indices).max() / options.rows:.0%} of them", flush=True)
    table = omendb.connect(":memory:").create_table("t", {"id": "int64 primary key", "s": omendb.sparse()})
    began, began_cpu = time.perf_counter(), time.process_time()
    for first in range(0, options.rows, 10_000):
        part = matrix[first : first + 10_000]
        table.insert({"id": np.arange(first, first + part.shape[0]), "s": part})
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    print(f"insert: {options.rows / seconds:,.0f} rows/s, {options.rows / cpu:,.0f} a second of processor time")
    table.database.checkpoint()
    print(f"index: {table.stats()['disk_bytes']['sparse.s'] / matrix.nnz:.2f} bytes a weight")
    for name, first in (("all indexes", 0), (f"without the {FREQUENT} most frequent", FREQUENT)):
        rounds = [
            measured(table, matrix, queries_of(np.random.default_rng(seed), options.queries, first))
            for seed in range(options.rounds)
        ]
        ours, theirs = (np.concatenate(part) for part in zip(*rounds, strict=True))
        ratio = np.median([np.median(one) / np.median(other) for one, other in rounds])
        print(f"queries of {QUERY_PAIRS} indexes, {name}: {ratio:.2f} times the time of SciPy (median of rounds)")
        print_figures("omendb", ours)
        print_figures("scipy", theirs)


if __name__ == "__main__":
    main(sys.argv[1:])
