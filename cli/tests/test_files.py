"""Files of rows: what is read from them, what is guessed, and how a bad one is refused."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from omendb_cli import columns, sources, vector_files
from omendb_cli.failure import Failure, Usage


def write(path, data):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(path)


def first_chunk(path):
    source = sources.open_source(path)
    return source, next(source.chunks())


def guessed(path):
    source, chunk = first_chunk(path)
    return {column.name: str(column) for column in source.guess(chunk)}


def fvecs(rows):
    return b"".join(np.int32(len(row)).tobytes() + np.asarray(row, dtype="<f4").tobytes() for row in rows)


def test_csv_types_are_guessed_from_the_cells(tmp_path):
    path = write(
        tmp_path / "a.csv",
        'id,price,ok,zip,day,v,extra,name\n1,2.5,true,01234,2024-01-02,"[0.5,1]","{""a"":1}",Zoë\n'
        '2,-3,false,99999,2024-01-02T10:00:00Z,"[2,3.5]",{},\n',
    )
    assert guessed(path) == {
        "id": "int64",
        "price": "float64",
        "ok": "bool",
        "zip": "string",
        "day": "timestamp",
        "v": "vector(2)",
        "extra": "json",
        "name": "string",
    }


def test_numbers_too_large_for_int64_stay_texts(tmp_path):
    assert guessed(write(tmp_path / "a.csv", "a,b\n9223372036854775807,9223372036854775808\n")) == {
        "a": "int64",
        "b": "string",
    }


def test_an_empty_csv_cell_is_null_and_a_quoted_empty_one_is_not(tmp_path):
    _, chunk = first_chunk(write(tmp_path / "a.csv", 'a,b\n,""\n'))
    assert chunk.values["a"].to_pylist() == [None] and chunk.values["b"].to_pylist() == [""]


def test_a_value_may_span_lines_and_line_numbers_stay_right(tmp_path):
    source = sources.open_source(write(tmp_path / "a.csv", 'a,b\n1,"x\ny"\n2,z\n3\n'))
    with pytest.raises(Failure, match=r"a\.csv: line 5 has 1 values, line 1 names 2 columns"):
        list(source.chunks())


def test_a_ragged_line_far_into_the_file_is_named(tmp_path):
    text = "a,b\n" + "".join(f"{row},x{row}\n" for row in range(300_000)) + "1,2,3\n"
    with pytest.raises(Failure, match="line 300,002 has 3 values"):
        list(sources.open_source(write(tmp_path / "a.csv", text)).chunks())


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("", "the file is empty"),
        ("\n", "the file is empty"),
        ("a,a\n1,2\n", "column 'a' is named twice"),
        ("a,,c\n1,2,3\n", "column 2 has no usable name"),
        (b"\x00\xff\xfe\x01" * 50, "is not csv text|no usable name"),
        ('a,b\n1,"x\n2,y\n', "a quote is opened and never closed"),
        ("a,b\n1," + "x" * (40 << 20) + "\n2,y\n", "longer than 16 MiB"),
    ],
)
def test_csv_that_is_no_csv_is_refused_in_one_line(tmp_path, text, complaint):
    path = write(tmp_path / "a.csv", text)
    with pytest.raises(Failure, match=complaint) as raised:
        list(sources.open_source(path).chunks())
    assert len(str(raised.value).splitlines()) == 1


def test_csv_bytes_that_are_not_utf8_are_refused(tmp_path):
    with pytest.raises(Failure, match=r"a\.csv: .*(UTF8|utf-8|UTF-8)"):
        list(sources.open_source(write(tmp_path / "a.csv", b"a,b\n1,\xff\xfe\n")).chunks())


def test_jsonl_types_are_guessed_from_the_values(tmp_path):
    lines = [
        {
            "_id": "a",
            "n": 1,
            "x": 1,
            "tags": ["p"],
            "v": [1.0, 2],
            "e": {"k": 1},
            "t": "2024-01-02T03:04:05Z",
            "ok": True,
        },
        {"_id": "b", "n": None, "x": 1.5, "tags": [], "v": [3, 4.5], "e": [1, "a"], "t": "2024-01-02", "ok": False},
    ]
    path = write(tmp_path / "a.jsonl", "\n\n".join(map(json.dumps, lines)))
    assert guessed(path) == {
        "_id": "string",
        "n": "int64",
        "x": "float64",
        "tags": "string[]",
        "v": "vector(2)",
        "e": "json",
        "t": "timestamp",
        "ok": "bool",
    }


@pytest.mark.parametrize(
    "line, complaint",
    [
        ('{"a": 1', "line 2 is not JSON"),
        ("[1]", "line 2 is not a JSON object"),
        ('{"a": NaN}', "line 2 is not JSON"),
        ("[" * 100_000, "line 2 is not JSON"),
    ],
)
def test_a_bad_jsonl_line_is_named(tmp_path, line, complaint):
    with pytest.raises(Failure, match=complaint):
        list(sources.open_source(write(tmp_path / "a.jsonl", '{"a": 1}\n' + line + "\n")).chunks())


def test_parquet_types_come_from_arrow(tmp_path):
    table = pa.table(
        {
            "id": pa.array([1, 2], pa.int32()),
            "d": pa.array(["x", "y"]).dictionary_encode(),
            "l": pa.array([["a"], None]),
            "v": pa.array([[1.0, 2.0], [3.0, 4.0]]),
            "f": pa.array([[1.0], [2.0]], pa.list_(pa.float32(), 1)),
            "t": pa.array([0, 1], pa.timestamp("ms")),
            "s": pa.array([{"k": 1}, None]),
        }
    )
    path = str(tmp_path / "a.parquet")
    pyarrow.parquet.write_table(table, path)
    assert guessed(path) == {
        "id": "int64",
        "d": "string",
        "l": "string[]",
        "v": "vector(2)",
        "f": "vector(1)",
        "t": "timestamp",
        "s": "json",
    }


def test_a_parquet_file_of_junk_is_refused(tmp_path):
    with pytest.raises(Failure, match="not a Parquet file"):
        sources.open_source(write(tmp_path / "a.parquet", b"junk" * 100))


def test_fvecs_and_bvecs_come_back_as_written(tmp_path):
    rows = np.random.default_rng(1).random((7, 5), dtype=np.float32)
    assert np.array_equal(vector_files.map_vectors(write(tmp_path / "a.fvecs", fvecs(rows))), rows)
    small = np.arange(12, dtype=np.uint8).reshape(3, 4)
    data = b"".join(np.int32(4).tobytes() + row.tobytes() for row in small)
    assert np.array_equal(vector_files.map_vectors(write(tmp_path / "a.bvecs", data)), small)


def test_fvecs_written_by_us_are_read_by_us(tmp_path):
    rows = np.random.default_rng(2).random((4, 3), dtype=np.float32)
    with open(tmp_path / "a.fvecs", "wb") as stream:
        vector_files.write_fvecs(stream, rows)
    assert np.array_equal(vector_files.map_vectors(str(tmp_path / "a.fvecs")), rows)


@pytest.mark.parametrize(
    "data, complaint",
    [
        (b"", "too short"),
        (fvecs([[1, 2], [3, 4]])[:-1], r"ends inside row 1 \(11 of 12 bytes\)"),
        (fvecs([[1, 2], [3, 4], [5]]), "row 2|ends inside"),
        (b"\xff" * 64, "row 0 says -1 dimensions"),
        (np.int32(0).tobytes() * 4, "row 0 says 0 dimensions"),
        (fvecs([[1, 2], [3]]) + b"\0" * 4, "row 1 says 1"),
    ],
)
def test_damaged_fvecs_are_refused_with_the_row(tmp_path, data, complaint):
    with pytest.raises(Failure, match=complaint):
        vector_files.map_vectors(write(tmp_path / "a.fvecs", data))


def test_a_component_that_is_not_finite_is_refused_with_its_row(tmp_path):
    rows = np.ones((10, 2), dtype=np.float32)
    rows[6, 1] = np.nan
    source = sources.open_source(write(tmp_path / "a.fvecs", fvecs(rows)), chunk_rows=4)
    with pytest.raises(Failure, match="row 6 has a component that is NaN"):
        list(source.chunks())


@pytest.mark.parametrize(
    "array, complaint",
    [
        (np.zeros((2, 3, 4)), "has 3 axes"),
        (np.array(["a"]), "vectors are numbers"),
        (np.zeros((3, 0)), "0 dimensions"),
        (np.zeros(2, dtype=complex), "complex"),
    ],
)
def test_npy_that_holds_no_vectors_is_refused(tmp_path, array, complaint):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(Failure, match=complaint):
        vector_files.map_vectors(str(tmp_path / "a.npy"))


def test_npy_with_pickled_objects_is_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"x": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(Failure, match="not a usable npy file"):
        vector_files.map_vectors(str(tmp_path / "a.npy"))


def test_unknown_endings_missing_files_and_directories_are_refused(tmp_path):
    for path, complaint in ((tmp_path / "a.xyz", "no such file"), (tmp_path, "is a directory")):
        with pytest.raises(Failure, match=complaint):
            sources.open_source(str(path))
    with pytest.raises(Failure, match="endings read here"):
        sources.open_source(write(tmp_path / "a.xyz", "a"))


@pytest.mark.parametrize(
    "values, kind, row, complaint",
    [
        (["1", "x"], "int64", 1, '"x" is not a int64'),
        ([1, "2"], "int64", 1, "is not a int64"),
        (["a", 5], "string", 1, "5 is not a string"),
        ([1, True], "int64", 1, "a bool"),
        (["2024-13-01"], "timestamp", 0, "ISO 8601"),
        ([5], "timestamp", 0, "ISO 8601"),
    ],
)
def test_a_value_that_does_not_fit_is_named(values, kind, row, complaint):
    with pytest.raises(columns.BadValue, match=complaint) as raised:
        columns.converted(
            values if kind != "int64" or not all(isinstance(v, str) for v in values) else pa.array(values),
            columns.Column("c", kind),
        )
    assert raised.value.row == row


@pytest.mark.parametrize(
    "values, row, complaint",
    [
        ([[1, 2], [1]], 1, "1 dimensions, not 2"),
        ([[1, 2], "x"], 1, "is not a vector"),
        ([[1, 2], None, [1, float("inf")]], 2, "NaN or infinite"),
        (pa.array([[1.0, 2.0], [1.0]]), 1, "1 dimensions"),
        (pa.array([[1.0, None]]), 0, "null"),
        (pa.array(["1,2", "1,x"]), 1, "is not a vector"),
    ],
)
def test_a_vector_that_does_not_fit_is_named(values, row, complaint):
    with pytest.raises(columns.BadValue, match=complaint) as raised:
        columns.converted(values, columns.Column("v", "vector", 2))
    assert raised.value.row == row


def test_vectors_keep_their_values_and_nulls_in_every_spelling():
    wanted = [[1.0, 2.0], None, [3.0, 4.5]]
    spellings = [
        wanted,
        pa.array(wanted),
        pa.array(["[1, 2]", None, "3,4.5"]),
        pa.array(wanted, pa.list_(pa.float64(), 2)),
    ]
    for spelling in spellings:
        assert columns.converted(spelling, columns.Column("v", "vector", 2)).to_pylist() == wanted


def test_an_unknown_type_is_a_usage_error():
    with pytest.raises(Usage, match="types are"):
        columns.parse_type("a", "integer")
    assert str(columns.parse_type("v", "vector(3)")) == "vector(3)"
