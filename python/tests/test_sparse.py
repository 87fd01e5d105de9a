"""Sparse vectors from Python: beside scipy's products of the same matrix, in every form that values have."""

import math
import pathlib
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

import omendb

SEEDS = [1, 2, 3]
ROWS = 700
DIMS = 400


def random_matrix(rng: np.random.Generator, rows: int = ROWS) -> scipy.sparse.csr_matrix:
    """Rows of up to 30 weights, small indices in most of them."""
    parts = []
    for _ in range(rows):
        indices = np.unique((DIMS * rng.random(rng.integers(0, 30)) ** 2).astype(int))
        row = np.zeros(DIMS, np.float32)
        row[indices] = rng.choice([0.5, 1, 2, -1, 0.3333], len(indices))
        parts.append(row)
    return scipy.sparse.csr_matrix(np.array(parts, np.float32))


def table_of(matrix: Any, more: dict[str, Any] | None = None) -> omendb.Table:
    db = omendb.connect(":memory:")
    docs = db.create_table("docs", {"id": "int64 primary key", "n": "int64", "s": omendb.sparse()})
    docs.insert({"id": np.arange(matrix.shape[0]), "n": np.arange(matrix.shape[0]) % 10, "s": matrix, **(more or {})})
    return docs


def brute_force(matrix: Any, query: dict[int, float], passing: np.ndarray[Any, Any], k: int) -> list[tuple[int, float]]:
    """(row, score) of the k best, ties by row; in float64, added up from the lowest index as the engine does."""
    dense = matrix.toarray().astype(np.float64)
    scored = []
    for row in np.flatnonzero(passing):
        shared = [index for index in sorted(query) if dense[row, index] != 0]
        if shared:
            score = 0.0
            for index in shared:
                score += float(np.float32(query[index])) * dense[row, index]
            scored.append((int(row), float(np.float32(score))))
    return sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:k]


@pytest.mark.parametrize("seed", SEEDS)
def test_rankings_are_those_of_every_row(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = random_matrix(rng)
    docs = table_of(matrix)
    numbers = np.arange(ROWS) % 10
    for _ in range(10):
        chosen = (DIMS * rng.random(8) ** 2).astype(int)
        query = {int(index): float(weight) for index, weight in zip(chosen, rng.normal(size=8), strict=True)}
        hits = docs.search(sparse=query, k=20)
        assert list(zip(hits.ids.tolist(), hits.scores.tolist(), strict=True)) == brute_force(
            matrix, query, numbers >= 0, 20
        )
        some = docs.search(sparse=query, k=20, where="n = 3")
        assert list(zip(some.ids.tolist(), some.sparse_scores.tolist(), strict=True)) == brute_force(
            matrix, query, numbers == 3, 20
        )
    assert docs.search(sparse={}, k=3).ids.tolist() == []


def test_scores_are_scipys_products() -> None:
    matrix = random_matrix(np.random.default_rng(7))
    docs = table_of(matrix)
    query = np.zeros(DIMS, np.float32)
    query[[1, 5, 40, 200]] = [1, 2, 0.5, 3]
    products = matrix @ query
    hits = docs.search(sparse=(np.flatnonzero(query), query[query != 0]), k=ROWS)
    np.testing.assert_allclose(hits.scores, products[hits.ids], rtol=1e-6)
    assert set(np.flatnonzero(products).tolist()) <= set(hits.ids.tolist())


ROW = {3: 0.5, 17: -2.0, 4294967295: 1.0}
INDICES = np.array([17, 4294967295, 3], np.int64)
WEIGHTS = np.array([-2.0, 1.0, 0.5])
FORMS: list[Any] = [
    ROW,
    {np.uint32(index): np.float32(weight) for index, weight in ROW.items()},
    {**ROW, 5: 0.0},
    (INDICES, WEIGHTS),
    (INDICES.tolist(), WEIGHTS.tolist()),
    [(17, -2), (3, 0.5), (4294967295, 1)],
    [{"index": 17, "weight": -2.0}, {"index": 3, "weight": 0.5}, {"index": 4294967295, "weight": 1.0}],
    scipy.sparse.csr_matrix((WEIGHTS, ([0, 0, 0], INDICES)), shape=(1, 2**32)),
    scipy.sparse.coo_array((WEIGHTS, ([0, 0, 0], INDICES)), shape=(1, 2**32)),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: type(form).__name__)
def test_a_value_has_many_forms(form: Any) -> None:
    docs = omendb.connect(":memory:").create_table("docs", {"id": "int64 primary key", "s": "sparse"})
    docs.insert({"id": [1, 2, 3], "s": [form, None, {}]})
    docs.insert([{"id": 4, "s": form}, {"id": 5}])
    assert [row and row["s"] for row in docs.get([1, 2, 3, 4, 5])] == [ROW, None, {}, ROW, None]
    assert docs.search(sparse=form, k=5).scores.tolist() == [5.25, 5.25]


@pytest.mark.parametrize(
    "column",
    [
        scipy.sparse.csr_matrix(np.array([[0, 2, 0], [0, 0, 0], [1, 0, -3]], np.float32)),
        scipy.sparse.csc_array(np.array([[0, 2, 0], [0, 0, 0], [1, 0, -3]], np.float64)),
        scipy.sparse.csr_matrix(np.array([[9, 9, 9], [0, 2, 0], [0, 0, 0], [1, 0, -3]], np.float32))[1:],
        pa.array([[(1, 2.0)], [], [(2, -3.0), (0, 1.0)]], pa.map_(pa.uint32(), pa.float32())),
        pa.array([[(1, 2.0)], [], [(2, -3.0), (0, 1.0)]], pa.map_(pa.int64(), pa.float64())),
        pa.chunked_array(
            [
                pa.array([[{"term": 1, "w": 2.0}], []], pa.list_(pa.struct({"term": pa.int32(), "w": pa.float64()}))),
                pa.array([[{"term": 2, "w": -3}, {"term": 0, "w": 1}]], pa.list_(pa.struct({"term": pa.int32(), "w": pa.float64()}))),
            ]
        ),
        pd.Series([{1: 2.0}, {}, {2: -3.0, 0: 1.0}]),
        pl.Series([[{"i": 1, "w": 2.0}], [], [{"i": 2, "w": -3.0}, {"i": 0, "w": 1.0}]]),
    ],
    ids=lambda column: type(column).__name__,
)
def test_a_column_has_many_forms(column: Any) -> None:
    docs = omendb.connect(":memory:").create_table("docs", {"id": "int64 primary key", "s": "sparse"})
    docs.insert({"id": [1, 2, 3], "s": column})
    assert [row and row["s"] for row in docs.get([1, 2, 3])] == [{1: 2.0}, {}, {0: 1.0, 2: -3.0}]


def test_rows_come_out_of_arrow_and_go_in_again() -> None:
    docs = omendb.connect(":memory:").create_table("docs", {"id": "int64 primary key", "s": "sparse"})
    docs.insert({"id": [1, 2, 3], "s": [ROW, None, {}]})
    rows = docs.scan().read_all()
    kind = pa.large_list(pa.struct([pa.field("index", pa.uint32(), False), pa.field("weight", pa.float32(), False)]))
    assert rows.schema.field("s").type == kind
    assert rows.column("s").to_pylist()[1:] == [None, []]
    again = docs.database.create_table("again", docs.schema)
    again.insert(rows.slice(1))
    again.insert(rows.slice(0, 1))
    assert [row and row["s"] for row in again.get([1, 2, 3])] == [ROW, None, {}]
    hits = docs.search(sparse=ROW)
    assert hits.to_arrow().column("s").to_pylist() == rows.column("s").to_pylist()[:1]
    assert hits.to_list()[0]["s"] == ROW
    assert isinstance(hits.to_pandas(), pd.DataFrame)


def test_the_arrow_type_of_a_schema_may_be_a_map() -> None:
    schema = pa.schema({"id": pa.int64(), "s": pa.map_(pa.uint32(), pa.float32())})
    docs = omendb.connect(":memory:").create_table("docs", schema, primary_key="id")
    assert docs.schema.field("s").metadata[b"omendb.type"] == b"sparse"


def test_statements_change_what_is_found(tmp_path: pathlib.Path) -> None:
    with omendb.connect(str(tmp_path / "db")) as db:
        docs = db.create_table("docs", {"id": "string primary key", "s": omendb.sparse(), "n": "int64"})
        docs.insert([{"id": "a", "s": {1: 1.0}, "n": 1}, {"id": "b", "s": {1: 2.0, 2: 1.0}, "n": 2}, {"id": "c"}])
        assert docs.search(sparse={1: 1}).ids.tolist() == ["b", "a"]
        docs.update({"s": {1: 5.0}}, where="n = 1")
        assert docs.search(sparse={1: 1}).ids.tolist() == ["a", "b"]
        docs.upsert({"id": "c", "s": {2: 9.0}})
        before = docs.search(sparse={2: 1})
        docs.delete(["c"])
        assert docs.search(sparse={2: 1}).ids.tolist() == ["b"]
        assert before[0]["s"] == {2: 9.0}  # as it was when it was searched
        assert docs.count("s is null") == 0
        figures = docs.stats()
        assert figures["memory_bytes"]["sparse.s"] > 0
        db.check()
        db.backup(str(tmp_path / "copy"))
    for path in ("db", "copy"):
        with omendb.connect(str(tmp_path / path)) as db:
            assert db["docs"].search(sparse={1: 1}).ids.tolist() == ["a", "b"]
            db.check()


def three_modalities() -> omendb.Table:
    rng = np.random.default_rng(9)
    docs = omendb.connect(":memory:").create_table(
        "docs",
        {"id": "int64 primary key", "body": omendb.text("simple"), "v": omendb.vector(4), "s": "sparse", "n": "int64"},
    )
    docs.insert(
        {
            "id": np.arange(200),
            "body": [f"w{number}" for number in rng.integers(0, 7, 200)],
            "v": rng.normal(size=(200, 4)).astype(np.float32),
            "s": random_matrix(rng, 200),
            "n": rng.integers(0, 5, 200),
        }
    )
    return docs


def test_all_three_are_fused() -> None:
    docs = three_modalities()
    vector, sparse = np.zeros(4, np.float32), {0: 1.0, 1: 1.0, 2: 2.0}
    hits = docs.search(vector, text="w3", sparse=sparse, k=10)
    assert len(hits) == 10
    hit = hits[0]
    assert not math.isnan(hit.distance)
    assert hit.sparse_score == hits.sparse_scores[0]
    assert hit.text_score == hits.text_scores[0]
    alone = docs.search(sparse=sparse, k=10)
    weighted = docs.search(vector, text="w3", sparse=sparse, k=10, fuse={"sparse": 1})
    assert weighted.sparse_scores.tolist() == alone.scores.tolist()
    assert "sparse" in docs.explain(vector, text="w3", sparse=sparse)
    assert "all lists become one" in docs.explain(vector, text="w3", sparse=sparse, analyze=True)
    both = docs.search(text="w3", sparse=sparse, fuse={"text": 0.3, "sparse": 0.7})
    assert np.isnan(both.distances).all()
    filtered = docs.search(text="w3", sparse=sparse, fuse="filter", k=200)
    assert {row["body"] for row in filtered.to_list()} == {"w3"}
    assert filtered.scores.tolist() == filtered.sparse_scores.tolist()


def test_what_goes_for_all_hits_goes_for_these() -> None:
    docs = three_modalities()
    sparse = {0: 1.0, 1: 1.0, 2: 2.0}
    hits = docs.search(sparse=sparse, k=20)
    assert docs.search(sparse=sparse, k=5, offset=3).ids.tolist() == hits.ids[3:8].tolist()
    enough = docs.search(sparse=sparse, k=200, min_score=float(hits.scores[9]))
    assert enough.ids[:10].tolist() == hits.ids[:10].tolist()
    groups = docs.search(sparse=sparse, k=5, group_by="n", select=["n"])
    assert len({hit["n"] for hit in groups}) == len(groups) == 5
    turned = docs.search(sparse=sparse, k=3, rerank=lambda found: -found.sparse_scores)
    assert turned.sparse_scores.tolist() == sorted(turned.sparse_scores.tolist())
    assert "score=" in repr(hits[0])
    with pytest.raises(omendb.QueryError, match="sparse_scores are of a search with sparse="):
        _ = docs.search(text="w3").sparse_scores


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": 1.0}, "row 1: indices are integers of 0 to 4294967295, not <U1"),
        ({1.5: 1.0}, "row 1: indices are integers of 0 to 4294967295, not float64"),
        ({-1: 1.0}, "row 1: indices are integers of 0 to 4294967295, not -1"),
        ({1 << 32: 1.0}, "row 1: indices are integers of 0 to 4294967295, not 4294967296"),
        ({1: "x"}, "row 1: weights are numbers, not <U1"),
        ({1: None}, "row 1: weights are numbers, not NoneType"),
        ({1: math.nan}, "row 1: the weight of index 1 is nan"),
        ({1: 1e300}, "row 1: the weight of index 1 is inf"),
        (([1, 1], [1.0, 2.0]), "row 1: index 1 stands twice"),
        (([1, 2], [1.0]), "row 1: indices of shape (2,) and weights of shape (1,) make no pairs"),
        (7, "row 1: a sparse vector is a dict"),
        ("x", "row 1: a sparse vector is a dict"),
        (scipy.sparse.csr_matrix((2, 5)), "row 1: one row of a matrix is needed, not 2"),
        ((np.arange(65_537), np.ones(65_537)), "row 1: 65537 pairs; a sparse vector holds at most 65536"),
    ],
)
def test_values_that_can_not_be_name_their_row(value: Any, words: str) -> None:
    docs = omendb.connect(":memory:").create_table("docs", {"id": "int64 primary key", "s": "sparse"})
    with pytest.raises(omendb.Error) as failure:
        docs.insert({"id": [1, 2], "s": [{1: 1.0}, value]})
    assert words in str(failure.value)
    assert "column 's' of table 'docs'" in str(failure.value)
    assert len(docs) == 0


def test_searches_that_are_wrong_say_why() -> None:
    docs = three_modalities()
    for arguments, words in (
        ({"sparse": 7}, "sparse: a sparse vector is a dict"),
        ({"sparse": {"a": 1}}, "sparse: indices are integers"),
        ({"sparse": ([1, 1], [1, 2])}, "index 1 stands twice in the sparse vector"),
        ({"sparse": {1: math.nan}}, "the weight of index 1 in the sparse vector is nan"),
        ({"sparse": {1: 1.0}, "sparse_column": "v"}, "no sparse column 'v'"),
        ({"sparse": {1: 1.0}, "sparse_column": 3}, "sparse_column is the name of a column"),
        ({"text": "w1", "sparse_column": "s"}, "sparse_column= goes with sparse="),
        ({"sparse": {1: 1.0}, "radius": 1.0}, "a radius goes with a vector"),
        ({"sparse": {1: 1.0}, "fuse": "filter"}, "fuse by filter goes with a text"),
        ({"vector": np.zeros((2, 4), np.float32), "sparse": {1: 1.0}}, "a sparse vector goes with one vector"),
    ):
        with pytest.raises(omendb.Error) as failure:
            docs.search(**arguments)
        assert words in str(failure.value)
    with pytest.raises(omendb.SchemaError, match="is sparse, but"):
        docs.upsert({"id": [1], "s": pa.array(["x"])})
    two = docs.database.create_table("two", {"id": "int64 primary key", "a": "sparse", "b": "sparse"})
    with pytest.raises(omendb.SchemaError, match="several columns of sparse vectors"):
        two.search(sparse={1: 1.0})
    assert len(two.search(sparse={1: 1.0}, sparse_column="b")) == 0
