"""Search against brute force in NumPy, and what its hits promise."""

import gc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import omendb


def true_distances(query, vectors, metric):
    """By the definitions, in float64."""
    query, vectors = query.astype(np.float64), vectors.astype(np.float64)
    if metric == "l2":
        return np.sqrt(((vectors - query) ** 2).sum(axis=1))
    if metric == "l1":
        return np.abs(vectors - query).sum(axis=1)
    products = vectors @ query
    if metric == "ip":
        return -products
    return 1 - products / (np.linalg.norm(vectors, axis=1) * np.linalg.norm(query))


@given(
    st.sampled_from(["l2", "cosine", "ip", "l1"]),
    st.integers(1, 70),
    st.integers(1, 200),
    st.integers(1, 30),
    st.integers(0, 2**32),
    st.booleans(),
)
def test_exact_search_is_brute_force(metric, dims, row_count, k, seed, strings):
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((row_count, dims)).astype(np.float32)
    queries = random.standard_normal((3, dims)).astype(np.float32)
    ids = [f"k{i}" for i in range(row_count)] if strings else np.arange(row_count)
    with omendb.connect(":memory:") as db:
        table = db.create_table(
            "t", {"id": ("string" if strings else "int64") + " primary key", "v": omendb.vector(dims, metric=metric)}
        )
        table.insert({"id": ids, "v": vectors})
        for found, query in zip(table.search(queries, k=k, exact=True), queries, strict=True):
            expected = true_distances(query, vectors, metric)
            assert len(found) == min(k, row_count)
            rows = [int(str(key).lstrip("k")) for key in found.ids]
            assert len(set(rows)) == len(rows)
            np.testing.assert_allclose(found.distances, np.sort(expected)[:k], rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(found.distances, expected[rows], rtol=1e-4, atol=1e-4)


@given(
    st.sampled_from(["l2", "cosine", "ip", "l1"]),
    st.integers(1, 40),
    st.integers(1, 200),
    st.integers(0, 2**32),
    st.data(),
)
def test_search_by_radius_is_brute_force(metric, dims, row_count, seed, data):
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((row_count, dims)).astype(np.float32)
    query = random.standard_normal(dims).astype(np.float32)
    with omendb.connect(":memory:") as db:
        table = db.create_table("t", {"id": "int64 primary key", "v": omendb.vector(dims, metric=metric)})
        table.insert({"id": np.arange(row_count), "v": vectors})
        everything = table.search(query, k=10_000)
        radius = everything.distances[data.draw(st.integers(0, row_count - 1))]  # a row lies right on it
        if metric == "cosine":
            radius = max(radius, 0)
        within = int((everything.distances <= radius).sum())
        for found in (table.search(query, radius=radius), table.search(query, radius=float(radius), exact=True)):
            assert found.ids.tolist() == everything.ids[:within].tolist()
            np.testing.assert_array_equal(found.distances, everything.distances[:within])
        limited = table.search(query, k=3, radius=radius)
        assert limited.ids.tolist() == everything.ids[: min(3, within)].tolist()
        several = table.search(np.stack([query, query]), radius=radius)
        assert [len(hits) for hits in several] == [within, within]


def test_a_radius_finds_rows_over_the_graph(db):
    random = np.random.default_rng(3)
    vectors = random.standard_normal((3000, 16)).astype(np.float32)
    for metric in ("l2", "cosine", "ip", "l1"):
        table = db.create_table(metric, {"id": "int64 primary key", "v": omendb.vector(16, metric=metric)})
        table.insert({"id": np.arange(3000), "v": vectors})
        table._wait_for_index()
        right = wanted = 0
        for query in vectors[:50]:
            truth = table.search(query, k=200, exact=True)
            found = table.search(query.tolist(), radius=truth.distances[-1])
            assert (found.distances <= truth.distances[-1]).all()
            right += len(found)
            wanted += 200
        assert right >= 0.95 * wanted
        assert len(table.search(vectors[0], radius=1e9)) == 3000


def test_negative_radii_are_for_inner_products(db):
    for metric in ("l2", "cosine", "l1", "ip"):
        table = db.create_table(metric, {"id": "int64 primary key", "v": omendb.vector(2, metric=metric)})
        table.insert({"id": [1, 2], "v": [[1, 0], [3, 0]]})
        if metric == "ip":
            assert table.search([1.0, 0.0], radius=-2).ids.tolist() == [2]
        else:
            with pytest.raises(omendb.QueryError, match=f"radius is -2, but no {metric} distance is below 0"):
                table.search([1.0, 0.0], radius=-2)


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        ("l2", lambda distance: -distance),
        ("cosine", lambda distance: 1 - distance),
        ("ip", lambda distance: -distance),
        ("l1", lambda distance: -distance),
    ],
)
def test_scores_are_larger_for_nearer_rows(db, metric, score):
    table = db.create_table("t", {"id": "int64 primary key", "v": omendb.vector(3, metric=metric)})
    table.insert({"id": [1, 2, 3], "v": np.array([[1, 0, 0], [0, 2, 0], [3, 3, 3]], np.float32)})
    hits = table.search([1.0, 0.5, 0.0], k=3)
    assert np.all(np.diff(hits.scores) <= 0) and hits.scores.dtype == np.float32
    np.testing.assert_array_equal(hits.scores, [score(distance) for distance in hits.distances])


def test_distances_and_integer_keys_are_views_that_outlive_their_hits(points):
    points.insert({"id": np.arange(5), "v": np.arange(10, dtype=np.float32).reshape(5, 2)})
    hits = points.search([0, 1], k=5)
    distances, ids = hits.distances, hits.ids
    assert not distances.flags.owndata and not ids.flags.owndata
    assert distances.dtype == np.float32 and ids.dtype == np.int64
    assert distances.__array_interface__["data"][0] == hits.distances.__array_interface__["data"][0]
    expected = distances.tolist()
    del hits
    gc.collect()
    assert distances.tolist() == expected and ids.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="read-only"):
        distances[0] = 1


def test_vectors_of_rows_outlive_their_rows(points):
    points.insert({"id": [1], "v": [[3, 4]]})
    vector = points.get(1)["v"]
    gc.collect()
    assert vector.tolist() == [3, 4]


def test_fewer_rows_than_k_give_all_of_them(points):
    assert len(points.search([0, 0], k=10)) == 0
    points.insert({"id": [1, 2, 3], "v": [[1, 1], None, [2, 2]]})
    assert points.search([0, 0], k=10).ids.tolist() == [1, 3]


def test_deleted_rows_are_never_found(points):
    points.insert({"id": np.arange(100), "v": np.random.default_rng(5).random((100, 2), np.float32)})
    points.delete(range(0, 100, 2))
    found = points.search([0.5, 0.5], k=100)
    assert sorted(found.ids.tolist()) == list(range(1, 100, 2))


def test_hits_show_the_version_that_was_searched(docs):
    docs.insert([{"id": "a", "title": "old", "v": [1, 0, 0, 0]}])
    hits = docs.search([1, 0, 0, 0])
    docs.upsert([{"id": "a", "title": "new", "v": [1, 0, 0, 0]}])
    docs.clear()
    assert (
        hits[0]["title"] == "old"
        and hits.to_list()[0]["title"] == "old"
        and hits.to_arrow()["title"].to_pylist() == ["old"]
    )


def test_a_column_of_hits_is_read_once(docs):
    docs.insert(
        [
            {"id": "a", "title": "x", "year": 1, "v": [1, 0, 0, 0]},
            {"id": "b", "title": "y", "year": 2, "v": [0, 1, 0, 0]},
        ]
    )
    hits = docs.search([1, 0, 0, 0])
    fetched = []

    class Counting:
        def fetch(self, first, count, columns):
            fetched.append(list(columns))
            return raw.fetch(first, count, columns)

    raw, hits._raw = hits._raw, Counting()
    assert [hit["title"] for hit in hits] == ["x", "y"] and hits[1]["title"] == "y"
    assert fetched == [["title"]]
    assert dict(hits[0])["year"] == 1 and dict(hits[1])["year"] == 2
    assert len(fetched) == 2 and "title" not in fetched[1]


def test_hits_are_sequences_and_hits_are_mappings(points):
    points.insert({"id": [1, 2, 3], "v": [[0, 0], [0, 1], [0, 2]]})
    hits = points.search([0, 0], k=3)
    assert [hit.id for hit in hits[1:]] == [2, 3] and hits[-1].id == 3 and isinstance(hits[0].id, int)
    assert len(hits[0]) == 2 and "v" in hits[0] and "nobody" not in hits[0] and list(hits[0]) == ["id", "v"]
    for index in (3, -4):
        with pytest.raises(IndexError):
            hits[index]
    with pytest.raises(KeyError, match="nobody"):
        hits[0]["nobody"]
    assert hits[0].get("nobody", 5) == 5


def test_hits_of_several_queries_turn_into_one_table(points):
    points.insert({"id": [1, 2], "v": [[0, 0], [9, 9]]})
    found = points.search([[0, 0], [9, 9]], k=1)
    assert found.to_arrow().select(["_query", "id"]).to_pydict() == {"_query": [0, 1], "id": [1, 2]}
    assert found.to_pandas()["_query"].tolist() == [0, 1] and found.to_polars()["id"].to_list() == [1, 2]
    assert [[row["id"] for row in rows] for rows in found.to_list()] == [[1], [2]]
    assert [[hit.id for hit in hits] for hits in found[0:2]] == [[1], [2]]
    with pytest.raises(IndexError):
        found[2]


def test_no_queries_give_no_hits(points):
    points.insert({"id": [1], "v": [[0, 0]]})
    found = points.search(np.zeros((0, 2), np.float32))
    assert len(found) == 0 and found.ids.tolist() == [] and found.to_arrow().num_rows == 0 and list(found) == []


def test_several_vector_columns_need_a_name(db):
    table = db.create_table("t", {"id": "int64 primary key", "a": omendb.vector(1), "b": omendb.vector(2, metric="ip")})
    table.insert({"id": [1, 2], "a": [[5], [6]], "b": [[1, 0], [0, 1]]})
    with pytest.raises(omendb.QueryError, match="column"):
        table.search([1.0])
    assert table.search([6.0], k=1, column="a").ids.tolist() == [2]
    hits = table.search([3.0, 1.0], k=2, column="b")
    assert hits.ids.tolist() == [1, 2] and hits.scores.tolist() == [3, 1]


@pytest.mark.parametrize(
    "query",
    [
        [3, 4],
        (3, 4),
        np.array([3, 4]),
        np.array([3, 4], np.float64),
        np.array([3, 4], np.float16),
        np.array([3, 4], ">f4"),
        np.array([3, 0, 4, 0], np.float32)[::2],
        pa.array([3.0, 4.0]),
        memoryview(np.array([3, 4], np.float32)),
        range(3, 5),
        np.array([3, 4], np.float32),
    ],
)
def test_queries_arrive_whatever_their_form(points, query):
    points.insert({"id": [1, 2], "v": [[0, 0], [3, 4]]})
    hits = points.search(query, k=1)
    assert isinstance(hits, omendb.Hits) and hits.ids.tolist() == [2] and hits.distances.tolist() == [0]
    assert points.search(vector=query, k=1).ids.tolist() == [2]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"vector": [1.0, 2.0, 3.0]}, omendb.QueryError, "2 dimensions.*3"),
        ({"vector": np.ones((2, 3), np.float32)}, omendb.QueryError, "2 dimensions.*3"),
        ({"vector": [1.0, float("nan")]}, omendb.QueryError, "nan"),
        ({"vector": [1.0, 1e300]}, omendb.QueryError, "inf"),
        ({"vector": "text"}, omendb.QueryError, "vector"),
        ({"vector": ["1", "2"]}, omendb.QueryError, "vector"),
        ({"vector": [[1, 2], [3]]}, omendb.QueryError, "numbers"),
        ({"vector": np.ones((1, 1, 2))}, omendb.QueryError, r"\(1, 1, 2\)"),
        ({"vector": {"a": 1}}, omendb.QueryError, "vector"),
        ({"vector": 5.0}, omendb.QueryError, "vector"),
        ({"vector": [1 + 2j, 0]}, omendb.QueryError, "complex"),
        ({"vector": pa.array([1.0, None])}, omendb.QueryError, "null"),
        ({"vector": None}, omendb.QueryError, "vector"),
        ({}, omendb.QueryError, "vector"),
        ({"vector": [0, 0], "k": 0}, omendb.QueryError, "k"),
        ({"vector": [0, 0], "k": -1}, omendb.QueryError, "k"),
        ({"vector": [0, 0], "k": 10_001}, omendb.QueryError, "10,?000"),
        ({"vector": [0, 0], "k": "3"}, omendb.QueryError, "k.*'3'"),
        ({"vector": [0, 0], "k": 2.5}, omendb.QueryError, "k.*2.5"),
        ({"vector": [0, 0], "radius": float("nan")}, omendb.QueryError, "radius"),
        ({"vector": [0, 0], "radius": "1"}, omendb.QueryError, "radius.*'1'"),
        ({"vector": [0, 0], "radius": 1.0, "k": 0}, omendb.QueryError, "k"),
        ({"vector": [0, 0], "radius": 1.0, "k": 10_001}, omendb.QueryError, "10,?000"),
        ({"vector": [0, 0], "ef": -1}, omendb.QueryError, "ef"),
        ({"vector": [0, 0], "threads": "all"}, omendb.QueryError, "threads"),
        ({"vector": [0, 0], "threads": -5}, omendb.QueryError, "threads"),
        ({"vector": [0, 0], "exact": "yes"}, omendb.QueryError, "exact"),
        ({"vector": [0, 0], "column": 3}, omendb.QueryError, "column"),
        ({"vector": [0, 0], "column": "nobody"}, omendb.SchemaError, "nobody"),
        ({"vector": [0, 0], "column": "id"}, omendb.SchemaError, "id"),
        ({"vector": [0, 0], "select": ["nobody"]}, omendb.SchemaError, "nobody"),
        ({"vector": [0, 0], "select": ["id", "id"]}, omendb.SchemaError, "twice"),
    ],
)
def test_wrong_queries_are_refused(points, arguments, kind, message):
    points.insert({"id": [1], "v": [[0, 0]]})
    with pytest.raises(kind, match=message):
        points.search(**arguments)


def test_numpy_integers_are_integers(points):
    points.insert({"id": [1, 2], "v": [[0, 0], [1, 1]]})
    assert len(points.search([0, 0], k=np.int64(1), ef=np.int32(64))) == 1


def test_a_table_without_vectors_can_not_be_searched(db):
    table = db.create_table("t", {"id": "int64 primary key"})
    with pytest.raises(omendb.SchemaError, match="no vector column"):
        table.search([1.0])


def test_columns_named_like_ours_are_not_overwritten(db):
    table = db.create_table("t", {"id": "int64 primary key", "_score": "float64", "v": omendb.vector(1)})
    table.insert({"id": [1], "_score": [7.0], "v": [[1]]})
    hits = table.search([1.0])
    assert hits[0]["_score"] == 7.0
    with pytest.raises(omendb.QueryError, match="_score"):
        hits.to_arrow()
    assert table.search([1.0], select=["id"]).to_arrow().column_names == ["id", "_distance", "_score"]


def clustered(count, dims, seed):
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(3).standard_normal((30, dims))
    return (centres[random.integers(0, 30, count)] + 0.5 * random.standard_normal((count, dims))).astype(np.float32)


def test_a_wanted_recall_chooses_how_wide_a_search_is(db):
    table = db.create_table("t", {"id": "int64 primary key", "v": omendb.vector(24)})
    table.insert({"id": np.arange(4000), "v": clustered(4000, 24, 1)})
    table._wait_for_index()
    index = table.stats()["indexes"]["v"]
    assert index["linked_rows"] == 4000 and index["calibrated_rows"] >= 3200 and index["calibration_queries"] > 100
    assert index["storage"] == "sq8" and index["m"] == 16 and 0 < index["links_per_row"] <= 40
    assert index["link_bytes"] > 4000 * 100 and index["code_bytes"] > 4000 * 24
    assert list(index["ef"]) == [0.9, 0.95, 0.99] and index["recall"] >= 0.95
    assert index["filtered"] == [], "so few rows that each that passes is compared"
    queries = clustered(200, 24, 2)
    exact = table.search(queries, exact=True).distances.reshape(-1, 10)
    found = {}
    for recall in (None, 0.9, 0.95, 0.99, 1, 1.0):
        distances = table.search(queries, recall=recall).distances.reshape(-1, 10)
        found[recall] = (distances <= exact[:, -1:]).mean()
        assert found[recall] >= (recall or 0.95) - 0.01, recall
    assert found[0.9] <= found[0.99] <= found[1] == 1 and found[None] == found[0.95]
    for recall, ef in index["ef"].items():
        assert (table.search(queries, recall=recall).ids == table.search(queries, ef=ef).ids).all()
    narrow = table.search(queries, recall=1, ef=10).distances.reshape(-1, 10)
    assert (narrow <= exact[:, -1:]).mean() < 1, "ef counts, whatever the recall"


@pytest.mark.parametrize("recall", [0, -0.5, 1.5, 95, float("nan"), float("inf"), "0.9", True, [0.9]])
def test_a_recall_that_is_no_share_is_refused(points, recall):
    with pytest.raises(omendb.QueryError, match="recall is a number above 0 and at most 1"):
        points.search([0, 0], recall=recall)


def test_the_recall_of_chosen_beams_is_measured_with_the_tables_own_rows(db):
    table = db.create_table("t", {"id": "int64 primary key", "v": omendb.vector(8), "w": omendb.vector(2)})
    assert table._measure_recall([10], column="v") == []
    table.insert({"id": np.arange(3000), "v": clustered(3000, 8, 1), "w": clustered(3000, 2, 1)})
    table._wait_for_index()
    measured = table._measure_recall([5, 10, 200], k=5, column="v", query_count=100)
    assert [ef for ef, _, _ in measured] == [5, 10, 200]
    assert measured[0][1] < measured[2][1] >= 0.99 and all(0 <= error < 0.1 for _, _, error in measured)
    with pytest.raises(omendb.InvalidArgumentError, match="rising beams"):
        table._measure_recall([10, 10], column="v")
    with pytest.raises(omendb.InvalidArgumentError, match="column="):
        table._measure_recall([10])
