"""Columns of several vectors a row: in, out, and searches beside brute force in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import omendb
from omendb import InvalidArgumentError, QueryError, SchemaError

DIMS = 8


def unit(vectors: Any) -> Any:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths == 0, 1, lengths)


def max_sim(query: Any, row: Any, metric: str) -> float:
    if metric == "cosine":
        query, row = unit(query.astype(float)), unit(row.astype(float))
    return float((query @ row.T).max(axis=1).sum())


def make_rows(count: int, seed: int, most: int = 12) -> list[Any]:
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((40, DIMS))
    rows: list[Any] = []
    for _ in range(count):
        own = centers[rng.choice(40, 3)]
        size = int(rng.integers(0, most))
        rows.append((own[rng.integers(0, 3, size)] + 0.4 * rng.standard_normal((size, DIMS))).astype(np.float32))
    rows[3] = None
    return rows


@pytest.fixture
def docs() -> omendb.Table:
    table = omendb.connect(":memory:").create_table(
        "docs", {"id": "int64 primary key", "year": "int64", "body": omendb.text("simple"), "tokens": omendb.vectors(DIMS)}
    )
    rows = make_rows(400, 1)
    table.insert(
        {"id": range(400), "year": [i % 10 for i in range(400)], "body": ["one", "two"] * 200, "tokens": rows}
    )
    return table


def ranking(table: omendb.Table, query: Any, metric: str = "cosine", keep: Any = lambda row: True) -> list[tuple[float, int]]:
    rows = table.scan().read_all().to_pylist()
    scored = [
        (-max_sim(query, np.array(row["tokens"], dtype=np.float32).reshape(-1, DIMS), metric), row["id"])
        for row in rows
        if row["tokens"] and keep(row)
    ]
    return sorted(scored)


def expect(hits: omendb.Hits, wanted: list[tuple[float, int]], k: int) -> None:
    assert hits.ids.tolist() == [key for _, key in wanted[:k]]
    np.testing.assert_allclose(hits.distances, [score for score, _ in wanted[:k]], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(hits.scores, -hits.distances)


QUERY = np.random.default_rng(5).standard_normal((4, DIMS)).astype(np.float32)


def test_rows_come_back_as_they_went_in(docs: omendb.Table) -> None:
    rows = make_rows(400, 1)
    for key in (0, 3, 17):
        got = docs.get(key)
        assert got is not None
        if rows[key] is None:
            assert got["tokens"] is None
        else:
            assert got["tokens"].dtype == np.float32
            np.testing.assert_array_equal(got["tokens"], rows[key])
    assert any(row is not None and len(row) == 0 for row in rows)
    table = docs.scan(select=["tokens"]).read_all()
    assert table.schema.field("tokens").type == pa.large_list(pa.list_(pa.float32(), DIMS))
    assert table.column("tokens").null_count == 1
    copy = docs.database.create_table("copy", docs.schema)
    assert copy.insert(docs.scan().read_all()) == 400
    assert copy.schema == docs.schema
    assert copy.scan().read_all().equals(docs.scan().read_all())


@pytest.mark.parametrize("metric", ["cosine", "ip"])
def test_a_search_is_brute_force(metric: str) -> None:
    table = omendb.connect(":memory:").create_table(
        "t", {"id": "int64 primary key", "year": "int64", "tokens": omendb.vectors(DIMS, metric)}
    )
    table.insert({"id": range(300), "year": [i % 7 for i in range(300)], "tokens": make_rows(300, 2)})
    for query in (QUERY, QUERY[:1], 3 * QUERY.astype(np.float64), QUERY.tolist()):
        array = np.asarray(query, dtype=np.float32)
        expect(table.search(vectors=query, k=15), ranking(table, array, metric), 15)
        expect(table.search(vectors=query, exact=True), ranking(table, array, metric), 10)
        old = ranking(table, array, metric, lambda row: row["year"] == 2)
        expect(table.search(vectors=query, k=5, where="year = ?", params=[2], column="tokens"), old, 5)


def test_a_large_table_finds_what_brute_force_finds() -> None:
    table = omendb.connect(":memory:").create_table("t", {"id": "int64 primary key", "tokens": omendb.vectors(DIMS)})
    table.insert({"id": range(2000), "tokens": make_rows(2000, 4)})
    table._wait_for_index()
    rng = np.random.default_rng(6)
    found = 0.0
    for key in rng.integers(10, 2000, 20):
        row = table.get(int(key))
        assert row is not None
        query = row["tokens"] if row["tokens"] is not None and len(row["tokens"]) else QUERY
        best = {key for _, key in ranking(table, query)[:10]}
        found += len(best & set(table.search(vectors=query, k=10).ids.tolist())) / 10
        assert best == set(table.search(vectors=query, k=10, recall=1).ids.tolist())
    assert found / 20 >= 0.95
    assert "candidates by the encodings" in table.explain(vectors=QUERY)
    assert "exact= says so" in table.explain(vectors=QUERY, exact=True, analyze=True)
    assert table.stats()["indexes"]["tokens"]["dims"] == DIMS


def test_batches_groups_offsets_reranking_and_texts(docs: omendb.Table) -> None:
    both = docs.search(vectors=[QUERY, QUERY[:2]], k=4)
    assert isinstance(both, omendb.HitsList)
    expect(both[0], ranking(docs, QUERY), 4)
    expect(both[1], ranking(docs, QUERY[:2]), 4)
    expect(docs.search(vectors=np.stack([QUERY, -QUERY]), k=4)[1], ranking(docs, -QUERY), 4)
    wanted = ranking(docs, QUERY)
    assert docs.search(vectors=QUERY, k=3, offset=2).ids.tolist() == [key for _, key in wanted[2:5]]
    assert len(docs.search(vectors=QUERY, k=50, min_score=-wanted[4][0] - 1e-3)) == 5
    assert len({hit["year"] for hit in docs.search(vectors=QUERY, k=10, group_by="year")}) == 10
    reranked = docs.search(vectors=QUERY, k=3, rerank=lambda hits: -hits.scores)
    assert reranked.scores[0] == max(reranked.scores)
    fused = docs.search(vectors=QUERY, text="two", k=20, select=["body"])
    for hit in fused:
        assert (hit.text_score > 0) == (hit["body"] == "two")
    filtered = docs.search(vectors=QUERY, text="two", fuse="filter", k=5)
    expect(filtered, ranking(docs, QUERY, keep=lambda row: row["body"] == "two"), 5)


def test_statements_change_them(docs: omendb.Table) -> None:
    far = np.tile(100 * QUERY[:1], (2, 1))
    assert docs.update({"tokens": far}, where="id = 5") == 1
    assert docs.search(vectors=QUERY[:1], k=1).ids.tolist() == [5]
    docs.upsert({"id": 6, "tokens": []})
    assert docs.get(6)["tokens"].shape == (0, DIMS)  # type: ignore[index]
    docs.upsert({"id": 7, "tokens": None})
    assert docs.count("tokens is null") == 2
    docs.delete([5])
    assert 5 not in docs.search(vectors=QUERY[:1], k=400).ids
    assert not {3, 6, 7} & set(docs.search(vectors=QUERY, k=1000).ids.tolist())
    docs.database.check()


def test_are_there_after_reopening(tmp_path: Any) -> None:
    path = tmp_path / "a.omen"
    with omendb.connect(path) as db:
        table = db.create_table("t", {"id": "int64 primary key", "tokens": omendb.vectors(DIMS, "ip", m=8)})
        table.insert({"id": range(300), "tokens": make_rows(300, 9)})
        wanted = table.search(vectors=QUERY, k=10).ids.tolist()
    with omendb.connect(path) as db:
        db.check()
        assert db["t"].search(vectors=QUERY, k=10).ids.tolist() == wanted
        assert db["t"].schema.field("tokens").metadata[b"omendb.m"] == b"8"


@pytest.mark.parametrize(
    "values",
    [
        np.ones((3, 2, DIMS)),
        np.ones((3, 2, DIMS), dtype=np.int64),
        [np.ones((2, DIMS)), None, []],
        [[[1] * DIMS, [2] * DIMS], [[0.5] * DIMS], []],
        pa.array([[[1.0] * DIMS], None, []], type=pa.list_(pa.list_(pa.float64(), DIMS))),
        pa.array([[[1.0] * DIMS], [], [[2.0] * DIMS]], type=pa.list_(pa.list_(pa.float32()))),
        pa.array([[[9.0] * DIMS], [[1.0] * DIMS], None, [[2.0] * DIMS] * 2], type=pa.large_list(pa.list_(pa.float32(), DIMS)))[1:],
    ],
    ids=["3-D", "3-D of integers", "arrays", "lists", "Arrow fixed", "Arrow lists", "Arrow slice"],
)
def test_rows_are_taken_in_every_form(values: Any) -> None:
    table = omendb.connect(":memory:").create_table("t", {"id": "int64 primary key", "tokens": omendb.vectors(DIMS)})
    table.insert({"id": [0, 1, 2], "tokens": values})
    plain = values.to_pylist() if isinstance(values, pa.Array) else list(values)
    for got, value in zip(table.get([0, 1, 2]), plain, strict=True):
        assert got is not None
        if value is None:
            assert got["tokens"] is None
        else:
            np.testing.assert_array_equal(got["tokens"], np.asarray(value, dtype=np.float32).reshape(-1, DIMS))


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([np.ones((2, DIMS)), np.ones((2, 3))], SchemaError, "row 1: holds vectors of 8 dimensions, but 3 were given"),
        ([np.ones(DIMS), None], InvalidArgumentError, "row 0: an array of two dimensions (vectors x 8) is needed"),
        ([None, [["a"] * DIMS]], InvalidArgumentError, "row 1: an array of two dimensions"),
        ([None, [[1.0], [1.0, 2.0]]], InvalidArgumentError, "row 1: not an array of vectors"),
        (np.ones((2, DIMS)), SchemaError, "an array of three dimensions (rows x vectors x 8) is needed, not of shape (2, 8)"),
        (np.ones((2, 1, 5)), SchemaError, "holds vectors of 8 dimensions, but 5 were given"),
        ([np.full((1, DIMS), np.nan), None], InvalidArgumentError, "row 0: component 0 of vector 0 is nan"),
        ([np.full((1, DIMS), 1e300), None], InvalidArgumentError, "row 0: component 0 of vector 0 is inf"),
        ([np.ones((4097, DIMS)), None], InvalidArgumentError, "row 0: 4097 vectors of 8 dimensions; a row holds at most 4096"),
        (["a", "b"], InvalidArgumentError, "row 0: an array of two dimensions"),
        (pa.array(["a", "b"]), SchemaError, "is vectors, but values of Arrow type string were given"),
        (
            pa.array([[[1.0] * DIMS, None], None], type=pa.list_(pa.list_(pa.float32(), DIMS))),
            SchemaError,
            "row 0: a list of vectors holds a null",
        ),
    ],
)
def test_bad_rows_are_refused_by_name(values: Any, error: type[Exception], message: str) -> None:
    table = omendb.connect(":memory:").create_table("t", {"id": "int64 primary key", "tokens": omendb.vectors(DIMS)})
    with pytest.raises(error) as raised:
        table.insert({"id": [0, 1], "tokens": values})
    assert message in str(raised.value)
    assert "tokens" in str(raised.value)
    assert table.count() == 0


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"vector": QUERY[0]}, "column 'tokens' holds several vectors a row: search with several, by vectors= (vectors x 8)"),
        ({"vector": QUERY}, "holds several vectors a row"),
        ({"vector": QUERY[0], "vectors": QUERY}, "vector= or vectors=, not both"),
        ({"vectors": QUERY[0]}, "a query of several vectors, an array of two dimensions (vectors x 8)"),
        ({"vectors": QUERY[:, :5]}, "column 'tokens' holds vectors of 8 dimensions, but the query has 5"),
        ({"vectors": QUERY[:0]}, "query 0 has 0 vectors; 1 to 4096 are searched for at once"),
        ({"vectors": "words"}, "a query of several vectors"),
        ({"vectors": np.full((1, DIMS), np.inf)}, "component 0 of vector 0 of query 0 is inf"),
        ({"vectors": QUERY, "radius": 2.0}, "have no radius"),
        ({"vectors": QUERY, "column": "body"}, "vectors= searches columns of several vectors a row"),
        ({"vectors": [QUERY, QUERY], "text": "one"}, "a text goes with one vector, not with 2"),
    ],
)
def test_bad_queries_are_refused(docs: omendb.Table, search: dict[str, Any], message: str) -> None:
    with pytest.raises(QueryError) as raised:
        docs.search(**search)
    assert message in str(raised.value)


def test_bad_schemas_are_refused() -> None:
    db = omendb.connect(":memory:")
    for spec, message in (
        (omendb.vectors(8, "l2"), "the metric of several vectors a row is cosine or ip, not l2"),
        (omendb.vectors(0), "a vector has 1 to 8192 dimensions, not 0"),
        ("vectors", "vectors need their number of dimensions: omendb.vectors(128)"),
    ):
        with pytest.raises(SchemaError, match=message.replace("(", r"\(").replace(")", r"\)")):
            db.create_table("t", {"id": "int64 primary key", "tokens": spec})
    with pytest.raises(SchemaError, match="dims of a vector column is a positive integer"):
        omendb.vectors("8")  # type: ignore[arg-type]
