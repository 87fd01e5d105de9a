"""Every statement that the interface promises and this version has, in the promised words."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

import omendb

DAY = datetime.datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=datetime.timezone.utc)
BICYCLE = {
    "id": "a7",
    "title": "red bicycle",
    "name": "Vélo",
    "year": 2021,
    "price": 99.5,
    "stock": True,
    "tags": ["sale", "red"],
    "added": DAY,
    "extra": {"brand": "acme", "sizes": [1, 2]},
    "v": [1.0, 0.0, 0.0, 0.0],
}


def without_vector(row):
    return {name: value for name, value in row.items() if name != "v"}


def test_create_table_takes_words_and_column_objects(docs):
    assert [field.name for field in docs.schema] == [
        "id",
        "title",
        "name",
        "year",
        "price",
        "stock",
        "tags",
        "added",
        "extra",
        "v",
    ]
    assert docs.name == "docs" and docs.primary_key == "id" and len(docs) == 0


def test_a_row_comes_back_as_it_went_in(docs):
    assert docs.insert([BICYCLE]) == 1
    row = docs.get("a7")
    assert without_vector(row) == without_vector(BICYCLE)
    assert row["v"].dtype == np.float32 and row["v"].tolist() == BICYCLE["v"]


def test_one_dict_with_a_plain_key_is_one_row(docs):
    assert docs.insert(BICYCLE) == 1
    assert docs.get("a7")["tags"] == ["sale", "red"]


def test_columns_left_out_are_null(docs):
    docs.insert([{"id": "b"}])
    assert docs.get("b") == {
        "id": "b",
        **dict.fromkeys(("title", "name", "year", "price", "stock", "tags", "added", "extra", "v")),
    }


def test_keys_that_some_rows_leave_out_are_null_there(docs):
    docs.insert([{"id": "a", "year": 1}, {"id": "b", "name": "x"}, {"id": "c", "year": 3}])
    assert [(row["id"], row["year"], row["name"]) for row in docs.get(["a", "b", "c"])] == [
        ("a", 1, None),
        ("b", None, "x"),
        ("c", 3, None),
    ]


def test_insert_refuses_a_key_that_exists_and_upsert_replaces_the_whole_row(docs):
    docs.insert([BICYCLE])
    with pytest.raises(omendb.ConflictError, match="a7"):
        docs.insert([{"id": "new"}, {"id": "a7"}])
    assert docs.get("new") is None
    assert docs.upsert([{"id": "a7", "year": 1999}]) == 1
    assert docs.get("a7")["year"] == 1999 and docs.get("a7")["title"] is None


def test_insert_refuses_a_key_twice_and_upsert_takes_the_last(docs):
    with pytest.raises(omendb.ConflictError):
        docs.insert({"id": ["x", "x"]})
    docs.upsert({"id": ["x", "x"], "year": [1, 2]})
    assert len(docs) == 1 and docs.get("x")["year"] == 2


def test_delete_counts_the_rows_that_were_there(docs):
    docs.insert({"id": ["a7", "b1", "c3"]})
    assert docs.delete(["a7", "b1", "nobody"]) == 2
    assert docs.delete("c3") == 1
    assert docs.delete("c3") == 0
    assert docs.delete([]) == 0
    assert docs.count() == 0


def test_get_of_several_keys_keeps_their_places(docs):
    docs.insert({"id": ["a", "b"]})
    rows = docs.get(["b", "nobody", "a", "b"], select=["id"])
    assert rows == [{"id": "b"}, None, {"id": "a"}, {"id": "b"}]
    assert docs.get("nobody") is None and docs.get([]) == []


def test_get_takes_numpy_and_arrow_keys(points):
    points.insert({"id": [1, 2, 3]})
    for keys in (np.array([3, 1]), pa.array([3, 1]), (3, 1), iter([3, 1])):
        assert [row["id"] for row in points.get(keys)] == [3, 1]
    assert points.get(np.int64(2))["id"] == 2
    assert points.delete(np.array([1, 2])) == 2


def test_clear_removes_every_row_and_the_table_goes_on(docs):
    docs.insert({"id": ["a", "b"]})
    assert docs.clear() == 2 and len(docs) == 0 and docs.get("a") is None
    docs.insert({"id": ["a"]})
    assert docs.count() == 1


def test_scan_reads_rows_in_order_of_arrival(docs):
    docs.insert({"id": ["c", "a"], "year": [1, None]})
    docs.insert({"id": ["b"], "year": [3]})
    reader = docs.scan(select=["year", "id"])
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.read_all().to_pydict() == {"year": [1, None, 3], "id": ["c", "a", "b"]}


def test_scan_gives_batches_of_the_asked_size_and_does_not_see_later_writes(points):
    points.insert({"id": np.arange(10)})
    reader = points.scan(batch_rows=4)
    points.delete([0, 9])
    points.insert({"id": [77]})
    assert [batch.num_rows for batch in reader] == [4, 4, 2]


def test_search_of_one_vector_gives_hits(docs):
    docs.insert([BICYCLE, {**BICYCLE, "id": "b", "title": "blue", "v": [0, 2, 0, 0]}])
    hits = docs.search(np.array([1, 0, 0, 0], np.float32), k=10)
    assert isinstance(hits, omendb.Hits) and len(hits) == 2
    assert list(hits.ids) == ["a7", "b"]
    np.testing.assert_allclose(hits.distances, [0, 5**0.5], rtol=1e-6)
    assert hits[0]["title"] == "red bicycle" and hits[-1]["title"] == "blue"
    assert hits[0].id == "a7" and hits[0].distance == 0 and hits[0].score >= hits[1].score
    assert [hit["tags"] for hit in hits] == [["sale", "red"]] * 2


def test_search_of_several_vectors_gives_one_hits_each(points):
    points.insert({"id": [1, 2, 3], "v": np.array([[0, 0], [1, 0], [5, 5]], np.float32)})
    found = points.search(np.array([[0, 0], [5, 4]], np.float32), k=2)
    assert isinstance(found, omendb.HitsList) and len(found) == 2
    assert found[0].ids.tolist() == [1, 2] and found[1].ids.tolist() == [3, 2]
    assert found.ids.tolist() == [1, 2, 3, 2] and found.offsets.tolist() == [0, 2, 4]
    assert [hits.ids.tolist() for hits in found] == [[1, 2], [3, 2]] and found[-1].ids.tolist() == [3, 2]
    assert isinstance(points.search(np.zeros((1, 2), np.float32), k=1), omendb.HitsList)


def test_experts_choose_beam_exactness_and_threads(points):
    points.insert({"id": np.arange(50), "v": np.random.default_rng(1).random((50, 2), np.float32)})
    queries = np.random.default_rng(2).random((40, 2), np.float32)
    default = points.search(queries, k=5)
    for options in ({"ef": 64}, {"exact": True}, {"threads": 1}, {"threads": 2}):
        assert points.search(queries, k=5, **options).ids.tolist() == default.ids.tolist()


def test_hits_turn_into_arrow_pandas_polars_and_lists(docs):
    docs.insert([BICYCLE])
    hits = docs.search([1, 0, 0, 1], k=3)
    names = [*(field.name for field in docs.schema), "_distance", "_score"]
    assert hits.to_arrow().column_names == names
    assert list(hits.to_pandas().columns) == names and hits.to_pandas()["title"][0] == "red bicycle"
    assert hits.to_polars().columns == names and hits.to_polars()["year"][0] == 2021
    (row,) = hits.to_list()
    assert list(row) == names and row["_distance"] == pytest.approx(1) and row["extra"] == BICYCLE["extra"]


def test_select_limits_the_columns_of_hits(docs):
    docs.insert([BICYCLE])
    hits = docs.search([1, 0, 0, 0], select=["title", "price"])
    assert dict(hits[0]) == {"title": "red bicycle", "price": 99.5}
    assert hits.to_arrow().column_names == ["title", "price", "_distance", "_score"]
    with pytest.raises(KeyError, match="year"):
        hits[0]["year"]


def test_a_database_is_a_mapping_of_tables(db):
    db.create_table("docs", {"id": "int64 primary key"})
    db.create_table("orders", {"id": "int64 primary key"})
    assert "docs" in db and "nobody" not in db and 3 not in db
    assert sorted(db) == ["docs", "orders"] and len(db) == 2
    assert db["docs"].name == "docs"
    db.drop_table("docs")
    assert list(db) == ["orders"]
    with pytest.raises(KeyError):
        db["docs"]
    with pytest.raises(omendb.NotFoundError, match="docs"):
        db.drop_table("docs")


def test_a_handle_of_a_dropped_table_says_so(db):
    table = db.create_table("docs", {"id": "int64 primary key"})
    db.drop_table("docs")
    with pytest.raises(omendb.NotFoundError):
        table.count()


def test_exist_ok_opens_an_equal_table(db):
    words = {"id": "int64 primary key", "v": omendb.vector(3, metric="ip")}
    db.create_table("t", words).insert({"id": [1]})
    assert db.create_table("t", words, exist_ok=True).count() == 1
    with pytest.raises(omendb.ConflictError, match="t"):
        db.create_table("t", words)
    with pytest.raises(omendb.ConflictError):
        db.create_table("t", {"id": "int64 primary key"}, exist_ok=True)


def test_figures_name_rows_and_bytes(db, docs):
    docs.insert([BICYCLE])
    figures = docs.stats()
    assert figures["rows"] == 1 and figures["tail_rows"] >= 0
    for place in ("memory_bytes", "disk_bytes"):
        assert figures[place]["total"] == sum(size for part, size in figures[place].items() if part != "total")
        assert db.stats()[place]["total"] >= figures[place]["total"] > 0
    assert db.stats()["commit_number"] > 0 and db.stats()["resident_bytes"] > 1 << 20


def test_check_and_checkpoint_leave_the_rows_alone(db, docs):
    docs.insert([BICYCLE])
    before = db.state_hash()
    assert db.check() is None and db.checkpoint() is None
    assert db.state_hash() == before and without_vector(docs.get("a7")) == without_vector(BICYCLE)


def test_equal_content_has_an_equal_state_hash():
    def content(ids):
        database = omendb.connect(":memory:")
        database.create_table("t", {"id": "int64 primary key"}).insert({"id": ids})
        return database.state_hash()

    assert content([1, 2]) == content([2, 1]) != content([1, 3])


def test_representations_name_what_they_stand_for(db, docs):
    docs.insert([BICYCLE])
    assert ":memory:" in repr(db) and "docs" in repr(docs) and "title" in repr(docs)
    assert "a7" in repr(docs.search([1, 0, 0, 0])) and "a7" in repr(docs.search([1, 0, 0, 0])[0])
    assert "2 queries" in repr(docs.search(np.zeros((2, 4), np.float32)))


def test_a_table_keeps_its_database_open():
    table = omendb.connect(":memory:").create_table("t", {"id": "int64 primary key"})
    assert table.insert({"id": [1]}) == 1 and table.count() == 1
