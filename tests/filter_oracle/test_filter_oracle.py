"""Random conditions over random rows: OmenDB and PostgreSQL answer true, false and null alike, row by row, and fail alike."""

import os
import random

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
def oracle(server, given):
    server.run(rows.to_sql(given[0]))
    assert server.run("select string_agg(id::text, ' ' order by id) from t;").split() == [str(row["id"]) for row in given[0]]
    return server


def sql_query(text):
    """One character a row, in order: t, f or n."""
    return f"select string_agg(coalesce(left(({text}\n)::text, 1), 'n'), '' order by id) from t"


def ask_omen(table, text, params):
    def ids(condition):
        return set(table.scan(where=condition, params=params, select=["id"]).read_all()["id"].to_pylist())

    try:
        true, unknown = ids(text), ids(f"({text}\n) is unknown")
        assert table.count(text, params) == len(true)
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


def test_random_conditions_are_answered_as_postgresql_does(table, oracle):
    print(f"seed {SEED}, {COUNT} conditions")
    maker = conditions.Conditions(random.Random(SEED))
    nodes = [maker.make() for _ in range(COUNT)]
    found, answered = differing(table, oracle, nodes)
    assert answered > COUNT * 0.6, "most conditions have an answer"
    if not found:
        return
    smallest = {}
    for node, ours, theirs in found[:100]:
        parts = sorted(node.conditions(), key=lambda part: len(part.omen))
        smaller, _ = differing(table, oracle, parts)
        best = smaller[0] if smaller else (node, ours, theirs)
        smallest.setdefault(best[0].omen, best)
    shown = sorted(smallest.values(), key=lambda each: len(each[0].omen))[:SHOWN]
    pytest.fail(f"seed {SEED}: {len(found)} of {COUNT} conditions differ; the shortest parts of the first that still do:\n\n"
                + "\n\n".join(report(oracle, *each) for each in shown), pytrace=False)


def test_corner_cases_are_answered_as_postgresql_does(table, oracle):
    found, answered = differing(table, oracle, [conditions.Node("bool", text, text) for text in corners.EVERY])
    assert answered > len(corners.EVERY) / 2
    if found:
        pytest.fail("\n\n".join(report(oracle, *each) for each in found), pytrace=False)
