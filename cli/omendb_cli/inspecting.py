"""omen stats, check, backup: what is there, whether it is sound, and a copy of it."""

import json
import os
import time

from omendb_cli import database, screen
from omendb_cli.failure import Failure


def columns_text(table):
    known, key = database.columns_of(table)
    return [(column.name, str(column) + (" primary key" if column.name == key else "")) for column in known]


def plain(value):
    """`value` for json.dumps: NumPy numbers as Python's."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def components(value):
    """Bytes by component of a `memory_bytes` or `disk_bytes` entry, without its total."""
    return (
        {name: size for name, size in value.items() if name != "total"} if isinstance(value, dict) else {"all": value}
    )


def total(value):
    return value.get("total", sum(components(value).values())) if isinstance(value, dict) else value


def stats(arguments):
    with database.connect(arguments.dir, read_only=True) as opened:
        whole = plain(opened.stats())
        tables = {name: plain(opened[name].stats()) for name in sorted(opened)}
        columns = {name: columns_text(opened[name]) for name in tables}
    if arguments.json:
        document = {
            "database": whole,
            "tables": {name: {**tables[name], "columns": dict(columns[name])} for name in tables},
        }
        screen.say(json.dumps(document, ensure_ascii=False))
        return
    screen.say(f"{arguments.dir}: {len(tables)} {'table' if len(tables) == 1 else 'tables'}")
    for name, figures in tables.items():
        print_table(name, figures, columns[name])
    for label in ("memory", "disk"):
        figures = whole.get(f"{label}_bytes")
        if figures is not None:
            screen.heading(f"{label}: {screen.bytes_text(total(figures))}")
            screen.parts(components(figures))


def print_table(name, figures, columns):
    rows = figures.get("rows", 0)
    screen.heading(f"{name}: {rows:,} rows")
    screen.say("  " + ", ".join(f"{column} {kind}" for column, kind in columns))
    waiting = figures.get("tail_rows", 0)
    state = "all in the graph" if not waiting else f"{waiting:,} rows wait for the graph (searches compare with each)"
    screen.say("  small: every search is exact" if figures.get("flat") else f"  {state}")
    for column, index in figures.get("indexes", {}).items():
        if index["linked_rows"]:
            print_index(column, index)
    for label in ("memory", "disk"):
        size = total(figures.get(f"{label}_bytes", 0))
        each = f", {size / rows:,.0f} bytes a row" if rows else ""
        screen.say(f"  {label:7}{screen.bytes_text(size)}{each}")


def codes_text(index):
    if not index["code_bytes"]:
        return f"no codes ({'bits' if index['storage'] == 'bits' else 'full vectors'} are compared)"
    return f"{index['storage']} codes {screen.bytes_text(index['code_bytes'])}"


def print_index(column, index):
    """One vector column's graph, and what searches of it do for a recall."""
    screen.say(
        f"  {column}: {index['links_per_row']:.1f} links a row (at most {index['links_per_row_max']} on the ground),"
        f" links {screen.bytes_text(index['link_bytes'])}, {codes_text(index)}"
    )
    if not index["calibrated_rows"]:
        screen.say(f"  {column}: recall not measured yet")
        return
    beams = ", ".join(f"{recall}: {'exact' if ef is None else f'ef {ef}'}" for recall, ef in index["ef"].items())
    expected = "unknown" if index["recall"] is None else f"{index['recall']:.3f}"
    screen.say(f"  {column}: expected recall@10 {expected}; for recall {beams}")
    for measured in index.get("filtered", []):
        rows = "far from the query" if measured["away"] else "here and there"
        beam = "each is compared" if measured["ef"] is None else f"ef {measured['ef']}"
        passing = f"where {100 * measured['share']:.0f} % of the rows pass, {rows}"
        screen.say(f"  {column}: {passing}: expected recall@10 {measured['recall']:.3f}, {beam}")


def check(arguments):
    started_at = time.monotonic()
    with database.connect(arguments.dir, read_only=True) as opened:
        tables = {name: opened[name].count() for name in sorted(opened)}
        with screen.Spinner("reading every byte"):
            opened.check()
    seconds = time.monotonic() - started_at
    if arguments.json:
        screen.say(json.dumps({"ok": True, "tables": tables, "seconds": round(seconds, 4)}))
    else:
        screen.say(
            f"{arguments.dir}: sound; {len(tables)} tables, {sum(tables.values()):,} rows, verified in {screen.seconds_text(seconds)}"
        )


def folder_bytes(path):
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)


def backup(arguments):
    if os.path.exists(arguments.target):
        raise Failure(f"{arguments.target}: exists already; a backup goes into a new directory")
    started_at = time.monotonic()
    with database.connect(arguments.dir, read_only=True) as opened:
        with screen.Spinner("copying"):
            opened.backup(arguments.target)
    seconds = time.monotonic() - started_at
    size_bytes = folder_bytes(arguments.target)
    if arguments.json:
        screen.say(json.dumps({"target": arguments.target, "bytes": size_bytes, "seconds": round(seconds, 4)}))
    else:
        screen.say(f"{arguments.target}: {screen.bytes_text(size_bytes)} in {screen.seconds_text(seconds)}")
