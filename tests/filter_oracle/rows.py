"""Random rows of every type, as OmenDB and as PostgreSQL take them."""

import json
import math

import pyarrow as pa

TYPES = {
    "id": "int64 primary key", "year": "int64", "big": "int64", "price": "float64", "weight": "float64", "stock": "bool", "flag": "bool",
    "added": "timestamp", "seen": "timestamp", "name": "string", "title": "text", "digits": "string", "day": "string",
    "tags": "string[]", "labels": "string[]", "extra": "json", "meta": "json", "v": "vector",
}
SQL_TYPES = {
    "int64": "int8", "int64 primary key": "int8", "float64": "float8", "bool": "bool", "timestamp": "timestamp", "string": "text",
    "text": "text", "string[]": "text[]", "json": "json", "vector": "float4[]",
}

INTS = [-(2**63), -(2**63) + 1, -(2**53) - 1, -1, 0, 1, 7, 2**31, 2**53, 2**53 + 1, 2**62, 2**63 - 2, 2**63 - 1]
FLOATS = [
    math.nan, math.inf, -math.inf, -0.0, 0.0, 0.1, 0.5, 1.5, 2.5, -2.5, 7.0, 1e-5, 1e-4, 123456.789, 1e15, 1e16, 999999999999999.9, 1e22,
    1e300, -1e300, 2.0**53, 2.0**53 + 2, 2.0**63, -(2.0**63), 5e-324, 1 / 3,
]
STRINGS = [
    "", "a", "A", "abc", "ABC", "aBc", "Äpfel", "äpfel", "ÄPFEL", "ß", "日本", "日本語", "a%b", "a_b", "50%", "O'Neill", "back\\slash",
    "line\nbreak", " ", " a ", "zzz", "\U0001f600 smile", "e\u0301", "null", "NULL", "true", "7", '"q"', "a,b", "{x}", "%", "_",
    "$$", "--", "/*",
]
TAGS = ["red", "blue", "sale", "", "ä", "a,b", "NULL", 'q"x', "back\\slash", "{", " x ", "日本"]
DIGITS = ["12", " -5 ", "+7", "0", "-0", "9223372036854775807", "-9223372036854775808", "007"]
DAYS = [
    "2024-02-29", "2024-02-29 12:30:15.5", "2001-1-5 7:05", "1999-12-31T23:59:59.999999", "0001-01-01", "9999-12-31 24:00:00",
    " 2020-10-10 ", "1969-12-31 23:59:59.999999", "2024-06-30 23:59:60", "2000-02-29 00:00:00.000001",
]
MICROS = [
    0, 1, -1, 1_709_209_815_123_456, 951_782_400_000_000, -62_135_596_800_000_000, 253_402_300_799_999_999, 316_537_891_200_000_000,
    1_735_689_600_000_000, 1_735_689_600_000_001, -86_400_000_000, 946_684_799_999_999,
]
JSON = [
    "{}", "[]", "null", "true", "5", "-1.50", '"text"', '""', ' {"a" : 1 } ', '{"a":1,"a":2}', '{"\\u0061":"escaped"}', '{"a":null}',
    '{"a":{"b":{"c":[1,[2,{"a":"deep"}]]}}}', '["x","y",null,3]', "[[1,2],[3]]", '{"s":"\\ud83d\\ude00\\n\\t\\"\\\\\\/"}',
    '{"s":"日本 \\u00e4"}', '{"":"empty name","a":""}', '[ 1 , {"a": [ true , false ]} ]', '{"a":"x}y]","b":"{\\"a\\":1}"}',
    '{"a":1e5,"b":-0.0,"c":[]}', '{"name":"a"}', '{"back\\\\slash":"b","日本":["語"]}', '[-1]', '{"a":true}',
    '{"a":false,"b":[{"a":0}]}', "[[[[[[[[[[]]]]]]]]]]", '{"a" :\n[\t1 ]\r}',
]


def _maybe(random, share, make):
    """None for a share of the rows."""
    return None if random.random() < share else make()


def _meta(random):
    """Members that can be cast wherever they are: n to int8, f to float8, b to bool, t to timestamp."""
    members = {
        "n": random.choice([None, -3, 0, 7, 2024, 2**40]), "f": random.choice([None, 0, 1.5, -2.25, 1e10]),
        "b": random.choice([None, True, False, "yes", "off", 1, 0]), "t": random.choice([None, "2024-02-29", "2024-02-29T12:30:00"]),
        "name": random.choice([None, *STRINGS]), "list": random.choice([None, [], [1, "a", None], [[7], {"n": 8}]]),
    }
    kept = {name: value for name, value in members.items() if random.random() < 0.8}
    return json.dumps(kept, ensure_ascii=random.random() < 0.5, indent=random.choice([None, None, 1]))


def _numbers(random):
    return {
        "year": _maybe(random, 0.15, lambda: random.choice([*range(-3, 4), *range(2018, 2030)])),
        "big": _maybe(random, 0.15, lambda: random.choice(INTS)),
        "price": _maybe(random, 0.15, lambda: random.choice([*FLOATS, *FLOATS, round(random.uniform(-50, 50), 2)])),
        "weight": _maybe(random, 0.15, lambda: random.randint(-40, 40) / 8),
        "stock": _maybe(random, 0.2, lambda: random.random() < 0.5),
        "flag": _maybe(random, 0.2, lambda: random.random() < 0.3),
        "added": _maybe(random, 0.15, lambda: random.choice(MICROS)),
        "seen": _maybe(random, 0.15, lambda: random.choice([*MICROS, random.randint(-(10**15), 2 * 10**15)])),
    }


def make_row(random, key):
    def some_tags():
        return _maybe(random, 0.15, lambda: random.sample(TAGS, random.choice([0, 0, 1, 2, 3])))

    return {
        "id": key,
        **_numbers(random),
        "name": _maybe(random, 0.1, lambda: random.choice(STRINGS)),
        "title": _maybe(random, 0.1, lambda: random.choice(STRINGS)),
        "digits": _maybe(random, 0.2, lambda: random.choice(DIGITS)),
        "day": _maybe(random, 0.2, lambda: random.choice(DAYS)),
        "tags": some_tags(),
        "labels": some_tags(),
        "extra": _maybe(random, 0.15, lambda: random.choice(JSON)),
        "meta": _maybe(random, 0.1, lambda: _meta(random)),
        "v": _maybe(random, 0.3, lambda: [random.random(), random.random()]),
    }


def to_arrow(rows):
    kinds = {
        "int64": pa.int64(), "int64 primary key": pa.int64(), "float64": pa.float64(), "bool": pa.bool_(), "string": pa.string(),
        "text": pa.string(), "json": pa.string(), "string[]": pa.list_(pa.string()), "vector": pa.list_(pa.float32(), 2),
    }

    def column(name):
        values = [row[name] for row in rows]
        if TYPES[name] == "timestamp":
            return pa.array(values, pa.int64()).cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
        return pa.array(values, kinds[TYPES[name]])

    return pa.table({name: column(name) for name in TYPES})


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def sql_value(kind, value):
    """A literal of PostgreSQL with its type."""
    if value is None:
        return f"null::{SQL_TYPES[kind]}"
    if kind == "timestamp":
        return f"(timestamp 'epoch' + interval '{value} microseconds')"
    if kind == "bool":
        return str(value).lower()
    if kind in ("string[]", "vector"):
        return f"array[{', '.join(quoted(str(item)) for item in value)}]::{SQL_TYPES[kind]}"
    return f"{quoted(value if isinstance(value, str) else repr(value))}::{SQL_TYPES[kind]}"


def to_sql(rows):
    """Makes the table t, and the comparison of whole numbers with floats that rounds neither."""
    columns = ", ".join(f"{name} {SQL_TYPES[kind]}" for name, kind in TYPES.items())
    values = ",\n".join(f"({', '.join(sql_value(kind, row[name]) for name, kind in TYPES.items())})" for row in rows)
    return f"""
        create table t ({columns});
        insert into t values {values};
        create function exact_order(whole int8, real_number float8) returns int4 language plpgsql immutable strict as $$
        begin
          if real_number = 'NaN' or real_number >= 9223372036854775808 then return -1; end if;
          if real_number < -9223372036854775808 then return 1; end if;
          if whole < floor(real_number)::int8 then return -1; end if;
          if whole > floor(real_number)::int8 then return 1; end if;
          return case when real_number > floor(real_number) then -1 else 0 end;
        end $$;
        analyze t;
    """
