"""`embed=`: vectors that a function makes of texts, of rows and of queries."""

import asyncio

import numpy as np
import pyarrow as pa
import pytest

import omendb

DIMS = 4


class Model:
    """Counts letters; remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, texts):
        assert isinstance(texts, list) and all(type(text) is str for text in texts)
        self.asked.append(list(texts))
        return np.array([self.vector(text) for text in texts], dtype=np.float64)

    @staticmethod
    def vector(text):
        return [float(text.count(letter)) for letter in "abcd"]


@pytest.fixture
def model():
    return Model()


def schema(model, **options):
    return {
        "id": "int64 primary key",
        "body": omendb.text("simple"),
        "note": "string",
        "v": omendb.vector(DIMS, embed=model, **options),
    }


@pytest.fixture
def table(db, model):
    return db.create_table("t", schema(model))


def vectors_of(table):
    return {row["id"]: row["v"] if row["v"] is None else list(row["v"]) for row in table.scan().read_all().to_pylist()}


def test_rows_without_a_vector_get_one(table, model):
    given = [1.0, 2.0, 3.0, 4.0]
    table.insert(
        [
            {"id": 1, "body": "abba"},
            {"id": 2, "body": "cd", "v": given},
            {"id": 3},
            {"id": 4, "body": None, "v": given},
            {"id": 5, "body": ""},
            {"id": 6, "body": "dä😀d", "v": None},
        ]
    )
    assert vectors_of(table) == {1: [2, 2, 0, 0], 2: given, 3: None, 4: given, 5: [0, 0, 0, 0], 6: [0, 0, 0, 2]}
    assert model.asked == [["abba", "", "dä😀d"]]
    table.upsert({"id": [2, 3], "body": ["c", "bb"]})
    assert vectors_of(table)[2] == [0, 0, 1, 0] and vectors_of(table)[3] == [0, 2, 0, 0]
    table.upsert({"id": [1], "note": ["the row's text is gone, and so is its vector"]})
    assert vectors_of(table)[1] is None


@pytest.mark.parametrize(
    "rows",
    [
        {"id": [1, 2], "body": ["a", "b"]},
        [{"id": 1, "body": "a"}, {"id": 2, "body": "b"}],
        pa.table({"id": [1, 2], "body": ["a", "b"]}),
        pa.table({"id": [1, 2], "body": pa.chunked_array([["a"], ["b"]]), "v": pa.nulls(2)}),
        pa.table({"v": pa.nulls(2, pa.list_(pa.float32(), DIMS)), "id": [1, 2], "body": pa.array(["a", "b"]).dictionary_encode()}),
        pa.table({"id": [1, 2], "body": ["a", "b"]}).to_reader(),
    ],
)
@pytest.mark.parametrize("progress", [False, True])
def test_in_whatever_form_they_come(table, rows, progress):
    if isinstance(rows, pa.RecordBatchReader):
        rows = pa.table({"id": [1, 2], "body": ["a", "b"]}).to_reader()  # one is read once
    assert table.insert(rows, progress=progress) == 2
    assert vectors_of(table) == {1: [1, 0, 0, 0], 2: [0, 1, 0, 0]}


def test_texts_come_some_at_a_time(table, model):
    count = 1000
    table.insert({"id": range(count), "body": ["a" * (i % 7) for i in range(count)]})
    assert [len(texts) for texts in model.asked] == [256, 256, 256, 232]
    assert all(vectors_of(table)[i] == [i % 7, 0, 0, 0] for i in range(count))


def test_nothing_to_do_asks_for_nothing(table, model):
    assert table.insert([]) == 0
    table.insert({"id": [1]})
    table.insert({"id": [2], "body": [None]})
    table.insert({"id": [3], "body": ["a"], "v": [[1, 2, 3, 4]]})
    table.insert({"id": pa.array([], pa.int64()), "body": pa.array([], pa.string())})
    assert model.asked == [] and len(table) == 3


def test_a_query_in_words(table, model):
    table.insert({"id": [1, 2, 3], "body": ["aaaa", "bbbb", "cccc"], "note": ["x", "y", "y"]})
    model.asked.clear()
    hits = table.search("bbb", k=2)
    assert isinstance(hits, omendb.Hits) and hits.ids[0] == 2 and hits.distances[0] == 1
    assert [one.ids[0] for one in table.search(["aaa", "ccc"], k=1)] == [1, 3]
    assert table.search(["ccc"], k=1)[0].ids.tolist() == [3]
    assert table.search("bbb", k=1, where="note = 'y'", column="v").ids.tolist() == [2]
    assert set(table.search("aaa", text="bbbb", k=2).ids) == {1, 2}  # both, fused
    assert table.search(text="cccc").ids.tolist() == [3]
    assert "nearest 2" in table.explain("bbb", k=2)
    assert model.asked == [["bbb"], ["aaa", "ccc"], ["ccc"], ["bbb"], ["aaa"], ["bbb"]]
    assert asyncio.run(table.asearch("bbb", k=1)).ids.tolist() == [2]


def test_an_update_of_the_text_brings_its_vector(table, model):
    table.insert({"id": [1, 2], "body": ["a", "b"], "note": ["x", "y"]})
    assert table.update({"body": "cc"}, "note = 'x'") == 1
    assert table.update({"note": "z"}, "id = 2") == 1
    assert vectors_of(table) == {1: [0, 0, 2, 0], 2: [0, 1, 0, 0]}


def test_the_function_is_not_stored(path, model):
    with omendb.connect(path) as db:
        db.create_table("t", schema(model, source="body")).insert({"id": [1], "body": ["a"]})
    with omendb.connect(path) as db:
        table = db["t"]
        table.insert({"id": [2], "body": ["b"]})
        assert vectors_of(table) == {1: [1, 0, 0, 0], 2: None}
        with pytest.raises(omendb.QueryError, match="'v' of table 't' has no embed="):
            table.search("b")
        db["t"].set_embed("v", model)  # for every handle
        table.insert({"id": [3], "body": ["c"]})
        assert table.search("c", k=1).ids.tolist() == [3]
        table.set_embed("v", None)
        table.insert({"id": [4], "body": ["d"]})
        assert vectors_of(table)[4] is None
        db.create_table("t", schema(model), exist_ok=True)
        assert table.search("a", k=1).ids.tolist() == [1]
        db.drop_table("t")
        table = db.create_table("t", {"id": "int64 primary key", "body": omendb.text(), "v": omendb.vector(DIMS)})
        table.insert({"id": [1], "body": ["a"]})
        assert vectors_of(table) == {1: None}


def test_another_source(db, model):
    table = db.create_table("t", schema(model, source="note"))
    table.insert({"id": [1], "body": ["a"], "note": ["bb"]})
    assert vectors_of(table) == {1: [0, 2, 0, 0]}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"v": omendb.vector(2, embed=Model())}, "has 0 text columns"),
        ({"a": omendb.text(), "b": omendb.text(), "v": omendb.vector(2, embed=Model())}, "has 2 text columns"),
        ({"v": omendb.vector(2, embed=Model(), source="x")}, "no text or string column 'x'"),
        ({"n": "int64", "v": omendb.vector(2, embed=Model(), source="n")}, "no text or string column 'n'"),
        ({"a": omendb.text(), "v": omendb.vector(2, embed="model")}, "is a function"),
    ],
)
def test_columns_that_do_not_fit_make_no_table(db, columns, message):
    with pytest.raises(omendb.SchemaError, match=message):
        db.create_table("t", {"id": "int64 primary key", **columns})
    assert "t" not in db


def test_other_wrong_ways(table, model):
    with pytest.raises(omendb.SchemaError, match="goes with embed="):
        omendb.vector(2, source="body")
    for column in ("nobody", "body", "id"):
        with pytest.raises(omendb.SchemaError, match="no column of float32 vectors"):
            table.set_embed(column, model)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda texts: [[1.0, 2.0]] * len(texts), r"shape \(2, 4\) for 2 texts, not float64 of shape \(2, 2\)"),
        (lambda texts: [[1.0] * DIMS], r"not float64 of shape \(1, 4\)"),
        (lambda texts: [1.0] * DIMS, r"shape \(4,\)"),
        (lambda texts: None, "object"),
        (lambda texts: texts, "<U1"),
        (lambda texts: [[1.0], [1.0, 2.0]], "no array of numbers|object"),
        (lambda texts: [[1.0] * DIMS, [float("nan")] * DIMS], "NaN or infinite numbers for the text 'b'"),
        (lambda texts: [[1e300] * DIMS] * len(texts), "infinite"),
    ],
)
def test_a_function_that_answers_wrongly_changes_nothing(table, answer, message):
    table.insert({"id": [1], "body": ["a"]})
    table.set_embed("v", answer)
    for write in (table.insert, table.upsert):
        with pytest.raises(omendb.InvalidArgumentError, match=message) as caught:
            write({"id": [2, 3], "body": ["a", "b"]})
        assert "column 'v' of table 't'" in str(caught.value)
    assert table.count() == 1 and vectors_of(table) == {1: [1, 0, 0, 0]}


def test_type_errors_of_the_function_come_out_of_searches_as_they_are(table):
    def embed(texts):
        return len(texts) + None

    table.insert({"id": [1], "body": ["a"]})
    table.set_embed("v", embed)
    for search in (table.search, table.explain):
        with pytest.raises(TypeError, match="unsupported operand"):
            search("words")


def test_what_the_function_raises_comes_out_and_changes_nothing(table):
    class Broken(Exception):
        pass

    def embed(texts):
        if len(embed.calls) == 1:
            raise Broken("no network")
        embed.calls.append(texts)
        return np.zeros((len(texts), DIMS))

    embed.calls = []
    table.set_embed("v", embed)
    with pytest.raises(Broken, match="no network"):
        table.insert({"id": range(300), "body": ["a"] * 300})
    assert table.count() == 0
    with pytest.raises(Broken):
        table.search("a")
    with pytest.raises(Broken):
        table.update({"body": "b"}, "id = 1")
    assert table.insert({"id": [1], "v": [[0] * DIMS]}) == 1


def test_words_for_a_table_without_vectors_or_of_bits(db, model):
    bits = db.create_table("bits", {"id": "int64 primary key", "b": omendb.bits(8)})
    with pytest.raises(omendb.QueryError):
        bits.search("words")
    plain = db.create_table("plain", {"id": "int64 primary key"})
    with pytest.raises(omendb.Error):
        plain.search("words")
    two = db.create_table(
        "two",
        {
            "id": "int64 primary key",
            "body": omendb.text(),
            "v": omendb.vector(DIMS, embed=model),
            "w": omendb.vector(DIMS, embed=lambda texts: -np.array(model(texts))),
        },
    )
    two.insert({"id": [1, 2], "body": ["a", "b"]})
    assert two.search("b", k=1, column="w").ids.tolist() == [2]
    with pytest.raises(omendb.QueryError, match="column="):
        two.search("b")
