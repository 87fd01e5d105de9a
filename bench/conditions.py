"""Conditions beside DuckDB: how long `count(where)` takes over the same rows, in one run, in turns.

    python -m bench.conditions                  a million rows, medians of 9 rounds (a minute)
    python -m bench.conditions --rows 100000 --rounds 5
    python -m bench.conditions --only "AND"     conditions whose name has these characters

Every round asks every contender once: OmenDB with a condition that it has not seen (a comment makes it new), a second table with indexes
behind conditions with one that it has not seen either, OmenDB with the same text again (the rows that passed are kept), DuckDB (in memory,
`pip install duckdb`) with its default threads, with two and with one. The counts are compared. Only ratios of one run are worth anything.
Below, conditions whose parameters change with each call, over the table with indexes and DuckDB.
"""

import argparse
import itertools
import json
import statistics
import time

import duckdb
import numpy as np
import omendb
import pyarrow as pa

KINDS = ["shoe", "hat", "coat", "glove", "scarf", "belt", "sock", "shirt", "skirt", "jacket"]
TAGS = [f"t{i}" for i in range(40)] + ["red", "sale", "new"]
SCHEMA = {
    "id": "int64 primary key",
    "a": "int64",
    "b": "float64",
    "kind": "string",
    "name": "string",
    "ok": "bool",
    "added": "timestamp",
    "tags": "string[]",
    "extra": "json",
}
# Name, what OmenDB is asked, what DuckDB is asked where it writes that otherwise.
CONDITIONS = [
    ("AND of two, 0.1 %", "a = 5 and b < 100", None),
    ("AND of two, 1 %", "a < 100 and b < 100", None),
    ("AND of two, 10 %", "a < 320 and b < 320", None),
    ("AND of two, 50 %", "a < 710 and b < 710", None),
    ("AND, number and string, 1 %", "kind = 'hat' and b < 100", None),
    ("int64 =, 0.1 %", "a = 5", None),
    ("int64 range, 10 %", "a between 100 and 199", None),
    ("float64 <, 50 %", "b < 500", None),
    ("float64 range, 1 %", "b >= 10 and b < 20", None),
    ("OR of two, 10 %", "a < 50 or b < 50", None),
    ("IN of 5 numbers, 0.5 %", "a in (1, 77, 345, 600, 999)", None),
    ("IN of 100 numbers, 10 %", "a in (" + ", ".join(str(i * 7 % 1000) for i in range(100)) + ")", None),
    ("bool, 50 %", "ok", None),
    ("timestamp >=, 10 %", "added >= timestamp '2024-10-19 00:00:00'", None),
    ("is null, 10 %", "b is null", None),
    ("string =, 10 %", "kind = 'hat'", None),
    ("string <>, 90 %", "kind <> 'hat'", None),
    ("IN of 3 strings, 30 %", "kind in ('hat', 'coat', 'sock')", None),
    ("LIKE 'abc%', 1 %", "name like 'abc%'", None),
    ("LIKE '%99%', 7 %", "name like '%99%'", None),
    ("'red' in tags, 5 %", "'red' in tags", "list_contains(tags, 'red')"),
    ("extra->>'k' = 'v7', 7 %", "extra->>'k' = 'v7'", "(extra->>'k') = 'v7'"),
    ("LIKE 'ab_-1%', 0.1 %", "name like 'ab_-1%'", None),
    ("(extra->>'size')::int8 > 45", "(extra->>'size')::int8 > 45", "(extra->>'size')::int8 > 45"),
    ("extra->'box'->>'w' = '3'", "extra->'box'->>'w' = '3'", "(extra->'box'->>'w') = '3'"),
    ("json and number, 0.7 %", "extra->>'k' = 'v7' and a < 100", "(extra->>'k') = 'v7' and a < 100"),
]
# Text, and parameters that a random generator draws.
WITH_PARAMETERS = [
    ("id = ?", lambda random, count: [int(random.integers(count))]),
    ("a = ?", lambda random, _: [int(random.integers(1000))]),
    ("a between ? and ?", lambda random, _: [int(low := random.integers(900)), int(low) + 100]),
    ("b < ?", lambda random, _: [float(random.random() * 1000)]),
    ("kind = ? and b < ?", lambda random, _: [str(random.choice(KINDS)), float(random.random() * 100)]),
    ("name like ?", lambda random, _: ["".join(random.choice(list("abcdefgh"), 3)) + "-1%"]),
]


def make_rows(count, seed=1):
    random = np.random.default_rng(seed)
    letters = np.array(list("abcdefgh"))
    starts = ["".join(word) for word in letters[random.integers(0, 8, (997, 3))]]
    starts[:10] = ["abc"] * 10
    first = np.datetime64("2024-01-01", "us")
    tag_counts = random.integers(0, 5, count)
    tags = iter(random.integers(0, len(TAGS), int(tag_counts.sum())))
    members, sizes = random.integers(0, 10, count), random.integers(20, 50, count)
    return pa.table(
        {
            "id": np.arange(count),
            "a": random.integers(0, 1000, count),
            "b": pa.array(random.random(count) * 1000, mask=random.random(count) < 0.1),
            "kind": pa.array(KINDS).take(pa.array(random.integers(0, len(KINDS), count))),
            "name": [f"{starts[i % 997]}-{i * 7919 % 100_003}" for i in random.integers(0, 1_000_000, count).tolist()],
            "ok": pa.array(random.random(count) < 0.5),
            "added": pa.array(first + (random.random(count) * 325 * 86_400e6).astype("timedelta64[us]")),
            "tags": [[TAGS[next(tags)] for _ in range(n)] for n in tag_counts.tolist()],
            "extra": [
                None
                if k < 3
                else json.dumps({"size": s, "box": {"w": s % 9}} | ({"k": f"v{k}", "made": "here"} if k % 2 else {"colour": "red"}))
                for k, s in zip(members.tolist(), sizes.tolist(), strict=True)
            ],
        }
    )


def open_omendb(rows):
    table = omendb.connect(":memory:").create_table("t", SCHEMA)
    for start in range(0, rows.num_rows, 100_000):
        table.insert(rows.slice(start, 100_000))
    return table


def open_indexed(rows):
    """A table that was asked so often that it has all the indexes that pay."""
    table = open_omendb(rows)
    fresh = itertools.count()
    for _, ours, _ in CONDITIONS:
        until = time.perf_counter() + 6
        for _ in range(400):
            table.count(f"{ours} /* {next(fresh)} */")
            if time.perf_counter() > until:
                break
    table._wait_for_index()
    indexes = {name: size for name, size in table.stats()["memory_bytes"].items() if name.startswith("index.")}
    print("bytes a row: " + ", ".join(f"{name} {size / rows.num_rows:.1f}" for name, size in indexes.items()))
    return table


def open_duckdb(rows, threads):
    connection = duckdb.connect(":memory:", config={} if threads is None else {"threads": threads})
    connection.execute("create table t as select * exclude (extra), extra::json as extra from rows")
    return connection


def contenders(rows):
    """What is asked, by name: functions of the two texts of a condition."""
    table, indexed = open_omendb(rows), open_indexed(rows)
    fresh = itertools.count()
    asked = {
        "first": lambda ours, _: table.count(f"{ours} /* {next(fresh)} */"),
        "indexed": lambda ours, _: indexed.count(f"{ours} /* {next(fresh)} */"),
        "again": lambda ours, _: table.count(ours),
    }
    for name, threads in (("duckdb", None), ("duckdb 2", 2), ("duckdb 1", 1)):
        connection = open_duckdb(rows, threads)
        asked[name] = lambda _, theirs, connection=connection: connection.execute(
            f"select count(*) from t where {theirs}"
        ).fetchone()[0]
    return asked, indexed


def measure_parameters(table, rows, calls):
    """Prints medians of microseconds where every call has parameters of its own."""
    random = np.random.default_rng(7)
    connection = open_duckdb(rows, None)
    for text, draw in WITH_PARAMETERS:
        times = {"ours": [], "theirs": []}
        for _ in range(calls):
            parameters = draw(random, rows.num_rows)
            start = time.perf_counter()
            ours = table.count(text, parameters)
            middle = time.perf_counter()
            theirs = connection.execute(f"select count(*) from t where {text}", parameters).fetchone()[0]
            times["theirs"].append((time.perf_counter() - middle) * 1e6)
            times["ours"].append((middle - start) * 1e6)
            if ours != theirs:
                raise RuntimeError(f"{text} {parameters}: {ours} and {theirs}")
        ours, theirs = (statistics.median(taken) for taken in times.values())
        print(f"| {text:20} | {ours:8.0f} us | {theirs:8.0f} us | {ours / theirs:.3f} |", flush=True)


def measure(asked, ours, theirs, rounds):
    """Medians of milliseconds by name, and the count, on which all agree."""
    times = {name: [] for name in asked}
    counts = set()
    for round_number in range(rounds + 1):
        for name, ask in asked.items():
            start = time.perf_counter()
            counts.add(ask(ours, theirs))
            if round_number != 0:
                times[name].append((time.perf_counter() - start) * 1e3)
    if len(counts) != 1:
        raise RuntimeError(f"{ours}: the contenders count {sorted(counts)}")
    return {name: statistics.median(taken) for name, taken in times.items()}, counts.pop()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="")
    options = parser.parse_args(arguments)
    rows = make_rows(options.rows)
    asked, indexed = contenders(rows)
    print(f"{options.rows} rows, medians of {options.rounds} rounds, ms; duckdb {duckdb.__version__}")
    print("ratios: the first time over DuckDB's, with its default threads, with two, with one; with indexes over the first of these")
    names = list(asked)
    print(f"| {'condition':27} | {'rows':>7} | " + " | ".join(f"{name:>8}" for name in names) + " | ratio | of 2 | of 1 | indexed |")
    print("|---" * (len(names) + 6) + "|")
    results = {}
    for name, ours, theirs in CONDITIONS:
        if options.only not in name:
            continue
        medians, count = measure(asked, ours, theirs or ours, options.rounds)
        ratios = [medians["first"] / medians[peer] for peer in ("duckdb", "duckdb 2", "duckdb 1")]
        ratios.append(medians["indexed"] / medians["duckdb"])
        results[name] = ratios
        cells = [f"{name:27}", f"{count:7}", *(f"{medians[n]:8.3f}" for n in names), *(f"{r:.2f}" for r in ratios)]
        print("| " + " | ".join(cells) + " |", flush=True)
    measure_parameters(indexed, rows, 20 * options.rounds)
    return results


if __name__ == "__main__":
    main()
