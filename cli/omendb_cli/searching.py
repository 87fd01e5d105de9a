"""omen search: the rows nearest to a vector that the command line, a file or another row gives, and those that have words."""

import datetime
import json
import math
import time

import numpy as np

from omendb_cli import database, screen, vector_files, wording
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


def figures_of(arguments, names, by_vector):
    """Which figures of a hit the answer has; the first is the one that hits are ordered by."""
    if wording.given(arguments) is None:
        figures = ["distance"] if arguments.min_score is None else ["score", "distance"]
    else:
        figures = ["score", "text_score"] + ["distance"] * by_vector
    new = {*figures, "highlights"} - {"distance"}
    for name in names:
        if name in new and figures != ["distance"]:
            raise Usage(f"column '{name}' has the name of a figure of the answer; leave it out by --select COL,COL")
    return figures


def hit_rows(hits, names, figures, tags):
    """Dicts of one query's hits: key, figures, after a search by words highlights (with tags or for drawing), then the columns."""
    values = {name: getattr(hits, f"{name}s").tolist() for name in figures}
    marks = wording.highlights(hits, tags) if "text_score" in figures else None
    rows = []
    for at in range(len(hits)):
        key, hit = hits.ids[at], hits[at]
        row = {"key": key.item() if isinstance(key, np.generic) else key}
        row.update((name, None if math.isnan(values[name][at]) else values[name][at]) for name in figures)
        if marks is not None:
            row["highlights"] = marks[at]
        rows.append(row | {name: cell(hit[name]) for name in names})
    return rows


def without(rows, left_out, offset, k):
    """`k` rows after the first `offset`, the row whose vector was asked for not among them."""
    return [row for row in rows if row["key"] != left_out][offset : offset + k]


def cell(value):
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def check_arguments(arguments, by_vector):
    """What does not go together, and how many rows are wanted."""
    for words, name in (("--text", "text"), ("--query", "query")):
        if getattr(arguments, name) == "":
            raise Usage(f"{words} is empty; write the words to look for")
    by_text = wording.given(arguments) is not None
    if not by_vector and not by_text and arguments.where is None:
        raise Usage("--vector, --vector-file, --like, --text, --query or --where is needed")
    if not by_vector:
        for name in ("radius", "recall", "ef", "exact", "column", "row", "dataset"):
            if getattr(arguments, name) not in (None, False):
                raise Usage(f"--{name} goes with a vector: --vector, --vector-file or --like")
    if not by_vector and not by_text and (arguments.min_score is not None or arguments.explain):
        raise Usage(
            f"--{'explain' if arguments.explain else 'min-score'} is of a search by words or by a vector, not by --where alone"
        )
    if arguments.analyze and not arguments.explain:
        raise Usage("--analyze goes with --explain")
    rest = HITS_MAX - max(0, min(arguments.offset, HITS_MAX - 1))
    k = arguments.k if arguments.k is not None else 10 if arguments.radius is None else rest
    if not 1 <= k <= HITS_MAX:
        raise Usage(f"-k must be 1 to {HITS_MAX:,}, got {k}")
    if arguments.offset < 0 or (by_vector or by_text) and arguments.offset + k > HITS_MAX:
        raise Usage(f"--offset must be 0 or more, and with -k at most {HITS_MAX:,}; got {arguments.offset} and {k}")
    if arguments.timeout is not None and not arguments.timeout >= 0:
        raise Usage(f"--timeout is a number of seconds, 0 or more, got {arguments.timeout:g}")
    if arguments.recall is not None and not 0 < arguments.recall <= 1:
        raise Usage(f"--recall must be above 0 and at most 1, got {arguments.recall:g}")
    return k


def search_options(arguments, table, by_vector):
    """The words of `table.search` but the vector, its column, and how many rows."""
    options = wording.options(arguments, table, by_vector)
    for name in ("radius", "recall", "ef", "where", "min_score", "timeout"):
        if getattr(arguments, name) is not None:
            options[name] = getattr(arguments, name)
    if arguments.exact:
        options["exact"] = True
    return options


def one_vector(arguments, vectors):
    """The only one of the vectors: words and --explain are of one query."""
    if vectors is None:
        return None
    if len(vectors) > 1:
        what = "--explain" if arguments.explain else "--text" if arguments.text is not None else "--query"
        raise Usage(
            f"{what} goes with one vector; choose one of the {len(vectors):,} of {arguments.vector_file} by --row N"
        )
    return vectors[0]


def run(arguments):
    by_vector = any(given is not None for given in (arguments.vector, arguments.vector_file, arguments.like))
    k = check_arguments(arguments, by_vector)
    by_text = wording.given(arguments) is not None
    with database.connect(arguments.dir, read_only=True) as opened:
        table = database.open_table(opened, arguments.table, arguments.dir)
        names = shown_columns(arguments, table)
        if not by_vector and not by_text:
            return print_passing(arguments, table, names, k)
        options = search_options(arguments, table, by_vector)
        figures = figures_of(arguments, names, by_vector)
        vectors, left_out = None, None
        if by_vector:
            column = vector_column(arguments, table)
            vectors, left_out = queries(arguments, table, column)
            options["column"] = column.name
        if left_out is None:
            options |= {"k": k, "offset": arguments.offset} if arguments.offset else {"k": k}
        else:  # its own row may be anywhere before the last one that is wanted
            options["k"] = min(HITS_MAX, arguments.offset + k + 1)
        if arguments.explain:
            return explain(arguments, table, one_vector(arguments, vectors), options)
        query = one_vector(arguments, vectors) if by_text else vectors
        started_at = time.perf_counter()
        found = table.search(query, **options)
        seconds = time.perf_counter() - started_at
        results = [hit_rows(hits, names, figures, arguments.json) for hits in ([found] if by_text else found)]
    if left_out is not None:
        results = [without(rows, left_out, arguments.offset, k) for rows in results]
    if arguments.json:
        print_json({"seconds": round(seconds, 6), "queries": results})
    else:
        print_results(results, *table_columns(arguments, table, names, by_text), figures, seconds)


def explain(arguments, table, vector, options):
    plan = table.explain(vector, analyze=arguments.analyze, **options)
    if arguments.json:
        print_json({"explain": plan.rstrip()})
    else:
        screen.say(plan.rstrip())


def print_json(document):
    screen.say(json.dumps(document, ensure_ascii=False))


def table_columns(arguments, table, names, by_text):
    """(columns of the printed table, texts that stand below its rows): after a search by words, if --select does not say otherwise."""
    if not by_text or arguments.select is not None:
        return names, []
    texts = [column.name for column in database.columns_of(table)[0] if column.type == "text" and column.name in names]
    return [name for name in names if name not in texts], texts


def print_passing(arguments, table, names, k):
    """k rows for which the condition is true, after the first --offset of them, and how many there are."""
    started_at = time.perf_counter()
    total = table.count(arguments.where, timeout=arguments.timeout)
    key, first = table.primary_key, arguments.offset
    rows = []
    for batch in table.scan(where=arguments.where, select=[key, *names], batch_rows=k):
        rows += batch.slice(min(first, batch.num_rows)).to_pylist()
        first = max(0, first - batch.num_rows)
        if len(rows) >= k:
            break
    rows = [{"key": row.pop(key), **{name: cell(row[name]) for name in names}} for row in rows[:k]]
    seconds = time.perf_counter() - started_at
    if arguments.json:
        print_json({"seconds": round(seconds, 6), "count": total, "rows": rows})
        return
    if rows:
        screen.table(["key", *names], [(row["key"], *(text(row[name]) for name in names)) for row in rows], numeric=[])
    part = f", {len(rows):,} shown" if len(rows) < total else ""
    screen.note(f"{total:,} {'row' if total == 1 else 'rows'}{part} in {screen.seconds_text(seconds)}")


def figure_text(value):
    return "" if value is None else f"{value:.4f}"


def print_results(results, names, texts, figures, seconds):
    for at, rows in enumerate(results[:QUERIES_SHOWN_MAX]):
        if len(results) > 1:
            screen.heading(f"query {at}")
        if not rows:
            screen.say("  no rows")
            continue
        shown = [
            name for name in figures if name != "text_score" or "distance" in figures
        ]  # of words alone it is the score
        screen.table(
            [*shown, "key", *names],
            [
                (*(figure_text(row[name]) for name in shown), row["key"], *(text(row[name]) for name in names))
                for row in rows
            ],
            numeric=shown,
            below=[wording.lines(row, texts) for row in rows] if "text_score" in figures else (),
        )
    if len(results) > QUERIES_SHOWN_MAX:
        screen.say(f"  ... and {len(results) - QUERIES_SHOWN_MAX:,} more queries; --json prints all")
    screen.note(f"{len(results):,} {'query' if len(results) == 1 else 'queries'} in {screen.seconds_text(seconds)}")


def text(value):
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
