"""Columns of bits against NumPy: what goes in comes out, distances are counted bit by bit."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import omendb


def true_distances(query, rows, metric):
    """Of arrays of bool."""
    differing = (rows != query).sum(axis=1)
    if metric == "hamming":
        return differing.astype(np.float64)
    either = (rows | query).sum(axis=1)
    return np.where(either == 0, 0.0, differing / np.maximum(either, 1))


@pytest.fixture
def codes(db):
    """int64 keys and rows of 12 bits."""
    return db.create_table("codes", {"id": "int64 primary key", "b": omendb.bits(12)})


@given(
    st.sampled_from(["hamming", "jaccard"]),
    st.integers(1, 600),
    st.integers(1, 150),
    st.integers(1, 20),
    st.integers(0, 2**32),
    st.floats(0, 1),
)
def test_search_is_brute_force(metric, dims, row_count, k, seed, share):
    random = np.random.default_rng(seed)
    rows = random.random((row_count, dims)) < share
    query = random.random(dims) < share
    with omendb.connect(":memory:") as db:
        table = db.create_table("t", {"id": "int64 primary key", "b": omendb.bits(dims, metric)})
        table.insert({"id": np.arange(row_count), "b": rows})
        hits = table.search(query, k=k)
        expected = true_distances(query, rows, metric)
        np.testing.assert_allclose(hits.distances, np.sort(expected)[:k], rtol=1e-6)
        np.testing.assert_allclose(hits.distances, expected[hits.ids], rtol=1e-6)
        radius = hits.distances[-1]
        within = table.search(query, radius=radius)
        assert len(within) == (expected.astype(np.float32) <= radius).sum()
        packed = table.search(np.packbits(np.stack([query, rows[0]]), axis=1), k=k)
        assert packed[0].ids.tolist() == hits.ids.tolist() and packed[1].distances[0] == 0
        assert (np.unpackbits(table.get(0)["b"], count=dims) == rows[0]).all()


def test_a_graph_of_bits_finds_nearly_all(db):
    random = np.random.default_rng(4)
    centres = random.random((30, 512)) < 0.3
    rows = centres[random.integers(30, size=4000)] ^ (random.random((4000, 512)) < 0.1)
    for metric in ("hamming", "jaccard"):
        table = db.create_table(metric, {"id": "int64 primary key", "b": omendb.bits(512, metric=metric)})
        table.insert({"id": np.arange(4000), "b": np.packbits(rows, axis=1)})
        table._wait_for_index()
        assert not table.stats()["flat"]
        queries = centres[random.integers(30, size=40)] ^ (random.random((40, 512)) < 0.1)
        found, truth = table.search(queries, k=10), table.search(queries, k=10, exact=True)
        right = sum((a.distances <= b.distances[-1]).sum() for a, b in zip(found, truth, strict=True))
        assert right >= 0.95 * 400
    db.check()


FORMS = {
    "packed": lambda bits: np.packbits(bits, axis=1),
    "bools": lambda bits: bits,
    "columns first": np.asfortranarray,
    "lists of bools": lambda bits: bits.tolist(),
    "bytes": lambda bits: [row.tobytes() for row in np.packbits(bits, axis=1)],
    "bytearrays": lambda bits: [bytearray(row.tobytes()) for row in np.packbits(bits, axis=1)],
    "rows packed": lambda bits: list(np.packbits(bits, axis=1)),
    "Arrow": lambda bits: pa.array([row.tobytes() for row in np.packbits(bits, axis=1)], pa.binary(2)),
    "Arrow binary": lambda bits: pa.array([row.tobytes() for row in np.packbits(bits, axis=1)]),
    "Arrow chunks": lambda bits: pa.chunked_array(
        [pa.array([row.tobytes()], pa.binary(2)) for row in np.packbits(bits, axis=1)]
    ),
    "Arrow lists": lambda bits: pa.array(bits.tolist()),
    "pandas": lambda bits: pd.Series([row.tobytes() for row in np.packbits(bits, axis=1)]),
    "polars": lambda bits: pl.Series([row.tobytes() for row in np.packbits(bits, axis=1)]),
}


@pytest.mark.parametrize("form", FORMS)
def test_rows_arrive_whatever_their_form(codes, form):
    bits = np.random.default_rng(1).random((5, 12)) < 0.5
    assert codes.insert({"id": np.arange(5), "b": FORMS[form](bits)}) == 5
    for key in range(5):
        assert (np.unpackbits(codes.get(key)["b"], count=12) == bits[key]).all()


@pytest.mark.parametrize(
    "query",
    [
        np.array([1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1], bool),
        [True, False, True, True, False, False, False, False, False, False, False, True],
        np.array([0b10110000, 0b00010000], np.uint8),
        bytes([0b10110000, 0b00010000]),
        bytearray([0b10110000, 0b00010000]),
        memoryview(bytes([0b10110000, 0b00010000])),
        np.array([0b10110000, 7, 0b00010000, 7], np.uint8)[::2],
        pa.array([True, False, True, True, False, False, False, False, False, False, False, True]),
    ],
)
def test_queries_arrive_whatever_their_form(codes, query):
    codes.insert({"id": [1, 2], "b": [bytes([0b10110000, 0b00010000]), b"\0\0"]})
    hits = codes.search(query, k=1)
    assert isinstance(hits, omendb.Hits) and hits.ids.tolist() == [1] and hits.distances.tolist() == [0]


def test_rows_come_out_packed_as_views_and_as_arrow(codes):
    rows = np.array([[0xFF, 0xF0], [0x12, 0x30]], np.uint8)
    codes.insert({"id": [1, 2], "b": rows})
    row = codes.get(1)["b"]
    assert row.dtype == np.uint8 and row.tolist() == [0xFF, 0xF0] and not row.flags.owndata
    table = pa.Table.from_batches(codes.scan(), codes.scan().schema)
    assert table.schema.field("b").type == pa.binary(2) and table["b"].to_pylist() == [b"\xff\xf0", b"\x12\x30"]
    hits = codes.search(rows[0], k=2)
    assert hits[0]["b"].tolist() == [0xFF, 0xF0] and hits.to_arrow()["b"].to_pylist() == [b"\xff\xf0", b"\x12\x30"]
    assert hits.to_list()[0]["b"].tolist() == [0xFF, 0xF0]
    assert pa.Table.from_batches(codes.scan(select=["b"])).num_rows == 2


def test_nulls_stay_null_and_are_no_answer(codes):
    codes.insert({"id": [1, 2, 3], "b": [b"\xff\xf0", None, b"\0\0"]})
    codes.insert({"id": [4], "b": pa.array([None], pa.binary(2))})
    codes.insert({"id": [5]})
    assert [codes.get(key)["b"] is None for key in (1, 2, 3, 4, 5)] == [False, True, False, True, True]
    assert sorted(codes.search(b"\0\0", k=10).ids.tolist()) == [1, 3]
    assert codes.scan().read_all()["b"].null_count == 3


def test_scores_are_larger_for_nearer_rows(db):
    for metric, scores in (("hamming", [-0.0, -1]), ("jaccard", [1, 0.5])):
        table = db.create_table(metric, {"id": "int64 primary key", "b": omendb.bits(8, metric=metric)})
        table.insert({"id": [1, 2], "b": [b"\x03", b"\x01"]})
        assert table.search(b"\x03", k=2).scores.tolist() == scores


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 12), np.uint8), "12 bools or 2 uint8.*12 uint8"),
        (np.zeros((2, 3), np.uint8), "3 uint8"),
        (np.zeros((2, 13), bool), "13 bool"),
        (np.zeros((2, 12), np.float32), "float32"),
        (np.zeros(2, np.uint8), "shape"),
        ([[1, 0] * 6, [0, 1] * 6], "row 0.*int64"),
        ([b"\0\0", b"\0"], "row 1.*1 uint8"),
        ([b"\0\0", b"\0\x01"], "row 1.*behind the last"),
        ([b"\0\0", "00"], "row 1"),
        (pa.array([b"abc", b"abc"], pa.binary(3)), "2 bytes a row, but 3"),
        (pa.array(["ab", "cd"]), "string"),
        (pa.array([[1.0], [2.0]]), "row 0"),
    ],
)
def test_wrong_rows_are_refused(codes, values, message):
    with pytest.raises(omendb.Error, match=message):
        codes.insert({"id": [1, 2], "b": values})
    assert codes.count() == 0


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ([1, 0] * 6, "12 bools or 2 uint8"),
        (np.zeros(12, np.float32), "float32"),
        (np.zeros(3, np.uint8), "12 bits in 2 bytes.*3 bytes"),
        (np.zeros(13, bool), "13 bool"),
        (np.zeros((1, 1, 2), np.uint8), "shape"),
        (b"\0\x01", "behind the last"),
        ("0101", "rows of bits"),
        (None, "needs a vector"),
    ],
)
def test_wrong_queries_are_refused(codes, query, message):
    codes.insert({"id": [1], "b": [b"\0\0"]})
    with pytest.raises(omendb.QueryError, match=message):
        codes.search(query)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (lambda: omendb.bits(0), "1 to 65536 bits, not 0"),
        (lambda: omendb.bits(65_537), "1 to 65536 bits, not 65537"),
        (lambda: omendb.bits(8, metric="l2"), "hamming or jaccard, not l2"),
        (lambda: omendb.bits(8, metric="tanimoto"), "tanimoto"),
        (lambda: omendb.bits("8"), "dims"),
        (lambda: omendb.bits(8, m=1), "m"),
        (lambda: omendb.vector(8, metric="jaccard"), "compares bits"),
        (lambda: "bits", r"omendb.bits\(1024\)"),
    ],
)
def test_wrong_schemas_are_refused(db, spec, message):
    with pytest.raises(omendb.SchemaError, match=message):
        db.create_table("t", {"id": "int64 primary key", "b": spec()})


def test_a_schema_goes_to_arrow_and_back(db, codes):
    assert codes.schema.field("b").type == pa.binary(2)
    again = db.create_table("again", codes.schema)
    assert again.schema.equals(codes.schema, check_metadata=True)
    plain = db.create_table("plain", pa.schema([("id", pa.int64()), ("b", pa.binary(4))]), primary_key="id")
    assert plain.schema.field("b").metadata[b"omendb.dims"] == b"32"
    with pytest.raises(omendb.SchemaError, match="do not make"):
        db.create_table("no", pa.schema([pa.field("id", pa.int64()), codes.schema.field("b").with_type(pa.binary(5))]))


def test_bits_survive_a_restart_and_a_crash_of_the_log(path):
    rows = np.random.default_rng(2).random((2000, 100)) < 0.5
    with omendb.connect(path) as db:
        table = db.create_table("t", {"id": "int64 primary key", "b": omendb.bits(100, metric="jaccard")})
        table.insert({"id": np.arange(2000), "b": rows})
        table._wait_for_index()
        expected = table.search(rows[:20], k=5, exact=True).ids.tolist()
    with omendb.connect(path) as db:
        table = db["t"]
        assert table.search(rows[:20], k=5, exact=True).ids.tolist() == expected
        assert [hits.ids[0] for hits in table.search(rows[:20], k=1)] == list(range(20))
        table.upsert({"id": [5], "b": [None]})
        db.check()
    with omendb.connect(path, read_only=True) as db:
        assert db["t"].get(5)["b"] is None and db["t"].get(6)["b"].tolist() == np.packbits(rows[6]).tolist()


def test_recall_is_measured_and_asked_for_as_of_floats(db):
    rows = np.random.default_rng(3).random((2000, 64)) < 0.3
    table = db.create_table("t", {"id": "int64 primary key", "b": omendb.bits(64)})
    table.insert({"id": np.arange(2000), "b": rows})
    table._wait_for_index()
    index = table.stats()["indexes"]["b"]
    assert index["storage"] == "bits" and index["code_bytes"] == 0 and index["calibrated_rows"] > 0
    assert [ef for ef, _, _ in table._measure_recall([10, 50])] == [10, 50]
    exact = table.search(rows[:50], k=10, exact=True).distances.tolist()
    assert table.search(rows[:50], k=10, recall=1).distances.tolist() == exact
    assert table.search(rows[3], radius=12, recall=1).ids.tolist() == table.search(rows[3], radius=12, exact=True).ids.tolist()


def test_floats_and_bits_live_side_by_side(db):
    table = db.create_table("t", {"id": "int64 primary key", "v": omendb.vector(2), "b": omendb.bits(8)})
    table.insert({"id": [1, 2], "v": [[0, 0], [1, 1]], "b": [b"\x00", b"\xff"]})
    assert table.search([1, 1], k=1, column="v").ids.tolist() == [2]
    assert table.search(b"\x01", k=1, column="b").ids.tolist() == [1]
    with pytest.raises(omendb.QueryError, match="several vector columns"):
        table.search(b"\x01")
    with pytest.raises(omendb.QueryError):
        table.search(b"\x01", column="v")
