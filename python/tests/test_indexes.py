"""Indexes behind conditions: asked for, refused, earned, remembered, bounded; and what explain() and stats() say of them."""

import numpy as np
import pyarrow as pa
import pytest

import omendb

BLOCK = 32_768  # rows that have an index together


def rows(count, first=0):
    ids = np.arange(first, first + count)
    return {
        "id": ids,
        "n": ids % 1000,
        "s": [f"name{i % 500}" for i in ids],
        "extra": [f'{{"brand": "b{i % 90}", "size": {{"width": {i % 70}, "unit": "u{i % 7}"}}}}' for i in ids],
    }


SCHEMA = {"id": "int64 primary key", "n": "int64", "s": "string", "extra": "json"}


def earn(table, condition, values):
    """Asks different conditions until reading has paid for an index."""
    for value in values:
        table.count(condition, [value])
        table._wait_for_index()
        if table.stats()["column_indexes"]:
            return
    raise AssertionError(f"no index was made for {condition}")


def test_indexes_are_asked_for_and_refused(path):
    schema = {
        "id": "int64 primary key no index",
        "n": "int64 index",
        "s": omendb.column("string", index=False),
        "extra": omendb.column("json", index=["brand", "size.width::int8"]),
    }
    with omendb.connect(path) as db:
        table = db.create_table("t", schema)
        table.insert(rows(BLOCK + 10))
        table._wait_for_index()
        found = table.stats()["column_indexes"]
        asked = ["n", "extra->>'brand'", "(extra->'size'->>'width')::int8"]
        assert {name: index["why"] for name, index in found.items()} == {
            **dict.fromkeys(asked, "asked"), "id": "refused", "s": "refused"}  # fmt: skip
        assert all(found[name]["rows"] == BLOCK and found[name]["bytes"] > BLOCK for name in asked)
        assert found["id"]["bytes"] == 0 and found["extra->>'brand'"]["column"] == "extra"
        plan = table.explain(where="n = 5 and s = 'name1' and (extra->'size'->>'width')::int8 > 60 and extra->>'brand' = 'b1'")
        assert "n: by its index, which the schema asks for; of the last 10 rows values are read" in plan, plan
        assert "s: values are read; its schema says that it has no index" in plan, plan
        assert "(extra->'size'->>'width')::int8: by its index" in plan and "extra->>'brand': by its index" in plan, plan
        assert "true for 33 of 32,778 rows" in table.explain(where="n = 5", analyze=True)
        assert db.create_table("t", table.schema, exist_ok=True).schema == table.schema
    with omendb.connect(path) as db:
        db["t"]._wait_for_index()
        assert db["t"].stats()["column_indexes"] == found


def test_what_was_earned_is_there_after_reopening(path):
    with omendb.connect(path) as db:
        table = db.create_table("t", SCHEMA)
        table.insert(rows(BLOCK))
        assert "no index yet" in table.explain(where="extra->'size'->>'unit' = 'u1'")
        earn(table, "extra->'size'->>'unit' = ?", (f"u{i}" for i in range(1000)))
        assert table.stats()["column_indexes"].keys() == {"extra->'size'->>'unit'"}
    with omendb.connect(path) as db:
        db["t"]._wait_for_index()
        found = db["t"].stats()["column_indexes"]["extra->'size'->>'unit'"]
        assert found["why"] == "earned" and found["rows"] == BLOCK
        assert "extra->'size'->>'unit': by its index" in db["t"].explain(where="extra->'size'->>'unit' = 'u3'")
        assert db["t"].count("extra->'size'->>'unit' = 'u3'") == sum(i % 7 == 3 for i in range(BLOCK))


def test_indexes_keep_to_their_memory():
    with omendb.connect(":memory:", index_memory=0) as db:
        table = db.create_table("t", {**SCHEMA, "n": "int64 index"})
        table.insert(rows(BLOCK))
        for i in range(200):
            table.count("extra->>'brand' = ?", [f"b{i}"])
        table._wait_for_index()
        assert table.stats()["column_indexes"].keys() == {"n"}
        assert "indexes that were asked for since fill the room" in table.explain(where="extra->>'brand' = 'no'")


def test_conditions_say_the_same_with_and_without_indexes():
    members = omendb.column("json", index=["brand", "size.width::int8", "size.unit"])
    indexed = {**SCHEMA, "n": "int64 index", "s": "string index", "extra": members}
    none = {name: f"{kind} no index" for name, kind in SCHEMA.items()}
    with omendb.connect(":memory:") as db:
        tables = [db.create_table("a", indexed), db.create_table("b", none)]
        for table in tables:
            table.insert(rows(2 * BLOCK + 77))
            table._wait_for_index()
        for condition in (
            "n between 5 and 7", "s like 'name1%'", "s like 'name_5%9'", "s not like 'name4%7'", "extra->>'brand' in ('b1', 'b7')",
            "(extra->'size'->>'width')::int8 > 60 and n < 500", "(extra->'size'->>'width')::int8 <> 3 or extra->'size'->>'unit' = 'u5'",
            "not ((extra->'size'->>'width')::int8 between 10 and 20.5)", "(extra->'nosuch'->>'width')::int8 is null",
        ):  # fmt: skip
            found = [table.scan(where=condition, select=["id"]).read_all()["id"].to_pylist() for table in tables]
            assert found[0] == found[1] and found[0], condition


def test_schemas_say_which_index():
    with omendb.connect(":memory:") as db:
        schema = {
            "id": "string primary key index",
            "body": omendb.text(index=False),
            "extra": omendb.column("json", index=["a.b"]),
            "n": omendb.column("int64"),
            "v": omendb.vector(2),
        }
        table = db.create_table("t", schema)
        index = {field.name: (field.metadata or {}).get(b"omendb.index") for field in table.schema}
        assert index == {"id": b"true", "body": b"false", "extra": b'["a.b"]', "n": None, "v": None}
        again = db.create_table("again", table.schema)
        assert again.schema == table.schema
        arrow = pa.schema([pa.field("id", pa.int64(), metadata={"omendb.index": "true"}), pa.field("n", pa.int64())])
        assert db.create_table("arrow", arrow, primary_key="id").stats()["column_indexes"]["id"]["why"] == "asked"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("bool index", "not of bool"),
        ("json index", "name them"),
        (lambda: omendb.column("int64", index=["a"]), "paths of an index are of JSON"),
        (lambda: omendb.column("json", index=["a", "a"]), "stands there twice"),
        (lambda: omendb.column("json", index=["a..b"]), "path 0 of its index"),
        (lambda: omendb.column("int64", index="yes"), 'index= of a column is "auto", True, False'),
        (lambda: omendb.column("int64", index=3), 'index= of a column is "auto", True, False'),
        ("int64 indexed", 'only "primary key", "index" and "no index" may follow'),
    ],
)
def test_what_no_index_can_be_of_is_told(spec, message):
    with omendb.connect(":memory:") as db, pytest.raises(omendb.SchemaError, match=message.replace("(", r"\(")):
        db.create_table("t", {"id": "int64 primary key", "c": spec if isinstance(spec, str) else spec()})


def test_memory_of_indexes_is_a_number_of_bytes(tmp_path):
    for wrong in (-1, True, "1 GiB", 1.5):
        with pytest.raises(omendb.InvalidArgumentError, match="index_memory is a number of bytes"):
            omendb.connect(str(tmp_path / "x"), index_memory=wrong)
