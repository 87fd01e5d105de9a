"""Schemas in words and in Arrow, there and back."""

import numpy as np
import pyarrow as pa
import pytest

import omendb


def test_a_schema_goes_to_arrow_and_back(db, docs):
    again = db.create_table("again", docs.schema)
    assert again.schema.equals(docs.schema, check_metadata=True)
    assert db.create_table("docs", docs.schema, exist_ok=True).name == "docs"


def test_what_arrow_has_no_word_for_stands_in_metadata(db):
    table = db.create_table(
        "t",
        {
            "id": "string primary key",
            "body": omendb.text(analyzer="simple", k1=1.2, b=0.75),
            "v": omendb.vector(3, metric="cosine", m=8, ef_construction=50),
            "j": "json",
        },
    )
    schema = table.schema
    assert schema.field("id").metadata[b"omendb.primary_key"] == b"true" and not schema.field("id").nullable
    assert schema.field("j").metadata[b"omendb.type"] == b"json"
    assert (
        schema.field("v").type == pa.list_(pa.float32(), 3)
        and schema.field("v").metadata[b"omendb.metric"] == b"cosine"
    )
    assert db.create_table("t", schema, exist_ok=True).schema.equals(schema, check_metadata=True)


@pytest.mark.parametrize(
    ("arrow", "word"),
    [
        (pa.bool_(), "bool"),
        (pa.int8(), "int64"),
        (pa.int64(), "int64"),
        (pa.uint32(), "int64"),
        (pa.float16(), "float64"),
        (pa.float64(), "float64"),
        (pa.timestamp("ns"), "timestamp"),
        (pa.timestamp("s", "Europe/Berlin"), "timestamp"),
        (pa.string(), "string"),
        (pa.large_string(), "string"),
        (pa.string_view(), "string"),
        (pa.dictionary(pa.int32(), pa.string()), "string"),
        (pa.list_(pa.string()), "string[]"),
        (pa.large_list(pa.large_string()), "string[]"),
        (pa.list_(pa.float32(), 7), "vector"),
        (pa.list_(pa.float64(), 7), "vector"),
        (pa.json_(), "json"),
    ],
)
def test_arrow_types_become_columns(db, arrow, word):
    table = db.create_table("t", pa.schema([("id", pa.int64()), ("x", arrow)]), primary_key="id")
    assert table.schema.field("x").metadata[b"omendb.type"].decode() == word and table.primary_key == "id"


@pytest.mark.parametrize(
    ("schema", "options", "message"),
    [
        ({}, {}, "primary key"),
        ({"id": "string"}, {}, "primary key"),
        ({"id": "string primary key", "b": "int64 primary key"}, {}, "primary key"),
        ({"id": "float64 primary key"}, {}, "primary key"),
        ({"id": "int64 primary key", "x": "integer"}, {}, "'x'.*integer"),
        ({"id": "int64 primary key", "x": "int64 unique"}, {}, "'x'"),
        ({"id": "int64 primary key", "x": ""}, {}, "'x'"),
        ({"id": "int64 primary key", "v": "vector"}, {}, r"omendb.vector\(384\)"),
        ({"id": "int64 primary key", "x": 5}, {}, "'x'"),
        ({"id": "int64 primary key", 5: "int64"}, {}, "5"),
        ({"id": "int64 primary key", "": "int64"}, {}, "name"),
        ({"id": "int64 primary key", "x\n": "int64"}, {}, "name"),
        ({"id": "int64 primary key", "v": omendb.vector(0)}, {}, "dim"),
        ({"id": "int64 primary key", "v": omendb.vector(100_000)}, {}, "8192"),
        ({"id": "int64 primary key", "v": omendb.vector(3, metric="hamming")}, {}, "hamming"),
        ({"id": "int64 primary key", "v": omendb.vector(3, metric="l1", storage="sq8")}, {}, "l1.*f32 only.*sq8"),
        ({"id": "int64 primary key", "v": omendb.vector(3, m=1)}, {}, "m"),
        ({"id": "int64 primary key", "v": omendb.vector(3, ef_construction=1)}, {}, "ef_construction|beam"),
        ({"id": "int64"}, {"primary_key": "nobody"}, "nobody"),
        (pa.schema([("id", pa.int64()), ("x", pa.uint64())]), {"primary_key": "id"}, "'x'.*uint64"),
        (pa.schema([("id", pa.int64()), ("x", pa.list_(pa.int64()))]), {"primary_key": "id"}, "'x'"),
        (pa.schema([("id", pa.int64()), ("id", pa.int64())]), {"primary_key": "id"}, "id"),
        (["id"], {}, "list"),
        ("id", {}, "str"),
    ],
)
def test_wrong_schemas_are_refused(db, schema, options, message):
    with pytest.raises(omendb.SchemaError, match=message):
        db.create_table("t", schema, **options)
    assert len(db) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"dims": "3"},
        {"dims": -1},
        {"dims": 2.0},
        {"dims": 3, "m": "x"},
        {"dims": 3, "ef_construction": None},
        {"dims": 3, "storage": "f8"},
        {"dims": 3, "storage": "rabitq", "storage_bits": 9},
        {"dims": 3, "storage": "pq", "storage_bits": 5},
    ],
)
def test_wrong_vector_columns_are_refused(arguments):
    with pytest.raises(omendb.SchemaError):
        omendb.vector(**arguments)


@pytest.mark.parametrize("storage", ["f32", "f16", "bf16", "sq8", "pq", "rabitq", "binary"])
def test_the_storage_of_a_vector_column_is_kept(storage):
    db = omendb.connect(":memory:")
    table = db.create_table("t", {"id": "int64 primary key", "v": omendb.vector(16, storage=storage)})
    again = db.create_table("u", table.schema)
    for made in (table, again):
        assert made.schema.field("v").metadata[b"omendb.storage"] == storage.encode()


@pytest.mark.parametrize("bits", [0, 4, 8])
def test_the_bits_of_pq_are_kept(tmp_path, bits):
    vectors = np.random.default_rng(1).normal(size=(1500, 32)).astype(np.float32)
    with omendb.connect(tmp_path / "db") as db:
        column = omendb.vector(32, storage="pq", storage_bits=bits)
        table = db.create_table("t", {"id": "int64 primary key", "v": column})
        table.insert({"id": np.arange(1500), "v": vectors})
        table._wait_for_index()
    with omendb.connect(tmp_path / "db") as db:
        table = db["t"]
        metadata = table.schema.field("v").metadata
        assert metadata[b"omendb.storage"] == b"pq"
        assert int(metadata.get(b"omendb.storage_bits", 0)) == (4 if bits == 4 else 0)
        assert [hits.ids[0] for hits in table.search(vectors[:5], k=1)] == list(range(5))
        db.check()


@pytest.mark.parametrize("dims, storage", [(15, b"f32"), (16, b"sq8"), (255, b"sq8"), (256, b"rabitq"), (8192, b"rabitq")])
def test_auto_is_the_storage_that_it_stands_for_when_the_table_is_made(dims, storage):
    db = omendb.connect(":memory:")
    schema = {"id": "int64 primary key", "v": omendb.vector(dims)}
    assert db.create_table("t", schema).schema.field("v").metadata[b"omendb.storage"] == storage
    db.create_table("t", schema, exist_ok=True)


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 300, "\0"])
def test_wrong_table_names_are_refused(db, name):
    with pytest.raises(omendb.Error):
        db.create_table(name, {"id": "int64 primary key"})
    assert len(db) == 0


def test_names_may_be_in_any_script(db):
    table = db.create_table("книги 📚", {"ключ": "string primary key", "名前": "string", "v v": omendb.vector(1)})
    table.insert([{"ключ": "ä", "名前": "本", "v v": [1]}])
    assert list(db) == ["книги 📚"] and table.get("ä")["名前"] == "本"
    assert table.search([1.0], column="v v")[0]["名前"] == "本"
    with pytest.raises(omendb.SchemaError, match="名前"):
        table.insert([{"ключ": "b", "名前": 3}])


def test_words_may_be_in_capitals(db):
    assert db.create_table("t", {"id": "STRING PRIMARY KEY", "n": "Int64"}).primary_key == "id"


def test_every_type_comes_out_as_its_arrow_type(docs):
    docs.insert([{"id": "a", "v": [1, 2, 3, 4]}])
    out = docs.scan().read_all()
    assert out.schema.equals(docs.schema, check_metadata=True)
    assert out.schema.field("added").type == pa.timestamp("us", tz="UTC") and out.schema.field("v").type == pa.list_(
        pa.float32(), 4
    )
    out.validate(full=True)
