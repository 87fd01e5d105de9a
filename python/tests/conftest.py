"""What the tests of the Python package share: fresh databases, and how long the randomised ones run."""

import os

import hypothesis
import pytest

import omendb

_SCALE = float(os.environ.get("OMENDB_TEST_SCALE", "1"))
hypothesis.settings.register_profile(
    "omendb",
    deadline=None,
    max_examples=max(1, int(40 * _SCALE)),
    stateful_step_count=25,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("omendb")

EVERY_TYPE = {
    "id": "string primary key",
    "title": omendb.text(analyzer="english"),
    "name": "string",
    "year": "int64",
    "price": "float64",
    "stock": "bool",
    "tags": "string[]",
    "added": "timestamp",
    "extra": "json",
    "v": omendb.vector(4),
}


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "shop.omen")


@pytest.fixture
def db():
    with omendb.connect(":memory:") as database:
        yield database


@pytest.fixture
def docs(db):
    """A table with a column of every type and four dimensions."""
    return db.create_table("docs", EVERY_TYPE)


@pytest.fixture
def points(db):
    """int64 keys and vectors of two dimensions."""
    return db.create_table("points", {"id": "int64 primary key", "v": omendb.vector(2)})
