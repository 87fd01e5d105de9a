"""Thousands of values beside what PostgreSQL makes of them: numbers and times as text and back, patterns, members of JSON, constants."""

import json
import math
import os
import random
import re
import struct

import numpy as np
import pyarrow as pa
import pytest

from filter_oracle import rows

omendb = pytest.importorskip("omendb")

SCALE = float(os.environ.get("OMENDB_TEST_SCALE", "1"))
SEED = int(os.environ.get("OMENDB_FILTER_ORACLE_SEED", "1"))
COUNT = max(200, int(4_000 * SCALE))
FIELD = "\x1f"  # between values that PostgreSQL prints
NULL = "\x1e"
KINDS = {"int8": "int64", "float8": "float64", "text": "string", "bool": "bool", "timestamp": "timestamp", "json": "json"}


@pytest.fixture
def source(request):
    print(f"seed {SEED}")
    return random.Random(f"{SEED} {request.node.name}")


def to_sql(value, kind):
    if value is None:
        return "null"
    if kind == "timestamp":
        return f"timestamp 'epoch' + interval '{value} microseconds'"
    return rows.quoted(value if isinstance(value, str) else repr(value))


def from_sql(text, kind):
    if text == NULL:
        return None
    return {"int8": int, "float8": float, "timestamp": int, "timestamptz": int, "bool": lambda word: word == "true"}.get(kind, str)(text)


def compare(server, given, made):
    """Rows where the answers are distinct, at most ten of each. `given`: {column: (type, values)}. `made`: {what OmenDB calculates: (type,
    what PostgreSQL does)}.
    """
    count = len(next(iter(given.values()))[1])
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in given.items())
    values = ",\n".join(
        f"({row}, " + ", ".join(to_sql(values[row], kind) for kind, values in given.values()) + ")" for row in range(count))
    answers = [f"coalesce({_printed(kind, sql)}, '{NULL}')" for kind, sql in made.values()]
    lines = server.run(
        f"drop table if exists v; create table v (id int8, {columns}); insert into v values {values};"
        f"select encode(convert_to(concat_ws('{FIELD}', {', '.join(answers)}), 'UTF8'), 'hex') from v order by id;").split()
    right = [bytes.fromhex(line).decode().split(FIELD) for line in lines]
    schema = {"id": "int64 primary key", **{name: KINDS[kind] for name, (kind, _) in given.items()}}
    schema |= {f"right{place}": KINDS[kind] for place, (kind, _) in enumerate(made.values())}
    table = {"id": range(count), **{name: _column(kind, values) for name, (kind, values) in given.items()}}
    for place, (kind, _) in enumerate(made.values()):
        table[f"right{place}"] = _column(kind, [from_sql(line[place], kind) for line in right])
    found = {}
    with omendb.connect(":memory:") as db:
        stored = db.create_table("v", schema)
        stored.insert(pa.table({name: pa.array(values) if isinstance(values, range) else values for name, values in table.items()}))
        for place, ours in enumerate(made):
            wrong = stored.scan(where=f"({ours}) is distinct from right{place}").read_all().to_pylist()
            if wrong:
                found[ours] = [len(wrong), *({name: row[name] for name in (*given, f"right{place}")} for row in wrong[:10])]
    return found


def _printed(kind, sql):
    return f"(extract(epoch from {sql}) * 1000000)::int8::text" if kind.startswith("timestamp") else f"({sql})::text"


def _column(kind, values):
    if kind == "timestamp":
        return pa.array(values, pa.int64()).cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
    return pa.array(values, {"int8": pa.int64(), "float8": pa.float64(), "bool": pa.bool_()}.get(kind, pa.string()))


def some_floats(source, count):
    """Of any bits, short decimals, and whole numbers around powers of two and ten."""
    makers = [
        lambda: struct.unpack("<d", struct.pack("<Q", source.getrandbits(64)))[0],
        lambda: round(source.uniform(-1000, 1000), source.randint(0, 6)),
        lambda: source.uniform(-1, 1) * 10.0 ** source.randint(-20, 20),
        lambda: float(2 ** source.randint(0, 70) + source.randint(-2, 2)),
        lambda: float(f"{source.randint(-9, 9)}e{source.randint(-320, 22)}"),
        lambda: source.randint(-(2**53), 2**53) / 2.0 ** source.randint(0, 60),
        lambda: source.choice(rows.FLOATS),
    ]
    return [source.choice(makers)() for _ in range(count)]


def test_floats_become_text_and_back(server, source):
    """Beyond 2^53 PostgreSQL gives one digit more where the shortest lie right between two floats: there only the way back is compared."""
    floats = some_floats(source, COUNT)
    whole = [value if abs(value) < 2**63 else 0.5 for value in floats]
    exact = [value if abs(value) < 2**53 else 1e-5 for value in floats]
    given = {"x": ("float8", floats), "s": ("text", [repr(value) for value in floats]), "w": ("float8", whole), "e": ("float8", exact)}
    assert not compare(server, given, {
        "e::text": ("text", "e::text"), "s::float8": ("float8", "s::float8"), "x::text::float8": ("float8", "x"),
        "w::int8": ("int8", "w::int8"), "- x": ("float8", "- x"), "x = x": ("bool", "x = x"),
    })


def test_numbers_are_calculated_with(server, source):
    def pick(make, fine):
        while True:
            pair = make()
            if fine(*pair):
                return pair

    def small(value):
        return math.isfinite(value) and (value == 0 or 1e-140 < abs(value) < 1e140)

    floats = some_floats(source, 4 * COUNT)
    pairs = [pick(lambda: (source.choice(floats), source.choice(floats)), lambda a, b: small(a) and small(b) and b) for _ in range(COUNT)]
    ints = [
        pick(lambda: (source.getrandbits(source.randint(1, 31)) - 2**20, source.getrandbits(source.randint(1, 31)) - 2**20), lambda a, b: b)
        for _ in range(COUNT)]
    given = {
        "a": ("float8", [a for a, _ in pairs]), "b": ("float8", [b for _, b in pairs]), "i": ("int8", [i for i, _ in ints]),
        "j": ("int8", [j for _, j in ints]),
    }
    made = {f"a {sign} b": ("float8", f"a {sign} b") for sign in "+-*/"} | {f"i {sign} j": ("int8", f"i {sign} j") for sign in "+-*/%"}
    made |= {f"a {sign} i": ("float8", f"a {sign} i") for sign in "+-*"} | {f"i {sign} b": ("float8", f"i {sign} b") for sign in "+-*/"}
    made |= {f"a {sign} b": ("bool", f"a {sign} b") for sign in ("<", "<=", "=", "<>", ">=", ">")}
    assert not compare(server, given, made | {"i::text": ("text", "i::text"), "i::float8": ("float8", "i::float8"), "-i": ("int8", "-i")})


def test_times_become_text_and_back(server, source):
    first, last = -62_135_596_800_000_000, 9_223_371_244_799_999_999  # years 1 to 294246
    near = [0, first, last, 253_402_300_800_000_000, 951_782_400_000_000, 4_107_542_400_000_000]
    times = [source.choice(near) + source.randint(-(10 ** source.randint(1, 12)), 10 ** source.randint(1, 12)) for _ in range(COUNT // 2)]
    times += [source.randint(first, source.choice([last, 10**16])) for _ in range(COUNT // 2)]
    times = [min(max(time, first), last) for time in times]
    assert not compare(server, {"x": ("timestamp", times)}, {
        "x::text": ("text", "x::text"), "x::text::timestamp": ("timestamp", "x"), "x < '2000-01-01'": ("bool", "x < '2000-01-01'"),
    })


def some_text(source, alphabet, longest):
    return "".join(source.choice(alphabet) for _ in range(source.randint(0, longest)))


def test_patterns_match(server, source):
    texts = [some_text(source, "aabAB%_\\ä日\U0001f600", 8) for _ in range(COUNT)]
    patterns = []
    while len(patterns) < COUNT:
        pattern = some_text(source, "aabAB%%%__\\\\ä日\U0001f600", 8)
        if (len(pattern) - len(pattern.rstrip("\\"))) % 2 == 0:  # none ends within an escape
            patterns.append(pattern)
    words = ("like", "not like", "ilike", "not ilike")
    assert not compare(server, {"t": ("text", texts), "p": ("text", patterns)}, {f"t {word} p": ("bool", f"t {word} p") for word in words})


def some_json(source, depth=4):
    if depth == 0 or source.random() < 0.3:
        return source.choice([
            None, True, False, 0, -1.5, 1e300, 12345678901234567890, "", some_text(source, 'ab"\\/{}[]:,\n\t\u00e4\u65e5\U0001f600', 6)])
    if source.random() < 0.5:
        return [some_json(source, depth - 1) for _ in range(source.randint(0, 4))]
    return {source.choice(["a", "b", "", "ä", 'a"b', "a\\b"]): some_json(source, depth - 1) for _ in range(source.randint(0, 4))}


def test_members_of_json_are_found(server, source):
    def dumped():
        separators = source.choice([(",", ":"), (", ", ": "), (" ,\n", "\t:\r ")])
        ascii_only, indent = source.random() < 0.5, source.choice([None, None, 2])
        text = json.dumps(some_json(source), ensure_ascii=ascii_only, separators=separators, indent=indent)
        return source.choice(["", " ", "\n"]) + text + source.choice(["", " "])

    keys = ["'a'", "'b'", "''", "'ä'", "'a\"b'", r"'a\b'", "0", "1", "-1", "3", "-5"]
    paths = [f"j->{one}" for one in keys] + [f"j->{one}->{other}" for one in keys[::2] for other in keys[::3]] + ["j->0->'a'->-1->'b'"]
    made = {f"({path})::text": ("text", f"({path})::text") for path in paths}
    made |= {"->>".join(path.rsplit("->", 1)): ("text", "->>".join(path.rsplit("->", 1))) for path in paths}
    documents = [dumped() for _ in range(COUNT)]
    assert not compare(server, {"j": ("json", documents), "k": ("text", [source.choice(["a", "b", "", "ä"]) for _ in documents])}, {
        **made, "j::text": ("text", "j::text"), "j->k->>'a'": ("text", "j->k->>'a'"), "(j->>k) is null": ("bool", "(j->>k) is null"),
    })


# Constants: what is one, and which value it is.


def answers(server, texts, kind):
    """PostgreSQL's values of constants; None where they are none."""
    printed = server.ask([f"select {_printed(kind, rows.quoted(text) + '::' + kind)}" for text in texts])
    return [None if text is None else from_sql(text, kind) for text in printed]


def value_of(table, text, kind, value):
    """None where a constant is refused, else whether it is that value."""
    try:
        if kind == "timestamptz":
            return table.count("?::timestamp is not distinct from ?", [text, _moment(value)]) == 1
        return table.count(f"?::{kind} is not distinct from ?::{kind}", [text, value]) == 1
    except omendb.QueryError as error:
        assert "where, character" in str(error)
        return None


def _moment(micros):
    return np.datetime64(micros, "us") if micros is not None else None


@pytest.mark.parametrize(
    ("kind", "parts", "complete"),
    [
        ("int8", ["0", "1", "9", "12", "9223372036854775807", "9223372036854775808", "-", "+", " ", ".", "e", "\t", "\u00a0"], True),
        ("float8", ["0", "1", "12", "345", "-", "+", ".", "e", "E", "e3", "e-320", "e309", "inf", "infinity", "NaN", " ", "\n", ","], True),
        ("bool", ["t", "tr", "true", "f", "false", "y", "yes", "n", "no", "o", "on", "of", "off", "0", "1", " ", "T", "S", "e"], True),
        ("timestamptz", ["2024", "2024-02-29", "-", "-02-", "-02-29", "29", "1", "12", ":30", ":", "T", " ", "Z", "+02", "-0530"]
         + ["+05:30", ".5", ".1234567", "24:00", " 12:30", "T07:08:09"], False),
    ],
)
def test_constants_are_what_postgresql_takes_them_for(server, source, kind, parts, complete):
    """`complete`: PostgreSQL takes no more than OmenDB. Of times it takes a lot more, and of numbers a NaN with a sign;
    a zone right behind a date it takes in some forms only.
    """
    texts = sorted({"".join(source.choices(parts, k=source.randint(1, 5))) for _ in range(COUNT)})
    texts = [text for text in texts if "-NaN" not in text and not re.search(r"-\d\d?-\d\d?[-+Z]", text)]
    with omendb.connect(":memory:") as db:
        table = db.create_table("t", {"id": "int64 primary key"})
        table.insert({"id": [1]})
        wrong = []
        for text, value in zip(texts, answers(server, texts, kind), strict=True):
            ours = value_of(table, text, kind, value if value is not None else None)
            if ours is False or (ours is not None and value is None) or (complete and ours is None and value is not None):
                wrong.append((text, value, ours))
    assert not wrong


def test_lists_in_quotes_are_what_postgresql_takes_them_for(server, source):
    parts = ["{", "}", ",", '"', "\\", " ", "a", "null", "NULL", "ä", '""', "{}", "{a}", '"a b"', "\n"]
    texts = {"{" + "".join(source.choices(parts, k=source.randint(0, 6))) + "}" for _ in range(COUNT)}
    texts |= {"", "a", "{", "}", " {a} ", "{a}x"}
    texts = sorted(text for text in texts if "{" not in text[text.find("{") + 1 :])  # of one dimension
    printed = server.ask([f"select array_to_json({rows.quoted(text)}::text[])" for text in texts])
    with omendb.connect(":memory:") as db:
        table = db.create_table("t", {"id": "int64 primary key", "l": "string[]"})
        known = {text: json.loads(answer) for text, answer in zip(texts, printed, strict=True) if answer is not None}
        whole = {text: items for text, items in known.items() if None not in items}
        table.insert([{"id": number, "l": items} for number, items in enumerate(whole.values())])
        wrong = []
        for number, text in enumerate(whole):
            if table.count("id = ? and l @> ? and l <@ ? and l @> ?::text[]", [number, text, text, text]) != 1:
                wrong.append((text, whole[text]))
        for text in sorted(set(texts) - set(whole)):
            try:
                table.count("l @> ?", [text])
                refused = False
            except omendb.QueryError:
                refused = True
            if refused == (text in known):
                wrong.append((text, known.get(text)))
    assert not wrong
