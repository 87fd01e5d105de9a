"""omen search: the rows nearest to a vector that the command line, a file or another row gives."""

import datetime
import json
import time

import numpy as np

from omendb_cli import database, screen, vector_files
from omendb_cli.failure import Failure, Usage

QUERIES_SHOWN_MAX = 5
HITS_MAX = 10_000  # of one query


def parse_bits(text, source):
    digits = "".join(text.split())
    if not digits or set(digits) - {"0", "1"}:
        raise Usage(f'{source}: write bits as 0 and 1, for instance --vector "0110 1001"')
    return np.packbits(np.array(list(digits), dtype="U1") == "1"), len(digits)


def bit_file(path, column):
    """Rows of packed bits of an npy file of bools or of packed bytes."""
    width = (column.dims + 7) // 8
    rows = np.atleast_2d(vector_files.load_npy(path))
    if rows.dtype == np.bool_ and rows.ndim == 2 and rows.shape[1] == column.dims:
        rows = np.packbits(rows, axis=1)
    if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != width:
        raise Failure(
            f"{path}: {rows.dtype} of shape {rows.shape}; column '{column.name}' takes rows of "
            f"{column.dims} bools or of {width} packed bytes (npy)"
        )
    return rows


def bit_queries(arguments, column):
    """Rows of packed bits: those of --vector, or of a file."""
    if arguments.vector is not None:
        packed, dims = parse_bits(arguments.vector, "--vector")
        if dims != column.dims:
            raise Failure(f"--vector: {dims} bits; column '{column.name}' has {column.dims}")
        return packed.reshape(1, -1)
    rows = bit_file(arguments.vector_file, column)
    return rows if arguments.row is None else chosen_row(rows, arguments)


def chosen_row(rows, arguments):
    if not 0 <= arguments.row < len(rows):
        raise Usage(f"--row {arguments.row}: {arguments.vector_file} has rows 0 to {len(rows) - 1}")
    return rows[arguments.row : arguments.row + 1]


def parse_vector(text):
    try:
        vector = np.array(
            [float(part) for part in text.strip().strip("[]").replace(",", " ").split()], dtype=np.float32
        )
    except ValueError as error:
        raise Usage(f"--vector: {error}; write numbers separated by commas") from None
    if not len(vector) or not np.isfinite(vector).all():
        raise Usage('--vector: write finite numbers separated by commas, for instance --vector "0.1, 0.2"')
    return vector


def typed_key(text, key_type):
    if key_type != "int64":
        return text
    try:
        return int(text)
    except ValueError:
        raise Usage(f"--like {text}: keys of this table are whole numbers") from None


def vector_column(arguments, table):
    known, _ = database.columns_of(table)
    vectors = [column for column in known if column.type in ("vector", "bits")]
    if not vectors:
        raise Failure(f"table '{table.name}' has no vector column")
    if arguments.column is None and len(vectors) > 1:
        raise Usage(
            f"--column: table '{table.name}' has several vector columns: {', '.join(column.name for column in vectors)}"
        )
    for column in vectors:
        if arguments.column in (None, column.name):
            return column
    raise Usage(
        f"--column {arguments.column}: vector columns of '{table.name}' are {', '.join(column.name for column in vectors)}"
    )


def queries(arguments, table, column):
    """(rows x dims vectors, key to leave out or None)."""
    if arguments.like is not None:
        known, key = database.columns_of(table)
        value = typed_key(arguments.like, next(item.type for item in known if item.name == key))
        row = table.get(value)
        if row is None:
            raise Failure(f"no row with key {arguments.like} in '{table.name}'")
        if row[column.name] is None:
            raise Failure(f"the row with key {arguments.like} has no vector in '{column.name}'")
        return np.asarray(row[column.name]).reshape(1, -1), value
    if column.type == "bits":
        return bit_queries(arguments, column), None
    if arguments.vector is not None:
        vectors = parse_vector(arguments.vector).reshape(1, -1)
        source = "--vector"
    else:
        source = arguments.vector_file
        mapped = vector_files.map_vectors(source, arguments.dataset, "test")
        if arguments.row is not None:
            mapped = chosen_row(mapped, arguments)
        vectors = vector_files.checked_floats(mapped[:], source, arguments.row or 0)
    if vectors.shape[1] != column.dims:
        raise Failure(
            f"{source}: {vectors.shape[1]} dimensions; column '{column.name}' of '{table.name}' has {column.dims}"
        )
    return vectors, None


def shown_columns(arguments, table):
    known, key = database.columns_of(table)
    names = [column.name for column in known]
    if arguments.select is None:
        return [column.name for column in known if column.type not in ("vector", "bits") and column.name != key]
    wanted = [name.strip() for name in arguments.select.split(",") if name.strip()]
    for name in wanted:
        if name not in names:
            raise Usage(f"--select {name}: table '{table.name}' has {', '.join(names)}")
    return [name for name in wanted if name != key]


def hit_rows(hits, names, left_out, k):
    """Dicts of one query's hits: key, distance, then the columns asked for."""
    rows = []
    for at in range(len(hits)):
        key = hits.ids[at]
        key = key.item() if isinstance(key, np.generic) else key
        if left_out is not None and key == left_out:
            continue
        row = hits[at]
        rows.append({"key": key, "distance": float(hits.distances[at]), **{name: cell(row[name]) for name in names}})
    return rows[:k]


def cell(value):
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def run(arguments):
    if arguments.text is not None:
        raise Failure("searching by --text comes with a later version; this one searches by vectors and --where")
    by_vector = any(given is not None for given in (arguments.vector, arguments.vector_file, arguments.like))
    if not by_vector and arguments.where is None:
        raise Usage("--vector, --vector-file, --like or --where is needed")
    k = arguments.k if arguments.k is not None else 10 if arguments.radius is None else HITS_MAX
    if not 1 <= k <= HITS_MAX:
        raise Usage(f"-k must be 1 to {HITS_MAX:,}, got {k}")
    if arguments.recall is not None and not 0 < arguments.recall <= 1:
        raise Usage(f"--recall must be above 0 and at most 1, got {arguments.recall:g}")
    with database.connect(arguments.dir, read_only=True) as opened:
        table = database.open_table(opened, arguments.table, arguments.dir)
        names = shown_columns(arguments, table)
        if not by_vector:
            return print_passing(arguments, table, names, k)
        column = vector_column(arguments, table)
        vectors, left_out = queries(arguments, table, column)
        options = {"k": min(HITS_MAX, k + (left_out is not None)), "column": column.name}
        if arguments.radius is not None:
            options["radius"] = arguments.radius
        if arguments.recall is not None:
            options["recall"] = arguments.recall
        if arguments.ef is not None:
            options["ef"] = arguments.ef
        if arguments.exact:
            options["exact"] = True
        if arguments.where is not None:
            options["where"] = arguments.where
        started_at = time.perf_counter()
        found = table.search(vectors, **options)
        seconds = time.perf_counter() - started_at
        results = [hit_rows(hits, names, left_out, k) for hits in found]
    if arguments.json:
        screen.say(json.dumps({"seconds": round(seconds, 6), "queries": results}, ensure_ascii=False))
    else:
        print_results(results, names, seconds)


def print_passing(arguments, table, names, k):
    """The first k rows for which the condition is true, and how many there are."""
    started_at = time.perf_counter()
    total = table.count(arguments.where)
    key = table.primary_key
    rows = []
    for batch in table.scan(where=arguments.where, select=[key, *names], batch_rows=k):
        rows += [{"key": row.pop(key), **{name: cell(row[name]) for name in names}} for row in batch.to_pylist()]
        if len(rows) >= k:
            break
    seconds = time.perf_counter() - started_at
    if arguments.json:
        screen.say(json.dumps({"seconds": round(seconds, 6), "count": total, "rows": rows[:k]}, ensure_ascii=False))
        return
    if rows:
        screen.table(["key", *names], [(row["key"], *(text(row[name]) for name in names)) for row in rows[:k]], numeric=[])
    shown = min(k, len(rows))
    part = f", {shown:,} shown" if shown < total else ""
    screen.note(f"{total:,} {'row' if total == 1 else 'rows'}{part} in {screen.seconds_text(seconds)}")


def print_results(results, names, seconds):
    for at, rows in enumerate(results[:QUERIES_SHOWN_MAX]):
        if len(results) > 1:
            screen.heading(f"query {at}")
        if not rows:
            screen.say("  no rows")
            continue
        screen.table(
            ["distance", "key", *names],
            [(f"{row['distance']:.4f}", row["key"], *(text(row[name]) for name in names)) for row in rows],
            numeric=["distance"],
        )
    if len(results) > QUERIES_SHOWN_MAX:
        screen.say(f"  ... and {len(results) - QUERIES_SHOWN_MAX:,} more queries; --json prints all")
    screen.note(f"{len(results):,} {'query' if len(results) == 1 else 'queries'} in {screen.seconds_text(seconds)}")


def text(value):
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
