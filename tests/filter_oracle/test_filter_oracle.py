"""Random conditions over random rows: OmenDB and PostgreSQL answer true, false and null alike, row by row, and fail alike."""

import os
import random
import re

import pytest

from filter_oracle import conditions, corners, rows

omendb = pytest.importorskip("omendb")

SCALE = float(os.environ.get("OMENDB_TEST_SCALE", "1"))
COUNT = int(os.environ.get("OMENDB_FILTER_ORACLE_COUNT", 0)) or max(100, int(3_000 * SCALE))
SEED = int(os.environ.get("OMENDB_FILTER_ORACLE_SEED", "1"))
ROW_COUNT = 300
DEAD_ROW_COUNT = 900  # before the others, so that these lie in two blocks of 1,024
BATCH = 1_000  # conditions in one go
SHOWN = 10  # of those that differ
BLOCK = 32_768  # rows that have an index together
# Columns with indexes behind conditions; members as they are named in conditions.py and rows.py.
INDEXED = {
    "extra": omendb.column("json", index=["a", "b", "s", "name", "a.b", "a.b.c", "日本"]),
    "meta": omendb.column("json", index=["n", "f", "b", "t", "name", "list", "n::int8", "f::float8", "name::int8"]),
}


class Failure(str):
    """What was said instead of an answer."""


@pytest.fixture(scope="module")
def given():
    """Rows of a fixed seed: the rows that live, and those that were deleted or replaced before."""
    source = random.Random(7)
    alive = [rows.make_row(source, key) for key in range(1, ROW_COUNT + 1)]
    return alive, [rows.make_row(source, 1000 + key) for key in range(DEAD_ROW_COUNT)]


@pytest.fixture(scope="module")
def table(given):
    alive, dead = given
    objects = {"vector": omendb.vector(2), "text": omendb.text()}
    schema = {name: objects.get(kind, kind) for name, kind in rows.TYPES.items()}
    with omendb.connect(":memory:") as db:
        made = db.create_table("t", schema)
        made.insert(rows.to_arrow(dead))
        made.insert(rows.to_arrow([{**row, "id": 10_000 + row["id"]} for row in alive[:50]]))
        made.insert(rows.to_arrow(alive))
        made.delete([row["id"] for row in dead] + [10_000 + row["id"] for row in alive[:50]])
        yield made


@pytest.fixture(scope="module")
def indexed(given):
    """A block of the rows again and again, with an index of everything that can have one."""
    alive, _ = given
    objects = {"vector": omendb.vector(2), "text": omendb.text(index=True), "bool": "bool"}
    schema = {name: INDEXED.get(name) or objects.get(kind) or f"{kind} index" for name, kind in rows.TYPES.items()}
    with omendb.connect(":memory:") as db:
        made = db.create_table("t", schema)
        for first in range(0, BLOCK, ROW_COUNT):
            made.insert(rows.to_arrow([{**row, "id": first + row["id"]} for row in alive[: BLOCK - first]]))
        made._wait_for_index()
        assert {index["rows"] for index in made.stats()["column_indexes"].values()} == {BLOCK}
        yield made


@pytest.fixture(scope="module")
def oracle(server, given):
    server.run(rows.to_sql(given[0]))
    assert server.run("select string_agg(id::text, ' ' order by id) from t;").split() == [str(row["id"]) for row in given[0]]
    return server


def sql_query(text):
    """One character a row, in order: t, f or n."""
    return f"select string_agg(coalesce(left(({text}\n)::text, 1), 'n'), '' order by id) from t"


def ask_omen(table, text, params):
    alike = "" if table.count() == ROW_COUNT else f" and id <= {ROW_COUNT}"  # further rows are copies of these

    def ids(condition):
        found = table.scan(where=f"({condition}\n){alike}", params=params, select=["id"]).read_all()
        return set(found["id"].to_pylist())

    try:
        true, unknown = ids(text), ids(f"({text}\n) is unknown")
        assert table.count(f"({text}\n){alike}", params) == len(true)
    except (omendb.QueryError, omendb.SchemaError) as error:
        return Failure(error)
    return "".join("t" if key in true else "n" if key in unknown else "f" for key in range(1, ROW_COUNT + 1))


def differ(ours, theirs):
    return isinstance(ours, Failure) != (theirs is None) or (theirs is not None and ours != theirs)


def differing(table, oracle, nodes):
    """(node, our answer, PostgreSQL's) where they differ, and how many had an answer."""
    found, answered = [], 0
    for first in range(0, len(nodes), BATCH):
        batch = nodes[first : first + BATCH]
        for node, theirs in zip(batch, oracle.ask([sql_query(node.sql) for node in batch]), strict=True):
            ours = ask_omen(table, *node.arguments())
            answered += theirs is not None
            if differ(ours, theirs):
                found.append((node, ours, theirs))
    return found, answered


def report(oracle, node, ours, theirs):
    text, params = node.arguments()
    lines = [f"OmenDB:     {text}", f"parameters: {params}", f"PostgreSQL: {node.sql}"]
    if isinstance(ours, Failure) or theirs is None:
        return "\n".join([*lines, f"  ours: {ours}", f"  theirs: {oracle.failure(sql_query(node.sql)) if theirs is None else theirs}"])
    places = [place for place in range(ROW_COUNT) if ours[place] != theirs[place]]
    return "\n".join([*lines, *(f"  id {place + 1}: ours {ours[place]}, theirs {theirs[place]}" for place in places[:5])])


def expect_alike(table, oracle, nodes):
    print(f"seed {SEED}, {len(nodes)} conditions")
    found, answered = differing(table, oracle, nodes)
    assert answered > len(nodes) * 0.6, "most conditions have an answer"
    if not found:
        return
    smallest = {}
    for node, ours, theirs in found[:100]:
        parts = sorted(node.conditions(), key=lambda part: len(part.omen))
        smaller, _ = differing(table, oracle, parts)
        best = smaller[0] if smaller else (node, ours, theirs)
        smallest.setdefault(best[0].omen, best)
    shown = sorted(smallest.values(), key=lambda each: len(each[0].omen))[:SHOWN]
    pytest.fail(f"seed {SEED}: {len(found)} of {len(nodes)} conditions differ; the shortest parts of the first that still do:\n\n"
                + "\n\n".join(report(oracle, *each) for each in shown), pytrace=False)


def test_random_conditions_are_answered_as_postgresql_does(table, oracle):
    maker = conditions.Conditions(random.Random(SEED))
    expect_alike(table, oracle, [maker.make() for _ in range(COUNT)])


def of_copies_alike(text):
    """Whether copies of a row answer as it does: they have other numbers."""
    return re.search(r"\bid\b", text, re.IGNORECASE) is None


def test_random_conditions_with_indexes_are_answered_as_postgresql_does(indexed, oracle):
    maker = conditions.Conditions(random.Random(SEED + 1))
    nodes = [node for node in (maker.make() for _ in range(COUNT // 4)) if of_copies_alike(node.omen)]
    expect_alike(indexed, oracle, nodes)


@pytest.mark.parametrize("name", ["table", "indexed"])
def test_corner_cases_are_answered_as_postgresql_does(name, request, oracle):
    texts = [text for text in corners.EVERY if name == "table" or of_copies_alike(text)]
    found, answered = differing(request.getfixturevalue(name), oracle, [conditions.Node("bool", text, text) for text in texts])
    assert answered > len(texts) / 2
    if found:
        pytest.fail("\n\n".join(report(oracle, *each) for each in found), pytrace=False)
