"""Errors: their classes, their codes, and what is promised but not there yet."""

import inspect

import pytest

import omendb
from omendb import _errors


def test_every_error_is_an_error_of_omendb_with_a_code():
    kinds = [kind for _, kind in inspect.getmembers(_errors, inspect.isclass) if issubclass(kind, omendb.Error)]
    assert len(kinds) == 18 and {kind.__name__ for kind in kinds} <= set(omendb.__all__)
    for kind in kinds:
        assert kind.code and str(kind("what went wrong")) == "what went wrong"


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (1, omendb.InvalidArgumentError, "invalid argument"),
        (2, omendb.SchemaError, "schema"),
        (3, omendb.NotFoundError, "not found"),
        (4, omendb.ConflictError, "conflict"),
        (5, omendb.CorruptionError, "corruption"),
        (6, omendb.StorageFullError, "storage full"),
        (7, omendb.LockedError, "locked"),
        (8, omendb.PermissionDeniedError, "permission"),
        (9, omendb.IoError, "io"),
        (10, omendb.UnsupportedFormatError, "unsupported format"),
        (11, omendb.NotSupportedError, "not supported"),
        (12, omendb.ClosedError, "closed"),
        (13, omendb.OutOfMemoryError, "out of memory"),
        (14, omendb.InternalError, "internal"),
        (15, omendb.TimeoutError, "timeout"),
        (16, omendb.CancelledError, "cancelled"),
        (99, omendb.InternalError, "internal"),
    ],
)
def test_numbers_of_the_engine_become_classes(number, kind, code):
    error = _errors.from_code(number, "message", False)
    assert type(error) is kind and error.code == code and str(error) == "message"


def test_errors_are_also_what_python_calls_them(db):
    table = db.create_table("t", {"id": "int64 primary key", "v": omendb.vector(1)})
    with pytest.raises(KeyError):
        db["nobody"]
    with pytest.raises(ValueError, match="k"):
        table.search([1.0], k=0)
    db.close()
    with pytest.raises(ValueError, match="closed"):
        table.count()


def test_a_closed_database_says_so_whatever_is_asked(points, db):
    points.insert({"id": [1], "v": [[0, 0]]})
    hits = points.search([0, 0])
    reader = points.scan()
    db.close()
    db.close()
    calls = [
        lambda: points.insert({"id": [2]}),
        lambda: points.upsert({"id": [2]}),
        lambda: points.delete([1]),
        lambda: points.clear(),
        lambda: points.get(1),
        points.count,
        points.scan,
        lambda: points.search([0, 0]),
        points.stats,
        lambda: db["points"],
        lambda: list(db),
        lambda: len(db),
        lambda: "x" in db,
        lambda: db.create_table("u", {"id": "int64 primary key"}),
        lambda: db.drop_table("points"),
        db.check,
        db.stats,
        db.state_hash,
        db.checkpoint,
        lambda: points.insert([]),
    ]
    for number, call in enumerate(calls):
        with pytest.raises(omendb.ClosedError):
            call()
            pytest.fail(f"call {number} was answered")
    assert points.name == "points" and "points" in repr(points)
    for leftover in (
        lambda: hits[0]["id"],
        reader.read_all,
    ):  # a version outlives its database or says that it is closed; both are fine, a crash is not
        try:
            leftover()
        except omendb.ClosedError:
            continue


@pytest.mark.parametrize(
    "call",
    [
        lambda table: table.database.sql("select 1"),
        lambda table: table.database.transaction(),
        lambda table: table.database.snapshot(),
        lambda table: omendb.connect(":memory:", memory_limit=1 << 30),
        lambda table: omendb.connect(":memory:", keep_versions=3),
    ],
)
def test_what_is_promised_but_not_there_says_so(points, call):
    points.insert({"id": [1], "v": [[0, 0]]})
    with pytest.raises(omendb.NotSupportedError, match="not there yet|release"):
        call(points)
    assert points.count() == 1


def test_none_stands_for_not_given(points):
    points.insert({"id": [1], "v": [[0, 0]]})
    assert points.count(where=None) == 1 and len(points.search([0, 0], where=None, text=None)) == 1


@pytest.mark.parametrize("method", ["search", "count", "scan", "delete"])
def test_arguments_that_nobody_promised_are_type_errors(points, method):
    with pytest.raises(TypeError, match="wheer"):
        getattr(points, method)(wheer="id = 1")


def test_delete_of_nothing_is_not_a_delete_of_everything(points):
    points.insert({"id": [1]})
    with pytest.raises(omendb.InvalidArgumentError, match="clear"):
        points.delete()
    assert points.count() == 1


@pytest.mark.parametrize(
    "options",
    [{"sync": "sometimes"}, {"sync": 3}, {"sync": None}, {"threads": -1}, {"threads": "many"}, {"threads": True}],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(omendb.InvalidArgumentError):
        omendb.connect(":memory:", **options)


@pytest.mark.parametrize("path", [b"bytes", 3, None])
def test_wrong_paths_are_refused(path):
    with pytest.raises((omendb.Error, TypeError)):
        omendb.connect(path)
