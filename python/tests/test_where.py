"""Conditions: operators beside the same words in Python, parameters, limits, messages; search beside brute force."""

import asyncio
import datetime
import json
import math
import random
import re
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pyarrow as pa
import pytest

import omendb

UTC = datetime.UTC
BORN = datetime.datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=UTC)
DAY, MICROSECOND = datetime.timedelta(days=1), datetime.timedelta(microseconds=1)
MOMENT = BORN + DAY
MARCH = datetime.datetime(2024, 3, 1, tzinfo=UTC)
NAMES = ["", "a", "A", "ab", "abc", "ABC", "Vélo", "vélo", "日本", "50%", "a_b", "O'Neill", "z", "\U0001f600"]
NAMES += ["back\\slash", "line\nbreak"]
YEARS = [*range(1990, 2031), -1, 0, 1, 2**63 - 1, -(2**63), 2**53 + 1]
PRICES = [0.0, -0.0, 1.5, 2.5, 99.5, -7.25, 1e300, 2.0**53, math.inf, -math.inf, math.nan]
TAGS = ["red", "sale", "new", "", "a,b", "日本"]


def make_rows(count, seed=3):
    source = random.Random(seed)

    def maybe(make):
        return None if source.random() < 0.15 else make()

    return [
        {
            "id": f"k{number}",
            "title": maybe(lambda: source.choice(NAMES)),
            "name": maybe(lambda: source.choice(NAMES)),
            "year": maybe(lambda: source.choice(YEARS)),
            "price": maybe(lambda: source.choice(PRICES)),
            "stock": maybe(lambda: source.random() < 0.5),
            "tags": maybe(lambda: source.sample(TAGS, source.randint(0, 3))),
            "added": maybe(lambda: BORN + source.randint(-3, 3) * DAY + source.randint(-1, 1) * MICROSECOND),
            "extra": maybe(
                lambda: {"n": source.randint(-3, 3), "brand": source.choice([None, "acme"]), "sizes": [1, [2, 3]]}
            ),
            "v": maybe(lambda: [source.random() for _ in range(4)]),
        }
        for number in range(count)
    ]


ROWS = make_rows(400)
EVERY_COLUMN = {
    "id": "int64 primary key", "title": omendb.text(), "name": "string", "year": "int64", "price": "float64",
    "stock": "bool", "tags": "string[]", "added": "timestamp", "extra": "json", "v": omendb.vector(2),
    "b": omendb.bits(8),
}
EVERY_VALUE = {
    "title": "", "name": "", "year": 0, "price": 0.0, "stock": False, "tags": [], "added": BORN, "extra": {},
    "v": [0.0, 0.0], "b": np.zeros(8, bool),
}


@pytest.fixture(scope="module")
def shop():
    """400 rows of every type, nulls among them; dead ones before and between."""
    schema = {
        "id": "string primary key", "title": omendb.text(analyzer="english"), "name": "string", "year": "int64",
        "price": "float64", "stock": "bool", "tags": "string[]", "added": "timestamp", "extra": "json",
        "v": omendb.vector(4), "nothing": "int64", "Mixed Case": "int64", "order": "string",
    }
    with omendb.connect(":memory:") as db:
        table = db.create_table("shop", schema)
        table.insert([{**row, "id": "dead" + row["id"]} for row in make_rows(900, seed=4)])
        table.insert([{**row, "year": 5} for row in ROWS[:50]])
        table.delete([f"deadk{number}" for number in range(900)])
        table.upsert(ROWS)
        yield table


def passing(table, where, params=None):
    """Keys of the rows for which a condition is true; count() says the same."""
    keys = table.scan(where=where, params=params, select=["id"]).read_all()["id"].to_pylist()
    assert table.count(where, params) == len(keys) == len(set(keys))
    return set(keys)


EVERY_ID = {row["id"] for row in ROWS}


def expected(predicate):
    return {row["id"] for row in ROWS if predicate(row)}


def has(row, *names):
    return all(row[name] is not None for name in names)


def order(number):
    """PostgreSQL's order of floats: NaN is the largest and equals itself."""
    return (math.isnan(number), 0 if math.isnan(number) else number)


def truth(value):
    """Of a comparison in Python: true, false or null as "t", "f", "n"."""
    return "n" if value is None else "t" if value else "f"


def and3(a, b):
    return "f" if "f" in (a, b) else "n" if "n" in (a, b) else "t"


def or3(a, b):
    return "t" if "t" in (a, b) else "n" if "n" in (a, b) else "f"


# What SQL says; columns that are not null where it is true; what Python says about rows where they are not.
COMPARISONS = [
    ("year = 2001", ["year"], lambda r: r["year"] == 2001),
    ("year <> 2001", ["year"], lambda r: r["year"] != 2001),
    ("year != 2001", ["year"], lambda r: r["year"] != 2001),
    ("year < 2001", ["year"], lambda r: r["year"] < 2001),
    ("year <= 2001", ["year"], lambda r: r["year"] <= 2001),
    ("2001 > year", ["year"], lambda r: r["year"] < 2001),
    ("year >= 2001", ["year"], lambda r: r["year"] >= 2001),
    ("year = 9223372036854775807", ["year"], lambda r: r["year"] == 2**63 - 1),
    ("year = -9223372036854775808", ["year"], lambda r: r["year"] == -(2**63)),
    ("year < 9223372036854775808", ["year"], lambda r: True),
    ("year = 9007199254740992.0", ["year"], lambda r: r["year"] == 2**53),
    ("year > 9007199254740992.0", ["year"], lambda r: r["year"] > 2**53),
    ("year < 2000.5", ["year"], lambda r: r["year"] < 2000.5),
    ("year = '2001'", ["year"], lambda r: r["year"] == 2001),
    ("price = 2.5", ["price"], lambda r: r["price"] == 2.5),
    ("price = 0", ["price"], lambda r: r["price"] == 0),
    ("price < 2.5", ["price"], lambda r: order(r["price"]) < order(2.5)),
    ("price >= 99.5", ["price"], lambda r: order(r["price"]) >= order(99.5)),
    ("price > 'Infinity'", ["price"], lambda r: math.isnan(r["price"])),
    ("price = 'NaN'", ["price"], lambda r: math.isnan(r["price"])),
    ("price <= 'nan'", ["price"], lambda r: True),
    ("price < year", ["price", "year"], lambda r: order(r["price"]) < order(r["year"])),
    ("year >= price", ["price", "year"], lambda r: order(r["price"]) <= order(r["year"])),
    ("stock", ["stock"], lambda r: r["stock"]),
    ("stock = true", ["stock"], lambda r: r["stock"]),
    ("stock < true", ["stock"], lambda r: not r["stock"]),
    ("stock = 'no'", ["stock"], lambda r: not r["stock"]),
    ("added > '2024-03-01 12:30:15.123456'", ["added"], lambda r: r["added"] > MOMENT),
    ("added <= '2024-03-01T12:30:15.123456Z'", ["added"], lambda r: r["added"] <= MOMENT),
    ("added = '2024-03-01 14:30:15.123456+02:00'", ["added"], lambda r: r["added"] == MOMENT),
    ("added < date '2024-03-01'", ["added"], lambda r: r["added"] < MARCH),
    ("added >= timestamp '2024-03-01'", ["added"], lambda r: r["added"] >= MARCH),
    ("name = 'abc'", ["name"], lambda r: r["name"] == "abc"),
    ("name = 'O''Neill'", ["name"], lambda r: r["name"] == "O'Neill"),
    (r"name = 'back\slash'", ["name"], lambda r: r["name"] == "back\\slash"),
    (r"name = E'line\nbreak'", ["name"], lambda r: r["name"] == "line\nbreak"),
    ("name = $$O'Neill$$", ["name"], lambda r: r["name"] == "O'Neill"),
    ("name < 'b'", ["name"], lambda r: r["name"].encode() < b"b"),
    ("name >= 'Vélo'", ["name"], lambda r: r["name"].encode() >= "Vélo".encode()),
    ("name = ''", ["name"], lambda r: r["name"] == ""),
    ("title = 'abc'", ["title"], lambda r: r["title"] == "abc"),
    ("title = name", ["title", "name"], lambda r: r["title"] == r["name"]),
    ("title > name", ["title", "name"], lambda r: r["title"].encode() > r["name"].encode()),
    ("id = 'k7'", [], lambda r: r["id"] == "k7"),
    ("year between 2000 and 2010", ["year"], lambda r: 2000 <= r["year"] <= 2010),
    ("year not between 2000 and 2010", ["year"], lambda r: not 2000 <= r["year"] <= 2010),
    ("year between 2010 and 2000", ["year"], lambda r: False),
    ("year between symmetric 2010 and 2000", ["year"], lambda r: 2000 <= r["year"] <= 2010),
    ("name between 'a' and 'b'", ["name"], lambda r: b"a" <= r["name"].encode() <= b"b"),
    ("year in (2001, 2002, 7)", ["year"], lambda r: r["year"] in (2001, 2002, 7)),
    ("year not in (2001, 2002)", ["year"], lambda r: r["year"] not in (2001, 2002)),
    ("year in (2001.0, 2002.5, '2003')", ["year"], lambda r: r["year"] in (2001, 2003)),
    ("year = any(array[2001, 2002])", ["year"], lambda r: r["year"] in (2001, 2002)),
    ("year <> all(array[2001, 2002])", ["year"], lambda r: r["year"] not in (2001, 2002)),
    ("price in (2.5, 'NaN', 0)", ["price"], lambda r: r["price"] in (2.5, 0) or math.isnan(r["price"])),
    ("name in ('a', 'abc', '')", ["name"], lambda r: r["name"] in ("a", "abc", "")),
    ("stock in (true)", ["stock"], lambda r: r["stock"]),
    ("added in ('2024-03-01 12:30:15.123456')", ["added"], lambda r: r["added"] == MOMENT),
    ("name in (title, 'a')", ["name"], lambda r: r["name"] in (r["title"], "a")),
]
PATTERNS = [
    ("name like 'a%'", ["name"], lambda r: r["name"].startswith("a")),
    ("name like '%b%'", ["name"], lambda r: "b" in r["name"]),
    ("name like '_'", ["name"], lambda r: len(r["name"]) == 1),
    ("name like '__'", ["name"], lambda r: len(r["name"]) == 2),
    ("name not like 'a%'", ["name"], lambda r: not r["name"].startswith("a")),
    ("name ilike 'A%'", ["name"], lambda r: r["name"].lower().startswith("a")),
    ("name ilike 'vÉlo'", ["name"], lambda r: False),
    ("name ilike 'VéLO'", ["name"], lambda r: r["name"] in ("Vélo", "vélo")),
    ("name not ilike 'A%'", ["name"], lambda r: not r["name"].lower().startswith("a")),
    (r"name like '50\%'", ["name"], lambda r: r["name"] == "50%"),
    (r"name like 'a\_b'", ["name"], lambda r: r["name"] == "a_b"),
    ("name like 'a_b'", ["name"], lambda r: len(r["name"]) == 3 and r["name"][0] == "a" and r["name"][2] == "b"),
    (r"name like '%\\%'", ["name"], lambda r: "\\" in r["name"]),
    ("name like ''", ["name"], lambda r: r["name"] == ""),
    ("name like '%'", ["name"], lambda r: True),
    ("title like '%' and name like '%e%'", ["title", "name"], lambda r: "e" in r["name"]),
]
ARITHMETIC = [
    ("year % 1000 + 1 = 2", ["year"], lambda r: math.fmod(abs(r["year"]), 1000) == 1 and r["year"] > 0),
    ("year between 0 and 3000 and year * 2 - 1 = 4001", ["year"], lambda r: r["year"] == 2001),
    ("year between -1 and 3000 and year / 10 = 200", ["year"], lambda r: r["year"] in range(2000, 2010)),
    ("year between -1 and 3000 and -year = 1", ["year"], lambda r: r["year"] == -1),
    ("year between -1 and 3000 and year % 7 = 3", ["year"], lambda r: r["year"] in range(3001) and r["year"] % 7 == 3),
    ("year between -1 and 3000 and year + 0.5 = 2001.5", ["year"], lambda r: r["year"] == 2001),
    ("price < 1e10 and price * 2 = 5", ["price"], lambda r: r["price"] == 2.5),
    ("price < 1e10 and price / 2 + 1 > 2", ["price"], lambda r: 2 < r["price"] < 1e10),
    ("price <> 0 and price < 100 and 5 / price = 2", ["price"], lambda r: r["price"] == 2.5),
    ("- price = 7.25", ["price"], lambda r: r["price"] == -7.25),
    ("+ price = 2.5", ["price"], lambda r: r["price"] == 2.5),
    ("2 + 3 * 4 = 14 and (2 + 3) * 4 = 20 and -7 / 2 = -3 and -7 % 3 = -1", [], lambda r: True),
]
LISTS = [
    ("'red' in tags", ["tags"], lambda r: "red" in r["tags"]),
    ("'red' not in tags", ["tags"], lambda r: "red" not in r["tags"]),
    ("'red' = any(tags)", ["tags"], lambda r: "red" in r["tags"]),
    ("'red' <> all(tags)", ["tags"], lambda r: "red" not in r["tags"]),
    ("'' in tags", ["tags"], lambda r: "" in r["tags"]),
    ("tags @> array['red', 'sale']", ["tags"], lambda r: {"red", "sale"} <= set(r["tags"])),
    ("tags @> '{red,\"a,b\"}'", ["tags"], lambda r: {"red", "a,b"} <= set(r["tags"])),
    ("tags @> '{}'", ["tags"], lambda r: True),
    ("tags <@ array['red', 'sale', '日本']", ["tags"], lambda r: set(r["tags"]) <= {"red", "sale", "日本"}),
    ("array['red'] <@ tags", ["tags"], lambda r: "red" in r["tags"]),
    ("tags <@ '{}'", ["tags"], lambda r: r["tags"] == []),
    ("tags && array['red', 'new']", ["tags"], lambda r: bool({"red", "new"} & set(r["tags"]))),
    ("tags && array[]::text[]", ["tags"], lambda r: False),
    ("tags @> tags and tags <@ tags", ["tags"], lambda r: True),
]
DOCUMENTS = [
    ("extra->>'brand' = 'acme'", ["extra"], lambda r: r["extra"]["brand"] == "acme"),
    ("extra->>'brand' is null", [], lambda r: r["extra"] is None or r["extra"]["brand"] is None),
    ("extra->'brand' is null", [], lambda r: r["extra"] is None),
    ("extra->'nobody' is null", [], lambda r: True),
    ("(extra->>'n')::int8 > 0", ["extra"], lambda r: r["extra"]["n"] > 0),
    ("(extra->>'n')::float8 / 2 = 1.5", ["extra"], lambda r: r["extra"]["n"] == 3),
    ("extra->'sizes'->1->>0 = '2'", ["extra"], lambda r: True),
    ("extra->'sizes'->-1->>-1 = '3'", ["extra"], lambda r: True),
    ("extra->'sizes'->>7 is null", [], lambda r: True),
    ("extra->>'n' in ('1', '2')", ["extra"], lambda r: r["extra"]["n"] in (1, 2)),
    ("extra::text like '%acme%'", ["extra"], lambda r: r["extra"]["brand"] == "acme"),
]
CASTS = [
    ("year::text = '2001'", ["year"], lambda r: r["year"] == 2001),
    ("cast(year as text) like '%1'", ["year"], lambda r: str(r["year"]).endswith("1")),
    ("year::float8 = 9007199254740992.0", ["year"], lambda r: float(r["year"]) == 2.0**53),
    ("price < 100 and price > -10 and price::int8 = 2", ["price"], lambda r: r["price"] in (1.5, 2.5)),
    ("price::text = 'NaN'", ["price"], lambda r: math.isnan(r["price"])),
    ("price::text = '-Infinity'", ["price"], lambda r: r["price"] == -math.inf),
    ("price::text = '-0'", ["price"], lambda r: r["price"] == 0 and math.copysign(1, r["price"]) < 0),
    ("price::text = '1e+300'", ["price"], lambda r: r["price"] == 1e300),
    ("stock::text = 'true'", ["stock"], lambda r: r["stock"]),
    ("stock::int8 + 1 = 2", ["stock"], lambda r: r["stock"]),
    ("year::bool", ["year"], lambda r: r["year"] != 0),
    ("added::text = '2024-03-01 12:30:15.123456'", ["added"], lambda r: r["added"] == MOMENT),
    ("(name = '50%' or name = 'z')::bool", ["name"], lambda r: r["name"] in ("50%", "z")),
    ("'2024-03-01 12:30:15.123456'::timestamp = added", ["added"], lambda r: r["added"] == MOMENT),
]


@pytest.mark.parametrize(
    ("where", "columns", "predicate"),
    [*COMPARISONS, *PATTERNS, *ARITHMETIC, *LISTS, *DOCUMENTS, *CASTS],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_condition_is_true_where_python_says_so(shop, where, columns, predicate):
    found = passing(shop, where)
    assert found == expected(lambda row: has(row, *columns) and predicate(row))


@pytest.mark.parametrize(
    "where", ["year = 2001", "price < 2.5", "stock", "name like 'a%'", "'red' in tags", "added > '2024-03-01'"]
)
def test_what_is_null_is_neither_true_nor_false(shop, where):
    true, false, null = (passing(shop, text) for text in (where, f"not ({where})", f"({where}) is null"))
    assert true and false and null and not true & false and not (true | false) & null
    assert true | false | null == EVERY_ID
    assert passing(shop, f"({where}) is unknown") == null and passing(shop, f"({where}) is not unknown") == true | false
    assert passing(shop, f"({where}) is true") == true and passing(shop, f"({where}) is not true") == false | null
    assert passing(shop, f"({where}) is false") == false and passing(shop, f"({where}) is not false") == true | null
    assert passing(shop, f"({where}) or null") == true and passing(shop, f"not (({where}) and null)") == false


@pytest.mark.parametrize("column", ["title", "name", "year", "price", "stock", "tags", "added", "extra", "v"])
def test_nulls_of_every_type_are_found(shop, column):
    nulls = expected(lambda row: row[column] is None)
    assert nulls and passing(shop, f"{column} is null") == passing(shop, f"{column} isnull") == nulls
    rest = EVERY_ID - nulls
    assert passing(shop, f"{column} is not null") == passing(shop, f"not {column} is null") == rest
    assert passing(shop, "nothing is null") == EVERY_ID and not passing(shop, "nothing > 0 or nothing <= 0")


@pytest.mark.parametrize(
    ("where", "predicate"),
    [
        ("year is distinct from 2001", lambda r: r["year"] != 2001),
        ("year is not distinct from 2001", lambda r: r["year"] == 2001),
        ("name is distinct from title", lambda r: r["name"] != r["title"]),
        ("name is not distinct from title", lambda r: r["name"] == r["title"]),
        ("stock is not distinct from null", lambda r: r["stock"] is None),
        ("price is not distinct from 'NaN'", lambda r: r["price"] is not None and math.isnan(r["price"])),
        ("year = null or null = null or not null", lambda r: False),
        ("year in (2001, null)", lambda r: r["year"] == 2001),
        ("year not in (2001, null)", lambda r: False),
        ("(year in (2001, null)) is null", lambda r: r["year"] != 2001),
        ("null", lambda r: False),
        ("true", lambda r: True),
        ("not false", lambda r: True),
    ],
)
def test_nulls_count_as_sql_has_it(shop, where, predicate):
    assert passing(shop, where) == expected(predicate)


def test_and_and_or_have_three_values(shop):
    by_row = {
        row["id"]: (
            truth(None if row["year"] is None else row["year"] < 2010),
            truth(row["stock"]),
            truth(None if row["name"] is None else row["name"] > "a"),
        )
        for row in ROWS
    }
    a, b, c = "year < 2010", "stock", "name > 'a'"

    def those(of):
        return {key for key, values in by_row.items() if of(*values)}

    assert passing(shop, f"{a} and {b} and {c}") == those(lambda x, y, z: and3(x, and3(y, z)) == "t")
    assert passing(shop, f"{a} or {b} or {c}") == those(lambda x, y, z: or3(x, or3(y, z)) == "t")
    assert passing(shop, f"{a} or {b} and {c}") == those(lambda x, y, z: or3(x, and3(y, z)) == "t")
    assert passing(shop, f"({a} or {b}) and {c}") == those(lambda x, y, z: and3(or3(x, y), z) == "t")
    assert passing(shop, f"({a} and {b}) is null") == those(lambda x, y, _: and3(x, y) == "n")
    assert passing(shop, f"not ({a} or {b})") == those(lambda x, y, _: or3(x, y) == "f")


def test_names_are_lower_case_unless_quoted(shop):
    assert passing(shop, 'YEAR = 2001 OR Year = 2001 or "year" = 2001') == expected(lambda row: row["year"] == 2001)
    assert passing(shop, '"Mixed Case" is null and "order" is null') == EVERY_ID
    with pytest.raises(omendb.SchemaError, match="no column 'Year'"):
        shop.count('"Year" = 2001')
    with pytest.raises(omendb.QueryError, match="where, character 1:"):
        shop.count("order is null")


def test_capitals_without_quotes_are_explained(db):
    table = db.create_table("t", {"id": "int64 primary key", "Year": "int64"})
    with pytest.raises(omendb.SchemaError, match='"Year": capitals need quotes'):
        table.count("Year = 2001")
    assert table.count('"Year" = 2001') == 0


@pytest.mark.parametrize(
    "where",
    [
        "year = 2001 -- ' ( ? :x", "year /* ' ? ( /* nested */ :x */ = 2001", "/**/year\n=\n\t2001--",
        "-- first\nyear = 2001", "year=2001", "((year=2001))",
    ],
)
def test_comments_and_blanks_do_not_count(shop, where):
    assert passing(shop, where) == expected(lambda row: row["year"] == 2001)


def test_an_empty_condition_is_every_row_for_reading_and_an_error_for_writing(points):
    points.insert({"id": [1, 2, 3], "v": [[0, 0], [1, 1], [2, 2]]})
    assert points.count("") == points.count() == points.count(None) == 3
    assert points.scan(where="").read_all().num_rows == 3 and len(points.search([0, 0], where="")) == 3
    with pytest.raises(omendb.QueryError, match="empty"):
        points.delete(where="")
    with pytest.raises(omendb.QueryError, match="empty"):
        points.update({"v": [0, 0]}, where="")
    assert points.count() == 3


@pytest.mark.parametrize("where", [" ", "\n", "-- nothing", "/* nothing */", "()", "( )"])
def test_a_condition_of_nothing_but_blanks_and_comments_is_refused(points, where):
    points.insert({"id": [1]})
    for ask in (points.count, lambda text: points.delete(where=text), lambda text: points.search([0, 0], where=text)):
        with pytest.raises(omendb.QueryError, match="^where, character"):
            ask(where)
    assert points.count() == 1


# --- parameters ---


@pytest.mark.parametrize(
    ("where", "params", "predicate"),
    [
        ("year = ?", [2001], lambda r: r["year"] == 2001),
        ("year = ?", (np.int32(2001),), lambda r: r["year"] == 2001),
        ("year = ?", ["2001"], lambda r: r["year"] == 2001),
        ("year = ?", np.array([2001]), lambda r: r["year"] == 2001),
        ("year>?and year<=?", [2000, 2010], lambda r: has(r, "year") and 2000 < r["year"] <= 2010),
        ("year between :a and :b", {"a": 2000, "b": 2010}, lambda r: has(r, "year") and 2000 <= r["year"] <= 2010),
        ("year = :y or year = :y + 1", {"y": 2000, "left": "over"}, lambda r: r["year"] in (2000, 2001)),
        ("year=:y", {"y": np.array(2001)}, lambda r: r["year"] == 2001),
        ("price = ?", [2.5], lambda r: r["price"] == 2.5),
        ("price = ?", [np.float32(2.5)], lambda r: r["price"] == 2.5),
        ("price = ?", [math.nan], lambda r: has(r, "price") and math.isnan(r["price"])),
        ("price < ?", [-math.inf], lambda r: False),
        ("year = ?", [float(2**53)], lambda r: r["year"] == 2**53),
        ("stock = ?", [True], lambda r: r["stock"] is True),
        ("stock = ?", [np.bool_(False)], lambda r: r["stock"] is False),
        ("? or stock", [False], lambda r: r["stock"] is True),
        ("name = ?", ["O'Neill"], lambda r: r["name"] == "O'Neill"),
        ("name = ?", [np.str_("日本")], lambda r: r["name"] == "日本"),
        ("name like ?", ["a%"], lambda r: has(r, "name") and r["name"].startswith("a")),
        ("added > ?", [MOMENT], lambda r: has(r, "added") and r["added"] > MOMENT),
        ("added > ?", [MOMENT.replace(tzinfo=None)], lambda r: has(r, "added") and r["added"] > MOMENT),
        ("added = ?", [MOMENT.astimezone(datetime.timezone(DAY / -3))], lambda r: r["added"] == MOMENT),
        ("added = ?", [np.datetime64("2024-03-01T12:30:15.123456")], lambda r: r["added"] == MOMENT),
        ("added = ?", ["2024-03-01T12:30:15.123456"], lambda r: r["added"] == MOMENT),
        ("added < ?", [datetime.date(2024, 3, 1)], lambda r: has(r, "added") and r["added"] < MARCH),
        ("? in tags", ["red"], lambda r: has(r, "tags") and "red" in r["tags"]),
        ("tags @> array[?, ?]", ["red", "new"], lambda r: has(r, "tags") and {"red", "new"} <= set(r["tags"])),
        ("tags && array[?]", [["red", "new"]], lambda r: has(r, "tags") and bool({"red", "new"} & set(r["tags"]))),
        ("tags @> ?", ["{red,new}"], lambda r: has(r, "tags") and {"red", "new"} <= set(r["tags"])),
        ("extra->>? = ?", ["brand", "acme"], lambda r: has(r, "extra") and r["extra"]["brand"] == "acme"),
        ("extra->?->>? = '1'", ["sizes", 0], lambda r: has(r, "extra")),
        ("?::int8 = year", ["2001"], lambda r: r["year"] == 2001),
        ("name = ? or name is not distinct from ?", [None, None], lambda r: r["name"] is None),
        ("year in ?", [[2001, 2002]], lambda r: r["year"] in (2001, 2002)),
        ("year not in ?", [(2001, 2002)], lambda r: has(r, "year") and r["year"] not in (2001, 2002)),
        ("year in :years", {"years": np.arange(2001, 2010)}, lambda r: r["year"] in range(2001, 2010)),
        ("year in (?)", [[2001, 2002]], lambda r: r["year"] in (2001, 2002)),
        ("year in (?, ?, 2003)", [[2001], 2002], lambda r: r["year"] in (2001, 2002, 2003)),
        ("year = any(?)", [{2001, 2002}], lambda r: r["year"] in (2001, 2002)),
        ("year = any(array[?, 7])", [pa.array([2001, 2002])], lambda r: r["year"] in (2001, 2002)),
        ("year <> all(?)", [range(2001, 2003)], lambda r: has(r, "year") and r["year"] not in (2001, 2002)),
        ("year in ?", [[2001, 2.5, None, "2002"]], lambda r: r["year"] in (2001, 2002)),
        ("year not in ?", [[2001, None]], lambda r: False),
        ("name in ?", [["a", "O'Neill", "'"]], lambda r: r["name"] in ("a", "O'Neill")),
        ("price in ?", [[2.5, math.nan]], lambda r: has(r, "price") and (r["price"] == 2.5 or math.isnan(r["price"]))),
        ("added in ?", [[MOMENT, "2024-03-01"]], lambda r: r["added"] == MOMENT),
        ("stock in ?", [[True, None]], lambda r: r["stock"] is True),
        ("year in ?", [[]], lambda r: False),
        ("year not in ?", [[]], lambda r: True),
        ("name <> all(?)", [()], lambda r: True),
    ],
    ids=ascii,
)
def test_parameters_are_values(shop, where, params, predicate):
    assert passing(shop, where, params) == expected(predicate)


@pytest.mark.parametrize(
    "value",
    ["'; drop table t", "' or '1'='1", '"', "\\", "\\'", "?", ":x", "$$", "--", "/*", "\n", "a\0b", "%", "\U0001f600'"],
)
def test_whatever_is_in_a_parameter_is_a_value(db, value):
    table = db.create_table("t", {"id": "int64 primary key", "name": "string", "tags": "string[]"})
    table.insert([{"id": 1, "name": value, "tags": [value]}, {"id": 2, "name": "x", "tags": []}])
    for where in ("name = ?", "? in tags", "name in (?, 'y')", "tags @> array[?]"):
        assert table.scan(where=where, params=[value]).read_all()["id"].to_pylist() == [1], where
    assert table.count("name = :x and name = '?:x'", {"x": value}) == 0
    assert table.count("name in ?", [[value, "x"]]) == 2
    if "\0" not in value:
        assert table.count("name = '" + value.replace("'", "''") + "'") == 1


@pytest.mark.parametrize(
    ("where", "params", "message"),
    [
        ("year = ?", None, "where, character 8: question mark 1 has no value: 0 are given"),
        ("year = ? or name = ?", [1], "where, character 20: question mark 2 has no value: 1 are given"),
        ("name = 'ä' or year = ?", [], "where, character 22: question mark 1 has no value"),
        ("year = ?", [1, 2], "2 values are given for 1 question marks"),
        ("year = 1", [1], "1 values are given for 0 question marks"),
        ("year = '?' -- ?", [1], "1 values are given for 0 question marks"),
        ("year = :y", None, "where, character 8: parameter ':y' has no value"),
        ("year = :y", {"x": 1}, "where, character 8: parameter ':y' has no value"),
        ("year = :y", [1], "where, character 8: parameter ':y' has no value"),
        ("year = ?", {"y": 1}, "where, character 8: question mark 1 has no value"),
        ("year = $1", [1], "where, character 8: parameters are written"),
        ("year = $1$ or year = 1 $1$", None, "where, character"),
        ("year = ?", [True], "where, character 6: int64 and bool are not compared"),
        ("stock = ?", [1], "where, character 7: bool and int64 are not compared"),
        ("year = ?", ["x"], "where, character 8: 'x' is no int64"),
        ("year = ?", [MOMENT], "int64 and timestamp are not compared"),
        ("name = ?", [5], "string and int64 are not compared"),
        ("year = ?", [[2001]], "where, character 8: a parameter of several values"),
        ("year in ?", [[[2001]]], "question mark 1"),
        ("year in ?", ["2001, 2002"], "'2001, 2002' is no int64"),
        ("year in ?", [[2001, "x"]], "'x' is no int64"),
        ("year = ?", [2**63], "question mark 1 leaves the range of 64 bits"),
        ("year = :y", {"y": -(2**63) - 1}, ":y leaves the range of 64 bits"),
        ("name = ?", [b"bytes"], "question mark 1 is a bytes"),
        ("name = ?", [{"a": 1}], "question mark 1 is a dict"),
        ("name = ?", [object()], "question mark 1 is a object"),
        ("price = ?", [1 + 2j], "question mark 1 is a complex"),
        ("name = ?", ["\ud800"], "."),
        ("name = '\ud800'", None, "."),
        ("name in ?", [["a", "\ud800"]], "."),
        ("name = 'a\0b'", None, "a byte that is zero"),
        ("year = ?", "1", "params= is a list or a dict of values, not str"),
        ("year = ?", b"1", "params= is a list or a dict of values, not bytes"),
        ("year = ?", 1, "params= is a list or a dict of values, not int"),
        ("year = :y", {1: 2}, "params= is a list of the values of"),
        (None, [1], "there is no where="),
        (5, None, "where is a condition in a str, not int"),
        (b"year = 1", None, "where is a condition in a str, not bytes"),
        (["year = 1"], None, "where is a condition in a str, not list"),
    ],
    ids=ascii,
)
def test_parameters_that_do_not_fit_are_refused(shop, where, params, message):
    for ask in (
        shop.count,
        lambda where, params: shop.scan(where=where, params=params),
        lambda where, params: shop.search([0, 0, 0, 0], where=where, params=params),
        lambda where, params: shop.count(where, params) if where is None else shop.delete(where=where, params=params),
    ):
        with pytest.raises(omendb.QueryError, match=re.escape(message) if message != "." else message):
            ask(where, params)
    assert shop.count() == len(ROWS)


# --- messages: ^ stands before the character that they name ---


@pytest.mark.parametrize(
    ("marked", "kind", "message"),
    [
        ("^yeer > 1", omendb.SchemaError, "no column 'yeer'; there are id, title, name, year"),
        ("year > 1 and ^nobody = 2", omendb.SchemaError, "no column 'nobody'"),
        ("name = 'äöü日本\U0001f600' and ^nobody = 2", omendb.SchemaError, "no column 'nobody'"),
        ("/* äöü */ name = '日本' and (^nobody) is null", omendb.SchemaError, "no column 'nobody'"),
        ("year ^= true", omendb.QueryError, "int64 and bool are not compared"),
        ("name = 'ä' and year ^= true", omendb.QueryError, "int64 and bool are not compared"),
        ("year = ^'x'", omendb.QueryError, "'x' is no int64"),
        ("name = 'ä' and added > ^'yesterday'", omendb.QueryError, "'yesterday' is no timestamp"),
        ("added > ^'2024-02-30'", omendb.QueryError, "'2024-02-30' is no timestamp"),
        ("added > ^'999999-01-01'", omendb.QueryError, "is no timestamp"),
        ("added > ^'294277-01-01'", omendb.QueryError, "is no timestamp"),
        ("name = 'ä' ^order by year", omendb.QueryError, "syntax error"),
        ("name = '日本日本' and year = ^= 2", omendb.QueryError, "syntax error"),
        ("year = 1 ^limit 1", omendb.QueryError, "syntax error"),
        ("year = ^", omendb.QueryError, "not complete"),
        ("name = 'ä' and ^(year = 1", omendb.QueryError, "this parenthesis is never closed"),
        ("name = 'ä' ^) or (year = 1", omendb.QueryError, "this parenthesis was never opened"),
        ("name = ^'ä", omendb.QueryError, "this quote is never closed"),
        ("name = 'ä' ^/* or", omendb.QueryError, "this comment is never closed"),
        ("^\"ä = 1", omendb.QueryError, "this quote is never closed"),
        ("name = ^$ä$ or", omendb.QueryError, "this quote is never closed"),
        ("name = 'ä'^; delete from shop", omendb.QueryError, "without a semicolon"),
        ("year in ('ä', ^nobody)", omendb.SchemaError, "no column 'nobody'"),
        ("'ä' in ^nobody", omendb.SchemaError, "no column 'nobody'"),
        ("'ä' in tags and ^nobody", omendb.SchemaError, "no column 'nobody'"),
        ("name = 'ä' and ^length(name) = 3", omendb.QueryError, "a condition knows no functions"),
        ("name = 'ä' and ^(select true)", omendb.QueryError, "a condition has no queries in it"),
        ("name = 'ä' and name ^~ 'a'", omendb.QueryError, "the operator ~ is unknown to conditions"),
        ("name = 'ä' ^|| 'b'", omendb.QueryError, "the operator || is unknown to conditions"),
        ("name = 'ä' and ^year", omendb.QueryError, "a condition is true or false, and this is int64"),
        ("name = 'ä' and ^name", omendb.QueryError, "a condition is true or false, and this is string"),
        ("extra ^= '{}'", omendb.QueryError, "JSON is not compared"),
        ("tags ^= '{}'", omendb.QueryError, "lists are compared by"),
        ("v ^= v", omendb.QueryError, "vectors are searched, not compared"),
        ("v ^= 1", omendb.QueryError, "vectors are searched, not compared"),
        ("year ^+ name = 1", omendb.QueryError, "there is no + of int64 and string"),
        ("price ^% 2 = 1", omendb.QueryError, "% takes whole numbers"),
        ("year ^-> 'a' is null", omendb.QueryError, "-> takes a member out of json, and this is int64"),
        ("^year like 'a'", omendb.QueryError, "like compares strings, and this is int64"),
        ("name like ^'a\\'", omendb.QueryError, "a pattern does not end in a backslash"),
        ("tags ^@> name", omendb.QueryError, "@> takes two string[], not string[] and string"),
        ("year = any(^year)", omendb.QueryError, "any and all take a string[] or an array"),
        ("year ^< any(array[1])", omendb.QueryError, "any takes =, and all takes <>"),
        ("tags^::int8 = 1", omendb.QueryError, "string[] is not cast to int64"),
        ("year^::uuid is null", omendb.QueryError, "not to uuid"),
        ("name^::varchar(3) = 'a'", omendb.QueryError, "not to varchar(...)"),
        ("^shop.year = 1", omendb.QueryError, "a column is named by one word"),
        ("year ^/ (year - year) = 1", omendb.QueryError, "division by zero"),
        ("name = '日本' or year ^% 0 = 1", omendb.QueryError, "division by zero"),
        ("year ^* 9223372036854775807 > 0", omendb.QueryError, "a whole number leaves the range of 64 bits"),
        ("price ^* 1e300 > 0", omendb.QueryError, "a number leaves the range of float64"),
        ("name^::int8 = 1", omendb.QueryError, "in a row is no int64"),
        ("price^::int8 = 1", omendb.QueryError, "a number leaves the range of 64 bits"),
        ("name = 'ä' or (extra->>'brand')^::float8 = 1", omendb.QueryError, "in a row is no float64"),
    ],
)
def test_messages_name_the_character(shop, marked, kind, message):
    where, place = marked.replace("^", ""), marked.index("^")
    with pytest.raises(omendb.Error, match=re.escape(message)) as caught:
        shop.scan(where=where).read_all()
    assert type(caught.value) is kind
    said = re.fullmatch(r"where, character (\d+): .* \((?:near '(.*)'|at its end)\)", str(caught.value), re.S)
    assert said, str(caught.value)
    assert int(said[1]) == place + 1, f"{caught.value}: {where[int(said[1]) - 1 :]!r}"
    near = (said[2] or "").removesuffix("...")
    assert where[place:].replace("\n", " ").startswith(near) and (near or place == len(where))


def test_messages_show_a_part_of_a_long_condition(shop):
    for filler in ("x" * 5000, "日本" * 2000, "\U0001f600" * 1001):
        with pytest.raises(omendb.QueryError) as caught:
            shop.count(f"year = '{filler}'")
        assert "where, character 8:" in str(caught.value)
        with pytest.raises(omendb.QueryError, match=r"where, character 12: .*\.\.\.'\)$") as caught:
            shop.count(f"true and 1 = true and name = '{filler}'")
        assert len(str(caught.value)) < 300


def test_a_failure_in_a_row_is_met_only_where_the_row_is_looked_at(db):
    table = db.create_table("t", {"id": "int64 primary key", "x": "int64", "s": "string"})
    table.insert({"id": [1, 2, 3], "x": [0, 5, None], "s": ["a", "7", None]})
    assert table.count("x <> 0 and 10 / x = 2") == 1 and table.count("x = 0 or 10 / x = 2") == 2
    assert table.count("s like '7' and s::int8 = 7") == 1
    failing = ("10 / x = 2", "10 / x = 2 and x <> 0", "10 % x = 2 or true", "not (1 / x = 1)", "(1 / x) is null")
    for where in (*failing, "s::int8 = 7"):
        with pytest.raises(omendb.QueryError, match="division by zero|is no int64"):
            table.count(where)
        with pytest.raises(omendb.QueryError):
            table.delete(where=where)
    table.delete(1)
    assert table.count("10 / x = 2") == 1 and table.count("s::int8 = 7") == 1, "dead rows are not looked at"
    table.clear()
    assert table.count("1 / x = 1") == 0


# --- what is no condition ---


@pytest.mark.parametrize(
    "where",
    [
        "1=1; drop table shop", "year = 1) or (year = 2", "year = 1 order by year", "year = 1 limit 1",
        "year = 1 group by year", "year = 1 union select 1", "year = 1 for update", "select true", "(select true)",
        "exists (select 1)", "year = (select 1)", "year in (select 1)", "year = any(select 1)",
        "array(select 1) is null", "delete from shop", "true as x", "true, false", "*", "shop.*",
        "year = 1 from shop", "count(*) = 1", "sum(year) > 1", "row(1) = row(1)", "(1, 2) = (1, 2)",
        "current_date > added", "now() > added", "case when true then true end", "coalesce(stock, true)",
        "nullif(year, 1) = 1", "greatest(1, 2) = 2", "random() < 1", "pg_sleep(10) is null", "year is json",
        "name is document", "name similar to 'a'", "name like 'a' escape 'b'", "name ~ 'a'", "name || 'a' = 'b'",
        "2 ^ 3 = 8", "added + interval '1 day' > added", "added at time zone 'UTC' = added",
        "name collate \"C\" = 'a'", "tags[1] = 'red'", "tags[1:2] is null", "year::regclass is null", "x'41' = 65",
        "b'1' = 1", "extra @> '{}'", "extra #> '{a}' is null", "extra ? 'a'", "array[1, year] is null",
        "tags = any(tags)", "operator(year)", "default", "$1", ":", "?", "year = :", "::int8", "year ::",
        "1 = 1 = true", "year between 1", "year in ()", "year in", "in tags", "name in (tags", "'a' in array['a']",
        "not", "and", "true and", "or true", "= 1", "year =", "year year", "'a' 'b' = 'ab'", "[year]", "{year}",
        "year = 1\\", "year = 1 # 2", "year = 1 `", "@", "!", "1 = 1]", "(1 = 1]", "[1 = 1) or (1 = 1]", "$a$ = 1",
        "E'\\", "U&'\\zzzz' = 'a'", "name = E'\\xff'", "name = E'a\\0b'", "year = 1e", "year = 12abc",
        "date '2024-01-01 x' < added", "extract(year from added) = 2024", "overlay('a' placing 'b' from 1) = 'b'",
        "(year, name) overlaps (year, name)", "grouping(year) = 1",
    ],
)
def test_what_is_no_condition_is_refused(shop, where):
    with pytest.raises(omendb.QueryError, match="^where") as caught:
        shop.count(where)
    assert type(caught.value) is omendb.QueryError and len(str(caught.value)) < 400
    with pytest.raises(omendb.QueryError):
        shop.delete(where=where)
    assert shop.count() == len(ROWS)


# --- limits ---


def test_a_condition_has_at_most_a_mebibyte_of_text(shop):
    where = "year = 2001 -- "
    assert shop.count(where + "x" * ((1 << 20) - len(where))) == len(expected(lambda row: row["year"] == 2001))
    longer = "x" * ((1 << 20) - len(where) + 1)
    for text in (where + longer, where + "日" * (1 << 19), "year = 1 or " * (1 << 17) + "true"):
        with pytest.raises(omendb.QueryError, match=r"at most 1048576 bytes, not \d+"):
            shop.count(text)


@pytest.mark.parametrize(
    ("make", "fits"),
    [
        (lambda depth: "(" * depth + "year = 2001" + ")" * depth, True),
        (lambda depth: "not " * (depth - depth % 2) + "year = 2001", True),
        (lambda depth: "not (" * (depth // 4 * 2) + "year = 2001" + ")" * (depth // 4 * 2), True),
        (lambda depth: "year = 2001" + " + 0" * depth, True),
        (lambda depth: "year = 2001" + " - 0" * depth, True),
        (lambda depth: "year = 2001" + "::int8" * depth, True),
        (lambda depth: "year = " + "- " * (depth - depth % 2) + "2001", True),
        (lambda depth: "year = 2001" + " is true" * depth, True),
        (lambda depth: "year = 2001 " + "and true " * depth, True),
        (lambda depth: "year = 2001 and (true or " * (depth // 2) + "true" + ")" * (depth // 2), True),
        (lambda depth: "extra" + "->'a'" * depth + " is null or true", None),
        (lambda depth: "year in (2001)" + " in (true)" * depth, None),
    ],
)
def test_depth_has_a_limit_and_up_to_it_works(shop, make, fits):
    wanted = expected(lambda row: row["year"] == 2001)
    shallow = passing(shop, make(40))
    assert shallow == (wanted if fits else shallow)
    for depth in (1_000, 20_000):
        text = make(depth)
        if "and true" in text:
            assert passing(shop, text) == wanted
            continue
        with pytest.raises(omendb.QueryError, match="more than 100 operators, words and parentheses|too deep|depth limit"):
            shop.count(text)


@pytest.mark.parametrize("count", [5_000, 20_000])
def test_long_chains_and_lists_work(shop, count):
    years = expected(lambda row: row["year"] is not None and 0 <= row["year"] < count)
    assert passing(shop, " or ".join(f"year = {year}" for year in range(count))) == years
    known = expected(lambda row: row["year"] is not None)
    assert passing(shop, " and ".join(f"year <> {year}" for year in range(count))) == known - years
    assert passing(shop, " and ".join(["(year = 2001 or stock)"] * count)) == passing(shop, "year = 2001 or stock")
    assert passing(shop, f"year in ({', '.join(map(str, range(count)))})") == years
    assert passing(shop, f"year not in ({', '.join(map(str, range(-1, count)))})") == expected(
        lambda row: row["year"] is not None and not -1 <= row["year"] < count)
    assert passing(shop, f"year = any(array[{','.join(map(str, range(count)))}])") == years
    assert passing(shop, "year in ?", [range(count)]) == passing(shop, "year in ?", [np.arange(count)]) == years
    assert passing(shop, f"year in ({', '.join('?' * count)})", list(range(count))) == years
    assert passing(shop, "id in (" + ", ".join(f"'k{number}'" for number in range(count)) + ")") == EVERY_ID
    assert passing(shop, "id in ?", [[f"k{number}" for number in range(count)]]) == EVERY_ID
    assert passing(shop, " or ".join(f"price = {number}.5" for number in range(count))) == expected(
        lambda row: row["price"] in (1.5, 2.5, 99.5))


HOSTILE = {
    "parentheses": lambda n: "(" * n + "true" + ")" * n,
    "open parentheses": lambda n: "(" * n,
    "brackets": lambda n: "array[" * n + "1" + "]" * n,
    "not": lambda n: "not " * n + "true",
    "signs": lambda n: "1 = " + "+" * n + "1",
    "signs apart": lambda n: "1 = " + "- " * n + "1",
    "sums": lambda n: "1" + "+1" * n + " = 1",
    "casts": lambda n: "true" + "::bool" * n,
    "is true": lambda n: "true" + " is true" * n,
    "isnull": lambda n: "true" + " isnull" * n,
    "notnull": lambda n: "true" + " notnull" * n,
    "in": lambda n: "true" + " in (true)" * n,
    "in a parameter": lambda n: "id" + " in (1)" + " in (true)" * n,
    "collate": lambda n: "'a'" + ' collate "C"' * n + " = 'a'",
    "time zones": lambda n: "added" + " at time zone 'UTC'" * n + " is null",
    "at local": lambda n: "added" + " at local" * n + " is null",
    "between and is": lambda n: "true" + " is true between false and true" * n,
    "between in between": lambda n: "1 between " * n + "1",
    "named operators": lambda n: "1" + " operator(pg_catalog.+) 1" * n + " = 1",
    "subscripts": lambda n: "tags" + "[1]" * n + " = 'a'",
    "nested subscripts": lambda n: "tags[" * n + "1" + "]" * n,
    "fields": lambda n: "a" + ".a" * n + " = 1",
    "cases": lambda n: "case when " * n + "true",
    "case else": lambda n: "case when true then true else " * n + "true" + " end" * n,
    "functions": lambda n: "f(" * n + "1" + ")" * n,
    "members": lambda n: "extra" + "->'a'" * n + " is null",
    "unions": lambda n: "exists (select 1" + " union select 1" * n + ")",
    "joins": lambda n: "exists (select 1 from a" + " cross join a" * n + ")",
    "joins to the right": lambda n: "exists (select 1 from " + "a join " * n + "a" + " on true" * n + ")",
    "from": lambda n: "exists (select 1 from " + "(" * n + "a" + ")" * n + ")",
    "types": lambda n: "tags::text" + "[]" * n + " is null",
    "rows": lambda n: "row(" * n + ")" * n + " is null",
    "like": lambda n: "'a'" + " like 'a'" * n,
    "comments": lambda n: "/*" * n + "*/" * n + " true",
    "open comments": lambda n: "/*" * n,
    "quotes": lambda n: "'" * (2 * n + 1),
    "dollars": lambda n: "$" * n,
    "tags of dollars": lambda n: "$a" * n,
    "colons": lambda n: ":" * n,
    "operators": lambda n: "true " + "<" * n + " true",
    "xml": lambda n: "xmlconcat(" * n + ")" * n,
    "interval": lambda n: "interval '1'" * n,
    "semicolons": lambda n: ";" * n,
    "commas": lambda n: "id in (" + "1," * n + "1)",
    "or": lambda n: "id = 1" + " or id = 1" * n,
    "or and and": lambda n: "id = 1" + " or id = 1 and id = 1" * n,
    "strings": lambda n: "id in (" + "'1'," * n + "1)",
    "between": lambda n: "id between 1 and 2" + " and id between 1 and 2" * n,
    "columns among columns": lambda n: "id in (" + "id," * n + "id)",
    "the same question": lambda n: "id between symmetric id and id" + " or id between symmetric id and id" * n,
}
HOSTILE_SCRIPT = """
import sys, threading, time
sys.path.insert(0, {folder!r})
import omendb, test_where
schema = {{"id": "int64 primary key", "added": "timestamp", "tags": "string[]", "extra": "json"}}
table = omendb.connect(":memory:").create_table("t", schema)
table.insert({{"id": [1, 2]}})

def ask():
    for name, make in test_where.HOSTILE.items():
        for count in (1, 190, 1_000, 7_000, 60_000):
            text = make(count)[: 1 << 20]
            print(name, count, end=" ", flush=True)
            started = time.perf_counter()
            try:
                answer = table.count(text)
            except omendb.Error as error:
                answer = type(error).__name__
            print(answer, round(time.perf_counter() - started, 2), flush=True)

if {stack}:
    threading.stack_size({stack})
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
else:
    ask()
print("done")
"""


@pytest.mark.parametrize("stack_bytes", [0, 512 * 1024])
def test_no_text_ends_the_process_or_takes_long(stack_bytes):
    """In a process of its own, on the main thread and on one with a small stack."""
    script = HOSTILE_SCRIPT.format(folder=str(__file__).rpartition("/")[0], stack=stack_bytes)
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and lines[-1] == "done", f"{done.returncode} after {lines[-1:]}: {done.stderr[-2000:]}"
    asked = [line.rsplit(maxsplit=3) for line in lines[:-1]]
    assert {answer for _, _, answer, _ in asked} <= {"0", "1", "2", "QueryError", "SchemaError"}
    assert not [line for line in asked if float(line[3]) > 10], "seconds"


# --- statements ---


def test_scans_select_and_keep_order_and_batches(points):
    points.insert({"id": np.arange(10_000), "v": np.zeros((10_000, 2), np.float32)})
    reader = points.scan(where="id % 3 = ?", params=[1], select=["id"], batch_rows=1000)
    sizes, ids = [], []
    for batch in reader:
        sizes.append(batch.num_rows)
        ids += batch["id"].to_pylist()
    assert ids == list(range(1, 10_000, 3)) and sizes == [1000, 1000, 1000, 333]
    nothing = points.scan(where="false")
    assert nothing.schema.names == ["id", "v"] and nothing.read_all().num_rows == 0


def test_a_scan_that_was_begun_keeps_its_rows(points):
    points.insert({"id": np.arange(100), "v": np.zeros((100, 2), np.float32)})
    reader = points.scan(where="id < 50", select=["id"], batch_rows=7)
    first = reader.read_next_batch()
    points.delete(where="id < 90")
    points.upsert({"id": [0, 1, 200], "v": [[1, 1]] * 3})
    rest = reader.read_all()
    assert first["id"].to_pylist() + rest["id"].to_pylist() == list(range(50))
    assert points.count("id < 50") == 2 and points.count() == 13


def test_delete_removes_what_passes_and_says_how_many(points):
    points.insert({"id": np.arange(3000), "v": np.zeros((3000, 2), np.float32)})
    assert points.delete(where="id % 2 = 0") == 1500 and points.count() == 1500
    assert points.delete(where="id % 2 = 0") == 0
    assert points.delete(where="id in ?", params=[[1, 3, 4, 99_999]]) == 2
    assert points.delete(where="v is null") == 0 and points.delete(where="null") == 0 and points.count() == 1498
    for arguments in ({"keys": [5], "where": "true"}, {"keys": [], "where": "true"}):
        with pytest.raises(omendb.QueryError, match="not both"):
            points.delete(**arguments)
    with pytest.raises(omendb.InvalidArgumentError, match="keys or where"):
        points.delete()
    assert points.count() == 1498
    assert points.delete(where="true") == 1498 and points.count() == 0 and points.delete(where="true") == 0


def test_params_without_where_do_not_delete_by_key_unseen(points):
    points.insert({"id": [1, 2]})
    with pytest.raises(omendb.QueryError, match="where"):
        points.delete(1, params=[2])
    assert points.count() == 2


def test_written_rows_count_at_once(docs):
    docs.insert([{"id": "a", "year": 1}, {"id": "b", "year": 2}, {"id": "c"}])
    assert passing(docs, "year > 0") == {"a", "b"}
    docs.upsert([{"id": "a"}, {"id": "c", "year": 7}])
    assert passing(docs, "year > 0") == {"b", "c"}
    docs.delete("b")
    assert passing(docs, "year > 0") == {"c"} and passing(docs, "year is null") == {"a"}
    docs.clear()
    assert passing(docs, "true") == set()


def test_update_sets_columns_where_a_condition_is_true(docs):
    first = {"id": "a", "year": 1, "name": "x", "tags": ["t"], "v": [1, 2, 3, 4]}
    docs.insert([first, {"id": "b", "year": 2}, {"id": "c"}])
    assert docs.update({"name": "new", "stock": True}, where="year > ?", params=[0]) == 2
    assert docs.update({"tags": [], "year": None}, where="id = 'a'") == 1
    assert docs.update({"name": "y"}, where="false") == 0
    a, b, c = docs.get(["a", "b", "c"])
    assert (a["name"], a["stock"], a["tags"], a["year"], a["v"].tolist()) == ("new", True, [], None, [1, 2, 3, 4])
    assert (b["name"], b["year"], c["name"], c["stock"]) == ("new", 2, None, None) and len(docs) == 3
    with pytest.raises(omendb.SchemaError, match="primary key"):
        docs.update({"id": "z"}, where="true")
    with pytest.raises(omendb.SchemaError, match="nobody"):
        docs.update({"nobody": 1}, where="true")
    for where in ("", None, "nobody = 1", "1 / 0 = 1"):
        with pytest.raises(omendb.Error):
            docs.update({"name": "z"}, where=where)
    assert passing(docs, "name = 'new'") == {"a", "b"}


@pytest.mark.parametrize("row_count", [1, 63, 64, 65, 1023, 1024, 1025, 2048, 5000])
def test_rows_at_the_edges_of_blocks_count(db, path, row_count):
    ids = np.arange(row_count)
    strings = [None if i % 5 == 0 else f"s{i}" for i in ids]
    rows = {"id": ids, "s": strings, "x": [None if i % 7 == 0 else float(i) for i in ids]}
    wanted = {int(i) for i in ids if i % 5 and i % 7 and i % 3 == 1}
    where = "s is not null and x >= 0 and id % 3 = 1 and s like 's%'"
    with omendb.connect(path) as stored:
        table = stored.create_table("t", {"id": "int64 primary key", "s": "string", "x": "float64", "empty": "json"})
        table.insert(rows)
        assert passing(table, where) == wanted and table.count("empty is null") == row_count
        stored.checkpoint()
        assert passing(table, where) == wanted
        table.upsert({"id": [row_count], "s": ["s"], "x": [0.0]})
    with omendb.connect(path) as stored:
        assert passing(stored["t"], where) == wanted | ({row_count} if row_count % 3 == 1 else set())
        assert stored["t"].count("empty is null and empty->>'a' is null") == row_count + 1


def test_columns_that_were_never_written_are_null(db):
    table = db.create_table("t", EVERY_COLUMN)
    table.insert({"id": np.arange(3)})
    for name in EVERY_COLUMN:
        assert table.count(f"{name} is null") == (0 if name == "id" else 3), name
        assert table.count(f"{name} is not null") == (3 if name == "id" else 0), name
    table.insert({"id": [3], **{name: [value] for name, value in EVERY_VALUE.items()}})
    for name in EVERY_VALUE:
        assert table.count(f"{name} is null") == 3 and table.count(f"{name} is not null") == 1, name


def test_a_condition_sees_one_version_while_others_write(points):
    table = points.database.create_table("t", {"id": "int64 primary key", "x": "int64"})
    table.insert({"id": np.arange(200), "x": np.zeros(200, np.int64)})
    stop = threading.Event()

    def write():
        for number in range(1, 1_000_000):
            if stop.is_set():
                return
            table.upsert({"id": np.arange(200), "x": np.full(200, number)})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            seen = table.scan(where="x >= 0 and x < 1000000", select=["x"]).read_all()["x"].to_pylist()
            assert len(seen) == 200 and len(set(seen)) == 1
            assert table.count("x % 2 = 0") in (0, 200)
    finally:
        stop.set()
        writer.join()


def test_async_twins_take_conditions(points):
    points.insert({"id": np.arange(10), "v": np.zeros((10, 2), np.float32)})

    async def ask():
        assert await points.acount("id < ?", [5]) == 5
        assert (await points.ascan(where="id < 3", select=["id"])).read_all()["id"].to_pylist() == [0, 1, 2]
        assert sorted((await points.asearch([0, 0], where="id > 7")).ids.tolist()) == [8, 9]
        assert await points.adelete(where="id < 5") == 5

    asyncio.run(ask())


def test_a_closed_database_and_a_dropped_table_say_so(db, points):
    db.create_table("gone", {"id": "int64 primary key"})
    gone = db["gone"]
    db.drop_table("gone")
    with pytest.raises(omendb.NotFoundError):
        gone.count("id = 1")
    db.close()
    where = "id = 1"
    for ask in (points.count, lambda where: points.delete(where=where), lambda where: points.scan(where=where)):
        with pytest.raises(omendb.ClosedError):
            ask(where)


def test_json_stays_as_it_was_written(db):
    table = db.create_table("t", {"id": "int64 primary key", "j": "json"})
    first = '{"a" : [1,  {"b": "x\\ny"}], "a b": null, "é": "\\u00e9", "dup": 1, "dup": 2}'
    texts = [first, "[]", "7", '"s"', "null", '[{"a":{"b":{"c":[10]}}}]']
    table.insert({"id": range(len(texts)), "j": texts})
    for where, wanted in [
        (r"j->'a'->1->>'b' = E'x\ny'", {0}),
        (r"""(j->'a'->1)::text = '{"b": "x\ny"}'""", {0}),
        (r"""(j->'a')::text = '[1,  {"b": "x\ny"}]'""", {0}),
        ("j->>'é' = 'é'", {0}),
        ("j->>'dup' = '2'", {0}),
        ("j->'a b' is not null and j->>'a b' is null", {0}),
        ("j->'a' is not null", {0}),
        ("j->0 is null", {0, 1, 2, 3, 4}),
        ("j->0->'a'->'b'->'c'->>0 = '10'", {5}),
        ("j::text = 'null'", {4}),
        ("j::text = '\"s\"'", {3}),
        ("j is null", set()),
    ]:
        assert passing(table, where) == wanted, where
    assert json.loads(texts[0])["dup"] == 2


# --- search ---


def brute(vectors, query, alive, k):
    distances = np.sqrt(((vectors[alive].astype(np.float64) - query) ** 2).sum(axis=1))
    return np.sort(distances)[:k]


def test_a_flat_search_finds_the_nearest_of_the_rows_that_pass(db):
    source = np.random.default_rng(1)
    vectors = source.standard_normal((900, 6)).astype(np.float32)
    table = db.create_table("t", {"id": "int64 primary key", "x": "int64", "v": omendb.vector(6)})
    ids = np.arange(900)
    table.insert({"id": ids, "x": np.where(ids % 10 == 0, -1, ids), "v": vectors})
    queries = source.standard_normal((20, 6)).astype(np.float32)
    for where, alive in [
        ("x >= 0", ids % 10 != 0),
        ("x < 450", (ids < 450) | (ids % 10 == 0)),
        ("id = 7", ids == 7),
        ("x % 100 = 3", ids % 100 == 3),
        ("false", ids < 0),
        ("null", ids < 0),
        ("v is null", ids < 0),
    ]:
        for hits, query in zip(table.search(queries, k=10, where=where), queries, strict=True):
            assert alive[hits.ids].all() and len(set(hits.ids.tolist())) == len(hits) == min(10, alive.sum())
            np.testing.assert_allclose(hits.distances, brute(vectors, query, alive, 10), rtol=1e-4, atol=1e-4)
        single = table.search(queries[0], k=10, where=where, exact=True)
        np.testing.assert_allclose(single.distances, brute(vectors, queries[0], alive, 10), rtol=1e-4, atol=1e-4)
    near = table.search(queries[0], radius=2.5, where="x >= ?", params=[0])
    within = brute(vectors, queries[0], ids % 10 != 0, 900)
    assert len(near) == (within <= 2.5).sum() and (near.ids % 10 != 0).all()
    assert len(table.search(queries[0], k=10_000, where="x >= 0")) == 810


@pytest.fixture(scope="module")
def linked():
    """5,000 clustered rows in a graph; `share` is even, `cluster` is the neighbourhood of the vector."""
    source = np.random.default_rng(5)
    centres = source.standard_normal((20, 24))
    cluster = source.integers(0, 20, 5000)
    vectors = (centres[cluster] + 0.4 * source.standard_normal((5000, 24))).astype(np.float32)
    queries = (centres[source.integers(0, 20, 100)] + 0.4 * source.standard_normal((100, 24))).astype(np.float32)
    with omendb.connect(":memory:") as db:
        schema = {"id": "int64 primary key", "share": "float64", "cluster": "int64", "v": omendb.vector(24)}
        table = db.create_table("t", schema)
        share = source.permutation(5000) / 5000
        table.insert({"id": np.arange(5000), "share": share, "cluster": cluster, "v": vectors})
        table._wait_for_index()
        yield table, vectors, queries, share, cluster


def recall_of(table, vectors, queries, alive, k, **arguments):
    found = table.search(queries, k=k, **arguments)
    right = 0
    for hits, query in zip(found, queries, strict=True):
        assert len(hits) == len(set(hits.ids.tolist())) == min(k, alive.sum()), "exactly so many"
        assert alive[hits.ids].all() and (np.diff(hits.distances) >= 0).all()
        truth_at = brute(vectors, query, alive, k)
        distances = np.linalg.norm(vectors[hits.ids] - query, axis=1)
        np.testing.assert_allclose(hits.distances, distances, rtol=1e-4, atol=1e-4)
        right += (hits.distances <= truth_at[-1] * (1 + 1e-5)).sum()
    return right / (len(queries) * min(k, alive.sum()))


@pytest.mark.parametrize("percent", [100, 90, 50, 25, 10, 5, 1, 0.1, 0.02])
@pytest.mark.parametrize("k", [1, 10, 100])
def test_a_search_over_the_graph_finds_the_nearest_of_the_rows_that_pass(linked, percent, k):
    table, vectors, queries, share, _ = linked
    arguments = {"where": "share < ?", "params": [percent / 100]}
    assert recall_of(table, vectors, queries, share < percent / 100, k, **arguments) >= 0.95
    assert recall_of(table, vectors, queries, share < percent / 100, k, exact=True, **arguments) == 1


@pytest.mark.parametrize(
    "where",
    ["cluster < 10", "cluster >= 10", "cluster <> 3", "cluster = 3", "cluster % 2 = 0 and share < 0.7"],
)
def test_a_condition_that_goes_with_the_vectors_is_answered_as_well(linked, where):
    table, vectors, queries, _, _ = linked
    alive = np.zeros(5000, bool)
    alive[table.scan(where=where, select=["id"]).read_all()["id"].to_numpy()] = True
    assert recall_of(table, vectors, queries, alive, 10, where=where) >= 0.95
    assert recall_of(table, vectors, queries, alive, 10, where=where, recall=0.99) >= 0.98
    assert recall_of(table, vectors, queries, alive, 10, where=where, recall=1) == 1


def test_a_beam_that_is_too_narrow_still_gives_as_many_rows_as_pass(linked):
    table, vectors, queries, share, _ = linked
    for percent in (50, 5, 0.1):
        alive = share < percent / 100
        recall_of(table, vectors, queries, alive, 10, ef=1, where="share < ?", params=[percent / 100])


def test_rows_that_wait_for_the_graph_count_too(linked):
    table, vectors, queries, share, _ = linked
    fresh = queries[:50] + np.float32(0.001)
    table.insert({"id": np.arange(5000, 5050), "share": np.linspace(0, 0.98, 50), "cluster": [99] * 50, "v": fresh})
    try:
        for query, key in zip(queries[:50], range(5000, 5050), strict=True):
            assert table.search(query, k=1, where="cluster = 99").ids.tolist() == [key]
            assert (table.search(query, k=10, where="cluster < 99").ids < 5000).all()
            assert len(table.search(query, k=100, where="cluster = 99")) == 50
        assert table.delete(where="cluster = 99 and id % 2 = 0") == 25
        assert len(table.search(queries[0], k=100, where="cluster = 99")) == 25
    finally:
        table.delete(where="cluster = 99")


def test_deleted_and_replaced_rows_of_the_graph_count_at_once(db):
    source = np.random.default_rng(9)
    vectors = source.standard_normal((3000, 8)).astype(np.float32)
    table = db.create_table("t", {"id": "int64 primary key", "x": "int64", "v": omendb.vector(8)})
    table.insert({"id": np.arange(3000), "x": np.arange(3000) % 4, "v": vectors})
    table._wait_for_index()
    assert table.delete(where="x = 1") == 750
    assert table.update({"x": 3}, where="x = 2") == 750
    alive = np.arange(3000) % 4 >= 2
    queries = source.standard_normal((40, 8)).astype(np.float32)
    assert recall_of(table, vectors, queries, alive, 10, where="x = 3") >= 0.95
    assert len(table.search(queries[0], k=10, where="x in (1, 2)")) == 0
    table._wait_for_index()
    assert recall_of(table, vectors, queries, alive, 10, where="x = 3") >= 0.95


@pytest.mark.parametrize("metric", ["cosine", "ip", "l1"])
def test_every_metric_takes_conditions(db, metric):
    source = np.random.default_rng(2)
    vectors = source.standard_normal((3000, 12)).astype(np.float32)
    table = db.create_table("t", {"id": "int64 primary key", "x": "int64", "v": omendb.vector(12, metric=metric)})
    table.insert({"id": np.arange(3000), "x": np.arange(3000) % 3, "v": vectors})
    table._wait_for_index()
    queries = source.standard_normal((50, 12)).astype(np.float32)
    for where, least in [("x = 1", 0.95), ("x <> 1", 0.95), ("id % 50 = 0", 0.95)]:
        exact = table.search(queries, k=10, where=where, exact=True)
        found = table.search(queries, k=10, where=where)
        for one, other in zip(exact, found, strict=True):
            assert len(one) == len(other) == 10
        right = [len(set(one.ids.tolist()) & set(other.ids.tolist())) for one, other in zip(exact, found, strict=True)]
        assert np.mean(right) / 10 >= least, where


def test_bits_take_conditions(db):
    source = np.random.default_rng(2)
    table = db.create_table("t", {"id": "int64 primary key", "b": omendb.bits(64)})
    table.insert({"id": np.arange(500), "b": source.random((500, 64)) < 0.5})
    query = source.random(64) < 0.5
    everything = table.search(query, k=500)
    wanted = [key for key in everything.ids.tolist() if key % 5 == 2]
    found = table.search(query, k=500, where="id % 5 = 2")
    assert sorted(found.ids.tolist()) == sorted(wanted) and len(found) == 100
    assert table.count("b is not null") == 500


def test_a_search_with_a_condition_is_refused_as_others_are(linked):
    table = linked[0]
    for arguments, kind in [
        ({"where": "nobody = 1"}, omendb.SchemaError),
        ({"where": "share = true"}, omendb.QueryError),
        ({"where": "cluster / 0 = 1"}, omendb.QueryError),
        ({"where": "share < ?"}, omendb.QueryError),
        ({"params": [1]}, omendb.QueryError),
        ({"where": "true", "k": 0}, omendb.QueryError),
        ({"where": 5}, omendb.QueryError),
    ]:
        for query in (np.zeros(24, np.float32), np.zeros((3, 24), np.float32), [0.0] * 24):
            with pytest.raises(kind):
                table.search(query, **arguments)


INDEXED_ROWS = 70_000  # two full blocks of an index and a part of one


def indexed_rows():
    """A dict of lists by column; nulls, duplicates, lists and JSON among them."""
    source = random.Random(9)

    def some(make, null=0.1):
        return [None if source.random() < null else make() for _ in range(INDEXED_ROWS)]

    return {
        "id": list(range(INDEXED_ROWS)),
        "a": some(lambda: source.randrange(500)),
        "b": some(lambda: source.choice(PRICES) if source.random() < 0.2 else source.random() * 100),
        "name": some(lambda: source.choice(NAMES) + str(source.randrange(300))),
        "tags": some(lambda: source.sample(TAGS, source.randrange(3))),
        "extra": some(lambda: {"k": source.choice(["x", "y", None, 7])} if source.random() < 0.8 else {}),
    }


def indexed_expectations(source):
    """A condition, and whether a row (a dict) passes it."""
    a, b, tag = source.randrange(500), source.random() * 100, source.choice(TAGS)
    name = source.choice(NAMES[3:6]) + str(source.randrange(10))
    kind = source.choice(["x", "y", "7"])

    def member(row):
        value = (row["extra"] or {}).get("k")
        return None if value is None else str(value)

    def above(value, bound):
        return value is not None and (math.isnan(value) or value >= bound)

    return [
        (f"a = {a}", lambda row: row["a"] == a),
        (f"a between {a} and {a + 40}", lambda row: row["a"] is not None and a <= row["a"] <= a + 40),
        (f"b >= {b}", lambda row: above(row["b"], b)),
        (f"name = '{name}'", lambda row: row["name"] == name),
        (f"name like '{name}%'", lambda row: (row["name"] or "").startswith(name)),
        (f"name < '{name}'", lambda row: row["name"] is not None and row["name"].encode() < name.encode()),
        (f"'{tag}' in tags", lambda row: tag in (row["tags"] or [])),
        (f"extra->>'k' = '{kind}'", lambda row: member(row) == kind),
        (f"not (a = {a}) and b is null", lambda row: row["a"] not in (a, None) and row["b"] is None),
        (f"a < {a} and 1000 / (a + 1) > 9", lambda row: row["a"] is not None and row["a"] < a and 1000 // (row["a"] + 1) > 9),
    ]


def check_indexed(table, rows, alive, source, rounds=3):
    for _ in range(rounds):
        for condition, passes in indexed_expectations(source):
            expected = sum(passes({name: values[i] for name, values in rows.items()}) for i in alive)
            assert table.count(condition) == expected, condition


def test_indexes_come_by_themselves_and_say_what_columns_say(tmp_path):
    rows, source = indexed_rows(), random.Random(4)
    schema = {"id": "int64 primary key", "a": "int64", "b": "float64", "name": "string", "tags": "string[]", "extra": "json"}
    db = omendb.connect(tmp_path / "db")
    table = db.create_table("t", schema)
    table.insert(rows)
    check_indexed(table, rows, range(INDEXED_ROWS), source, 1)
    assert not any(name.startswith("index.") for name in table.stats()["memory_bytes"])
    conditions = ("a = {0}", "b < {0}", "b < {0} and name = 'n{0}'", "name = 'n{0}'", "'{0}' in tags", "extra->>'k' = '{0}'")
    indexes = set()
    for i in range(4000):  # as many as reading takes to cost what an index does
        for condition in conditions:
            table.count(condition.format(i))
        if i % 100 == 99:
            table._wait_for_index()
            indexes = {name for name, size in table.stats()["memory_bytes"].items() if name.startswith("index.") and size > 0}
            if len(indexes) == 5:
                break
    assert indexes == {"index.a", "index.b", "index.name", "index.tags", "index.extra"}
    check_indexed(table, rows, range(INDEXED_ROWS), source)
    # Regions without a row, whose bytes go.
    alive = [i for i in range(INDEXED_ROWS) if i >= 40_000 or i % 7 == 0 and i >= 17_000]
    table.delete(where="id < 40000 and (id < 17000 or id % 7 <> 0)")
    check_indexed(table, rows, alive, source, 1)
    db.checkpoint()
    check_indexed(table, rows, alive, source, 1)
    table._wait_for_index()
    check_indexed(table, rows, alive, source, 1)
    db.close()
    with omendb.connect(tmp_path / "db") as again:
        check_indexed(again["t"], rows, alive, source, 1)
        again.check()
