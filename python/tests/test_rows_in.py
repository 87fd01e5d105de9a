"""Rows in every form that users have them in, and what is refused."""

import datetime
import decimal
import io
import sys

import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest

import omendb
from omendb import _rows

UTC = datetime.timezone.utc
IDS = ["a", "b", "c"]
YEARS = [2001, None, 2003]
NAMES = ["ä", None, "日本"]
PRICES = [1.5, 2.0, None]
STOCK = [True, None, False]
TAGS = [["x", "y"], [], None]
ADDED = [datetime.datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), None, datetime.datetime(1960, 1, 1, tzinfo=UTC)]
EXTRA = [{"k": [1, None]}, None, [1, "z"]]
VECTORS = [[1.0, 2.0, 3.0, 4.0], [0.0, 0.5, 0.25, 0.125], None]
LISTS = {
    "id": IDS,
    "year": YEARS,
    "name": NAMES,
    "price": PRICES,
    "stock": STOCK,
    "tags": TAGS,
    "added": ADDED,
    "extra": EXTRA,
    "v": VECTORS,
}


def check_content(table):
    rows = table.get(IDS)
    for name, values in LISTS.items():
        found = [row[name].tolist() if isinstance(row[name], np.ndarray) else row[name] for row in rows]
        assert found == values, name


def arrow_table():
    return pa.table(
        {
            "id": IDS,
            "year": YEARS,
            "name": NAMES,
            "price": PRICES,
            "stock": STOCK,
            "tags": TAGS,
            "added": pa.array(ADDED, pa.timestamp("us", "UTC")),
            "extra": ['{"k": [1, null]}', None, '[1, "z"]'],
            "v": pa.array(VECTORS, pa.list_(pa.float32(), 4)),
        }
    )


class OnlyStream:
    """An object of another library that speaks nothing but Arrow's stream protocol."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


FORMS = {
    "dict of lists": lambda: dict(LISTS),
    "list of dicts": lambda: [dict(zip(LISTS, row)) for row in zip(*LISTS.values())],
    "generator of dicts": lambda: (dict(zip(LISTS, row)) for row in zip(*LISTS.values())),
    "pandas": lambda: pandas.DataFrame({name: pandas.Series(values, dtype=object) for name, values in LISTS.items()}),
    "pandas inferred": lambda: pandas.DataFrame(LISTS).astype({"year": "Int64", "stock": "boolean"}),
    "pandas with arrow types": lambda: arrow_table().to_pandas(types_mapper=pandas.ArrowDtype),
    "polars": lambda: polars.from_arrow(arrow_table()),
    "polars lazy": lambda: polars.from_arrow(arrow_table()).lazy(),
    "arrow table": arrow_table,
    "arrow table of chunks": lambda: pa.concat_tables([arrow_table().slice(0, 1), arrow_table().slice(1)]),
    "arrow batch": lambda: arrow_table().to_batches()[0],
    "arrow slice": lambda: pa.concat_tables([arrow_table(), arrow_table()]).combine_chunks().to_batches()[0].slice(3),
    "arrow reader": lambda: arrow_table().to_reader(max_chunksize=2),
    "arrow stream protocol": lambda: OnlyStream(arrow_table()),
    "large and view types": lambda: (
        arrow_table()
        .set_column(2, "name", pa.array(NAMES, pa.string_view()))
        .set_column(5, "tags", pa.array(TAGS, pa.large_list(pa.large_string())))
    ),
    "dictionary": lambda: arrow_table().set_column(2, "name", pa.array(NAMES).dictionary_encode()),
    "variable lists as vectors": lambda: arrow_table().set_column(8, "v", pa.array(VECTORS, pa.list_(pa.float64()))),
    "dict of arrow arrays": lambda: {name: arrow_table()[name] for name in arrow_table().column_names},
    "dict of pandas series": lambda: {name: pandas.Series(values, dtype=object) for name, values in LISTS.items()},
    "dict of polars series": lambda: {
        name: polars.from_arrow(arrow_table())[name] for name in arrow_table().column_names
    },
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("progress", [False, True])
def test_rows_arrive_whatever_their_form(docs, form, progress):
    assert docs.insert(FORMS[form](), progress=progress) == 3
    check_content(docs)
    assert docs.upsert(FORMS[form](), progress=progress) == 3
    check_content(docs)


def test_numpy_columns_of_every_kind(docs):
    docs.insert(
        {
            "id": np.array(["a", "b"]),
            "year": np.array([1, 2], np.int32),
            "price": np.array([1, np.nan], np.float32),
            "stock": np.array([True, False]),
            "added": np.array(["2020-01-01T00:00:01", "NaT"], "datetime64[s]"),
            "v": np.ones((2, 4)),
            "name": np.array(["x", None], object),
        }
    )
    first, second = docs.get(["a", "b"])
    assert (first["year"], first["price"], first["stock"], first["name"]) == (1, 1.0, True, "x")
    assert first["added"] == datetime.datetime(2020, 1, 1, 0, 0, 1, tzinfo=UTC) and second["added"] is None
    assert np.isnan(second["price"]) and second["name"] is None


def test_a_structured_array_is_a_table(points):
    rows = np.zeros(3, dtype=[("id", np.int64), ("v", np.float32, 2)])
    rows["id"] = [5, 6, 7]
    rows["v"] = [[1, 2], [3, 4], [5, 6]]
    assert points.insert(rows) == 3
    assert points.get(6)["v"].tolist() == [3, 4]


@pytest.mark.parametrize(
    "vectors",
    [
        np.arange(6, dtype=np.float32).reshape(3, 2),
        np.arange(6).reshape(3, 2),
        np.arange(6, dtype=np.float16).reshape(3, 2),
        np.arange(6, dtype=">f4").reshape(3, 2),
        np.asfortranarray(np.arange(6, dtype=np.float32).reshape(3, 2)),
        np.arange(6, dtype=np.float32).reshape(3, 2).repeat(2, axis=1)[:, ::2],
        np.array([[0, 1], [2, 3], [4, 5]], object),
        [[0, 1], [2, 3], [4, 5]],
        [np.array([0, 1]), (2, 3), [4.0, 5]],
        pa.array([[0, 1], [2, 3], [4, 5]]),
        memoryview(np.arange(6.0).reshape(3, 2)),
    ],
)
def test_vectors_arrive_whatever_their_form(points, vectors):
    points.insert({"id": [1, 2, 3], "v": vectors})
    assert [row["v"].tolist() for row in points.get([1, 2, 3])] == [[0, 1], [2, 3], [4, 5]]


def test_vectors_that_are_not_aligned_are_copied_first(points):
    raw = np.frombuffer(b"\0" + np.arange(4, dtype=np.float32).tobytes(), np.uint8)[1:].view(np.float32).reshape(2, 2)
    points.insert({"id": [1, 2], "v": raw})
    assert points.get(2)["v"].tolist() == [2, 3]
    assert points.search(raw[1], k=1).ids.tolist() == [2]


class OnlyDlpack:
    """A tensor that speaks nothing but DLPack."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **arguments):
        return self._array.__dlpack__(**arguments)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class OnlyInterface:
    """An array that speaks nothing but NumPy's array interface."""

    def __init__(self, array):
        self.__array_interface__ = array.__array_interface__
        self._array = array


@pytest.mark.parametrize("wrap", [OnlyDlpack, OnlyInterface])
def test_tensors_of_other_libraries_are_vectors(points, wrap):
    points.insert({"id": [1, 2], "v": wrap(np.array([[1, 2], [3, 4]], np.float32))})
    assert points.search(wrap(np.array([3, 4], np.float32)), k=1).ids.tolist() == [2]
    assert points.search(wrap(np.array([[3, 4], [1, 2]], np.float64)), k=1).ids.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        (["2020-01-01T00:00:00Z"], datetime.datetime(2020, 1, 1, tzinfo=UTC)),
        (["2020-01-01T02:00:00+02:00"], datetime.datetime(2020, 1, 1, tzinfo=UTC)),
        (["2020-01-01 10:20:30.123456"], datetime.datetime(2020, 1, 1, 10, 20, 30, 123456, tzinfo=UTC)),
        ([datetime.datetime(2020, 1, 1)], datetime.datetime(2020, 1, 1, tzinfo=UTC)),
        (
            [datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=-5)))],
            datetime.datetime(2020, 1, 1, 5, tzinfo=UTC),
        ),
        ([datetime.date(1999, 12, 31)], datetime.datetime(1999, 12, 31, tzinfo=UTC)),
        ([pandas.Timestamp("2020-06-01", tz="Europe/Berlin")], datetime.datetime(2020, 5, 31, 22, tzinfo=UTC)),
        (
            np.array(["1969-12-31T23:59:59.999999"], "datetime64[us]"),
            datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        ),
        (np.array(["2020-01-01"], "datetime64[D]"), datetime.datetime(2020, 1, 1, tzinfo=UTC)),
        (pandas.Series(pandas.to_datetime(["2020-01-01"])), datetime.datetime(2020, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_become_utc(docs, values, stored):
    docs.insert({"id": ["a"], "added": values})
    assert docs.get("a")["added"] == stored and docs.get("a")["added"].tzinfo is UTC


def test_times_beyond_the_years_of_datetime_survive(docs):
    docs.insert({"id": ["a"], "added": np.array([-(2**62)], "datetime64[us]")})
    assert docs.get("a")["added"] == np.datetime64(-(2**62), "us")
    assert docs.scan(select=["added"]).read_all()["added"].cast(pa.int64()).to_pylist() == [-(2**62)]


@pytest.mark.parametrize("value", [{"a": {"b": [1, 2.5, None, "ü"]}}, [], [1, [2]], 3, 2.5, True, False])
def test_json_values_come_back_parsed(docs, value):
    docs.insert([{"id": "a", "extra": value}])
    assert docs.get("a")["extra"] == value


def test_json_text_is_taken_as_it_is(docs):
    docs.insert({"id": ["a", "b"], "extra": ['{"x":  1}', '"plain"']})
    assert docs.get("a")["extra"] == {"x": 1} and docs.get("b")["extra"] == "plain"
    assert docs.scan(select=["extra"]).read_all()["extra"].to_pylist() == ['{"x":  1}', '"plain"']


def test_numbers_are_widened_but_not_rounded(docs):
    docs.insert({"id": ["a"], "year": [7.0], "price": [decimal.Decimal("1.25")]})
    docs.insert({"id": ["b"], "year": np.array([255], np.uint8), "price": [3]})
    assert [(row["year"], row["price"]) for row in docs.get(["a", "b"])] == [(7, 1.25), (255, 3.0)]


def test_no_rows_are_no_rows(docs):
    for rows in (
        [],
        {"id": []},
        {"id": [], "v": [], "tags": []},
        pandas.DataFrame({"id": pandas.Series([], dtype=object)}),
        arrow_table().slice(0, 0),
        {"id": [], "v": np.zeros((0, 4), np.float32)},
        iter([]),
    ):
        assert docs.insert(rows) == 0
    assert len(docs) == 0 and docs.scan().read_all().num_rows == 0


WRONG = {
    "unknown column": ({"id": ["x"], "colour": ["red"]}, omendb.SchemaError, "colour"),
    "no key": ({"year": [1]}, omendb.SchemaError, "primary key"),
    "null key": ({"id": ["x", None]}, omendb.InvalidArgumentError, "row 1"),
    "key of another type": ({"id": [1]}, omendb.SchemaError, "'id'"),
    "text as number": ({"id": ["x"], "year": ["1999"]}, omendb.SchemaError, "'year'"),
    "one text among numbers": ({"id": ["x", "y", "z"], "year": [1, 2, "3"]}, omendb.Error, "'year'.*row 2"),
    "fraction as integer": ({"id": ["x", "y"], "year": [1.0, 2.5]}, omendb.Error, "'year'.*row 1"),
    "too large an integer": ({"id": ["x", "y"], "year": [1, 2**63]}, omendb.Error, "'year'.*row 1"),
    "much too large an integer": ({"id": ["x", "y"], "year": [1, 2**80]}, omendb.Error, "'year'.*row 1"),
    "nan as integer": ({"id": ["x"], "year": np.array([np.nan])}, omendb.Error, "'year'.*row 0"),
    "number as bool": ({"id": ["x"], "stock": [1]}, omendb.SchemaError, "'stock'"),
    "bool as number": ({"id": ["x"], "year": [True]}, omendb.SchemaError, "'year'"),
    "number as text": ({"id": ["x"], "name": [3]}, omendb.SchemaError, "'name'"),
    "bytes as text": ({"id": ["x"], "name": [b"abc"]}, omendb.SchemaError, "'name'"),
    "lone surrogate": ({"id": ["x", "y"], "name": ["fine", "\ud800"]}, omendb.Error, "'name'.*row 1"),
    "text as list": ({"id": ["x"], "tags": ["red"]}, omendb.SchemaError, "'tags'"),
    "numbers in a list": ({"id": ["x"], "tags": [[1, 2]]}, omendb.SchemaError, "'tags'"),
    "null in a list": ({"id": ["x", "y"], "tags": [["a"], ["b", None]]}, omendb.SchemaError, "'tags'.*row 1"),
    "number as time": ({"id": ["x"], "added": [1577836800]}, omendb.SchemaError, "'added'"),
    "words as time": ({"id": ["x", "y"], "added": ["2020-01-01", "yesterday"]}, omendb.Error, "'added'.*row 1"),
    "nanoseconds": ({"id": ["x"], "added": np.array([1], "datetime64[ns]")}, omendb.Error, "'added'.*row 0"),
    "not json": ({"id": ["x", "y"], "extra": ["{}", "{oops"]}, omendb.Error, "'extra'.*row 1"),
    "an object as json": ({"id": ["x"], "extra": [{1, 2}]}, omendb.Error, "'extra'.*row 0"),
    "nan as json": ({"id": ["x"], "extra": [[float("nan")]]}, omendb.Error, "'extra'.*row 0"),
    "wrong dimension": ({"id": ["x"], "v": np.ones((1, 3), np.float32)}, omendb.SchemaError, "'v'.*4.*3"),
    "wrong dimension of one": (
        {"id": ["x", "y"], "v": [[1, 2, 3, 4], [1, 2, 3]]},
        omendb.SchemaError,
        "'v'.*row 1.*4.*3",
    ),
    "wrong dimension in arrow": (
        {"id": ["x", "y"], "v": pa.array([[1.0] * 4, [1.0]])},
        omendb.SchemaError,
        "'v'.*row 1.*4.*1",
    ),
    "nan component": (
        {"id": ["x", "y"], "v": [[1, 2, 3, 4], [1, 2, float("nan"), 4]]},
        omendb.InvalidArgumentError,
        "'v'.*row 1.*component 2",
    ),
    "infinite component": (
        {"id": ["x"], "v": np.full((1, 4), np.inf, np.float32)},
        omendb.InvalidArgumentError,
        "'v'.*row 0",
    ),
    "component beyond float32": ({"id": ["x"], "v": np.full((1, 4), 1e300)}, omendb.InvalidArgumentError, "'v'.*row 0"),
    "null component": (
        {"id": ["x", "y"], "v": pa.array([None, [1.0, None, 2.0, 3.0]], pa.list_(pa.float32(), 4))},
        omendb.SchemaError,
        "'v'.*row 1",
    ),
    "null component in a list": (
        {"id": ["x", "y"], "v": pa.array([None, [1.0, None, 2.0, 3.0]])},
        omendb.Error,
        "'v'.*row 1",
    ),
    "one dimension": ({"id": ["x"], "v": np.ones(4, np.float32)}, omendb.SchemaError, "'v'.*two dimensions"),
    "three dimensions": ({"id": ["x"], "v": np.ones((1, 2, 2), np.float32)}, omendb.SchemaError, "'v'"),
    "text as vector": ({"id": ["x"], "v": ["abcd"]}, omendb.Error, "'v'"),
    "texts in a vector": ({"id": ["x"], "v": [["1", "2", "3", "4"]]}, omendb.Error, "'v'.*row 0"),
    "lengths that differ": ({"id": ["x", "y"], "year": [1]}, omendb.InvalidArgumentError, "'year'.*1.*2"),
    "a scalar as a column": ({"id": ["x"], "year": 5}, omendb.SchemaError, "'year'"),
    "two dimensions of numbers": ({"id": ["x"], "year": np.ones((1, 1))}, omendb.SchemaError, "'year'"),
    "a row that is no dict": ([{"id": "x"}, ("y", 2)], omendb.SchemaError, "row 1"),
    "a number": (42, omendb.SchemaError, "int"),
    "a text": ("id", omendb.SchemaError, "str"),
    "nothing": (None, omendb.SchemaError, "NoneType"),
    "a column twice": (
        pa.table([pa.array(["x"]), pa.array(["y"])], names=["id", "id"]),
        omendb.SchemaError,
        "'id'.*twice",
    ),
    "an arrow type without a column": ({"id": ["x"], "name": pa.array([b"x"])}, omendb.SchemaError, "'name'"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("verb", ["insert", "upsert"])
def test_wrong_rows_are_named_and_change_nothing(db, docs, case, verb):
    docs.insert({"id": ["kept"], "year": [1]})
    before = db.state_hash()
    rows, kind, message = WRONG[case]
    with pytest.raises(kind, match=message):
        getattr(docs, verb)(rows)
    assert db.state_hash() == before and docs.count() == 1


@pytest.mark.parametrize("keys", [[1], [None], [1.5], ["x", 2], [b"x"], 3.5, {"a": 1}, ["\ud800"]])
def test_wrong_keys_are_refused(docs, keys):
    docs.insert({"id": ["x"]})
    for method in (docs.get, docs.delete):
        with pytest.raises(omendb.Error):
            method(keys)
    assert docs.count() == 1


@pytest.mark.parametrize("keys", [["1"], [True], [2**63], [1.0]])
def test_wrong_integer_keys_are_refused(points, keys):
    points.insert({"id": [1]})
    for method in (points.get, points.delete):
        with pytest.raises(omendb.Error):
            method(keys)
    assert points.count() == 1


def test_extreme_values_survive(docs, points):
    docs.insert(
        {
            "id": ["", "x" * 1000, "\U0001f6b2"],
            "year": [-(2**63), 2**63 - 1, 0],
            "price": [float("inf"), -0.0, 5e-324],
            "name": ["", "\0", "\u2028"],
        }
    )
    rows = docs.get(["", "x" * 1000, "\U0001f6b2"])
    assert [row["year"] for row in rows] == [-(2**63), 2**63 - 1, 0] and [row["price"] for row in rows] == [
        float("inf"),
        0.0,
        5e-324,
    ]
    assert [row["name"] for row in rows] == ["", "\0", "\u2028"]
    points.insert({"id": [-(2**63), 2**63 - 1], "v": np.array([[3e38, -3e38], [1e-45, 0]], np.float32)})
    assert points.get(2**63 - 1)["v"].tolist() == np.array([1e-45, 0], np.float32).tolist()


def test_progress_draws_a_bar_and_counts(points, monkeypatch):
    drawn = io.StringIO()
    monkeypatch.setattr(sys, "stderr", drawn)
    assert points.insert({"id": np.arange(20_000), "v": np.zeros((20_000, 2), np.float32)}, progress=True) == 20_000
    assert "100%" in drawn.getvalue() and "20,000/20,000 rows" in drawn.getvalue() and "points" in drawn.getvalue()
    drawn.truncate(0)
    assert points.upsert(({"id": i} for i in range(3)), progress=True) == 3
    assert "3 rows" in drawn.getvalue()


def test_progress_names_the_row_of_the_whole_and_says_what_was_written(points):
    rows = [{"id": i} for i in range(9000)]
    rows[8500] = {"id": "wrong"}
    with pytest.raises(omendb.Error, match="row 8500") as caught:
        points.insert(rows, progress=True)
    assert any("8192 rows were written" in note for note in caught.value.__notes__)
    assert points.count() == 8192


def addresses(array):
    return {buffer.address for buffer in array.buffers() if buffer is not None}


def test_what_fits_already_is_not_copied_on_the_way(points, docs):
    ids, vectors = np.arange(5), np.random.default_rng(1).random((5, 2), np.float32)
    names = pa.array(["a", "b", "c"])
    batch = _rows.to_batch({"id": ids, "v": vectors}, points._schema, "points")
    assert addresses(batch.column("id")) == {ids.ctypes.data} and addresses(batch.column("v")) == {vectors.ctypes.data}
    assert addresses(_rows.to_batch({"id": names}, docs._schema, "docs").column("id")) == addresses(names)
    frame = polars.DataFrame({"id": ids})
    assert addresses(_rows.to_batch(frame, points._schema, "points").column("id")) == addresses(frame["id"].to_arrow())


def test_rows_read_share_memory_with_arrow_and_numpy(points):
    points.insert({"id": np.arange(3), "v": np.ones((3, 2), np.float32)})
    raw = points._raw.get([0, 1, 2], ["v"])[0]
    first, second = pa.record_batch(raw), pa.record_batch(raw)
    assert addresses(first.column("v")) == addresses(second.column("v"))
    assert addresses(first.column("v")) == {raw.values(0)[0].__array_interface__["data"][0]}
