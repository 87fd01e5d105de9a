"""omen import: a file's rows into a table, chunk by chunk, each chunk one statement."""

import dataclasses
import itertools
import json
import os
import time

import pyarrow as pa

from omendb_cli import columns, database, screen, sources
from omendb_cli.failure import Failure, Stopped, Usage

KEY_NAMES = ["id", "key", "_id"]
NUMBERED_KEY = "id"
METRICS = ["l2", "cosine", "ip", "l1"]


@dataclasses.dataclass
class Plan:
    """What goes into which column."""

    columns: list
    key: str
    numbered: bool  # the key is the row's number, not a column of the file
    is_new: bool = True
    metric: str | None = None

    def names(self):
        return [column.name for column in self.columns]


def wanted_types(arguments):
    """The columns that the command line fixes."""
    fixed = {}
    for item in arguments.type:
        name, sign, word = item.partition("=")
        if not sign or not name or not word:
            raise Usage(f"--type {item}: write COL=TYPE, for instance --type year=int64")
        fixed[name] = columns.parse_type(name, word)
    for item in arguments.text_column:
        column = columns.parse_text_column(item)
        fixed[column.name] = column
    for name in arguments.vector:
        if fixed.get(name, columns.Column(name, "vector")).type == "text":
            raise Usage(f"--vector {name}: column '{name}' holds a text, as --text-column or --type says")
        fixed[name] = columns.Column(name, "vector", arguments.dims or 0)
    return fixed


def fix_dims(column, guessed, values, source):
    """The dimensions of a vector column that the command line names: its own, or those of the first vector."""
    if column.dims:
        return column
    if guessed.type == "vector":
        return dataclasses.replace(column, dims=guessed.dims)
    cells = values.to_pylist() if isinstance(values, pa.Array) else values
    for row, cell in enumerate(cells):
        if cell is not None:
            numbers = columns.number_list(cell)
            if numbers is None and isinstance(cell, str):
                numbers = cell.replace(",", " ").split()
            if not numbers:
                raise Failure(
                    f"{source.path}: {source.where(row)}, column '{column.name}': {columns.short(cell)} is not a vector"
                )
            return dataclasses.replace(column, dims=len(numbers))
    raise Failure(f"{source.path}: column '{column.name}' has no vector in its first rows; give --dims")


def check_vectors(arguments, source, guessed):
    """What the command line says of a file that is nothing but vectors, and what the file says of itself, must go together."""
    for column in guessed:
        if (
            column.type == "vector"
            and isinstance(source, sources.VectorSource)
            and arguments.dims not in (None, column.dims)
        ):
            raise Failure(f"{source.path}: its vectors have {column.dims} dimensions, not {arguments.dims} (--dims)")
        if column.type == "vector" and arguments.metric is None and column.metric not in ("", *METRICS):
            raise Failure(
                f"{source.path}: its distance is {columns.short(column.metric)}, which no table has; choose --metric {', '.join(METRICS)}"
            )


def plan_new_table(arguments, source, chunk):
    fixed = wanted_types(arguments)
    if isinstance(source, sources.VectorSource):
        source.rename(chunk, arguments.vector[0] if arguments.vector else None, arguments.key)
    unknown = sorted(set(fixed) - set(chunk.values))
    if unknown:
        raise Failure(f"{source.path}: no column '{unknown[0]}'; the file has {', '.join(chunk.values)}")
    planned, all_guessed = [], source.guess(chunk)
    check_vectors(arguments, source, all_guessed)
    for guessed in all_guessed:
        column = fixed.get(guessed.name, guessed)
        if column.type == "vector":
            column = dataclasses.replace(
                fix_dims(column, guessed, chunk.values[column.name], source), metric=guessed.metric
            )
        planned.append(column)
    key = arguments.key or source.key() or next((name for name in KEY_NAMES if name in chunk.values), None)
    if key is None:
        return Plan([columns.Column(NUMBERED_KEY, "int64"), *planned], NUMBERED_KEY, True, metric=arguments.metric)
    if key not in chunk.values:
        raise Failure(f"{source.path}: no column '{key}' for the key; the file has {', '.join(chunk.values)}")
    key_type = next(column.type for column in planned if column.name == key)
    if key_type not in ("int64", "string"):
        raise Failure(
            f"{source.path}: column '{key}' is {key_type}; a key is string or int64: give --key, or --type {key}=string"
        )
    return Plan(planned, key, False, metric=arguments.metric)


def plan_for_table(arguments, source, chunk, table):
    """The plan for a table that exists: its columns decide, the file must fit."""
    if arguments.metric:
        raise Usage("--metric is for a new table; this one has its metric already")
    known, key = database.columns_of(table)
    by_name = {column.name: column for column in known}
    names = file_names(arguments, source, chunk, known, key)
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise Failure(
            f"{source.path}: column '{unknown[0]}' is not in table '{table.name}', which has {', '.join(by_name)}"
        )
    for name, column in wanted_types(arguments).items():
        if name not in by_name:
            raise Usage(f"no column '{name}' in table '{table.name}', which has {', '.join(by_name)}")
        if (column.type, column.analyzer or by_name[name].analyzer) != (
            by_name[name].type,
            by_name[name].analyzer,
        ):
            raise Usage(f"column '{name}' of table '{table.name}' is {by_name[name]}, not {column}")
    if arguments.key and arguments.key != key:
        raise Usage(f"the key of table '{table.name}' is '{key}', not '{arguments.key}'")
    numbered = key not in names
    if numbered and (
        by_name[key].type != "int64" or not isinstance(source, sources.VectorSource) and arguments.first_key is None
    ):
        raise Failure(
            f"{source.path}: no column '{key}', the key of table '{table.name}'"
            + ("; --first-key N numbers the rows from N" if by_name[key].type == "int64" else "")
        )
    planned = [by_name[name] for name in names]
    return Plan([by_name[key], *planned] if numbered else planned, key, numbered, is_new=False)


def file_names(arguments, source, chunk, known, key):
    """The file's column names; the nameless columns of a vector file take the names of the table's vector column and key."""
    if isinstance(source, sources.VectorSource):
        vector_names = [column.name for column in known if column.type == "vector"]
        name = arguments.vector[0] if arguments.vector else vector_names[0] if len(vector_names) == 1 else None
        if name is None:
            raise Usage(f"the table has {len(vector_names)} vector columns; say which with --vector")
        source.rename(chunk, name, key)
    return list(chunk.values)


def arrow_table(plan, source, chunk, first_key):
    """The chunk as Arrow columns in the plan's types; a value that does not fit is a Failure with its place in the file."""
    values = chunk.values
    unknown = [name for name in values if name not in plan.names()]
    if unknown:
        row = next(row for row, value in enumerate(values[unknown[0]]) if value is not None)
        raise Failure(
            f"{source.path}: {source.where(chunk.first_row + row)} has a column '{unknown[0]}' that the rows before did not have"
        )
    arrays = {}
    for column in plan.columns:
        if plan.numbered and column.name == plan.key:
            start = first_key + chunk.first_row
            arrays[column.name] = pa.array(range(start, start + chunk.row_count), pa.int64())
            continue
        try:
            arrays[column.name] = columns.converted(values.get(column.name, [None] * chunk.row_count), column)
        except columns.BadValue as bad:
            place = source.where(chunk.first_row + bad.row)
            raise Failure(f"{source.path}: {place}, column '{column.name}': {bad}") from None
    if arrays[plan.key].null_count:
        row = arrays[plan.key].is_null().index(True).as_py()
        raise Failure(f"{source.path}: {source.where(chunk.first_row + row)} has no key (column '{plan.key}')")
    return pa.table(arrays)


def limited(chunks, limit):
    for chunk in chunks:
        if limit is not None and chunk.first_row + chunk.row_count > limit:
            if chunk.first_row < limit:
                yield chunk.slice(0, limit - chunk.first_row)
            return
        yield chunk


def check_arguments(arguments):
    for name, value, least in (
        ("--dims", arguments.dims, 1),
        ("--chunk-rows", arguments.chunk_rows, 1),
        ("--limit", arguments.limit, 1),
    ):
        if value is not None and value < least:
            raise Usage(f"{name} must be at least {least}, got {value}")


def write_chunks(arguments, plan, source, chunks, table, first_key, started_at):
    """Rows written. On any error says how many rows are in, for each chunk that came before is."""
    rows = 0
    write = table.upsert if arguments.upsert else table.insert
    with screen.Progress(f"{arguments.table} <- {os.path.basename(source.path)}", source.row_count) as progress:
        progress.started_at = started_at  # the first chunk was read before there was a table
        try:
            for chunk in chunks:
                write(arrow_table(plan, source, chunk, first_key))
                rows += chunk.row_count
                progress.show_share(source.share())
                progress.advance(chunk.row_count)
        except KeyboardInterrupt:
            raise Stopped(f"stopped; {rows:,} rows are in, the chunk under way is not") from None
        except Exception as error:
            if isinstance(error, (Failure, database.error_class())):
                raise Failure(
                    f"{place_of(error, source, chunk)}{error}; {rows:,} rows are in, nothing of the chunk with the error"
                ) from error
            raise
        return rows


def place_of(error, source, chunk):
    """The engine counts rows in its statement; a person counts them in the file."""
    if isinstance(error, Failure):
        return ""
    return f"{source.path}: rows {chunk.first_row:,} to {chunk.first_row + chunk.row_count - 1:,} of the file: "


def print_plan(plan, table_name):
    screen.say(f"new table '{table_name}'" + (", keys are row numbers" if plan.numbered else ""))
    screen.table(
        ["column", "type"],
        [
            (
                column.name,
                str(column)
                + (" primary key" if column.name == plan.key else "")
                + (f", {plan.metric or column.metric or 'l2'}" if column.type == "vector" else "")
                + (f", {column.metric or 'hamming'}" if column.type == "bits" else ""),
            )
            for column in plan.columns
        ],
    )


def run(arguments):
    check_arguments(arguments)
    started_at = time.monotonic()
    source = sources.open_source(arguments.file, arguments.chunk_rows, arguments.dataset)
    chunks = limited(source.chunks(), arguments.limit)
    first = next(chunks, None)
    if first is None:
        raise Failure(f"{arguments.file}: no rows")
    existed = os.path.isdir(arguments.db)
    if not existed:  # nothing is made on disk for a file that does not fit
        plan = plan_new_table(arguments, source, first)
        arrow_table(plan, source, first, 0)
        database.try_table(arguments.table, plan.columns, plan.key, plan.metric)
    with database.connect(arguments.db, create=True) as opened:
        is_new = arguments.table not in opened
        if is_new:
            plan = plan_new_table(arguments, source, first)
            arrow_table(plan, source, first, 0)
            table = database.create_table(opened, arguments.table, plan.columns, plan.key, plan.metric)
            if not arguments.json:
                print_plan(plan, arguments.table)
        else:
            table = opened[arguments.table]
            plan = plan_for_table(arguments, source, first, table)
        first_key = arguments.first_key if arguments.first_key is not None else 0 if is_new else table.count()
        try:
            rows = write_chunks(arguments, plan, source, itertools.chain([first], chunks), table, first_key, started_at)
        except Failure:
            if is_new and table.count() == 0:
                opened.drop_table(arguments.table)
            raise
        seconds = max(1e-9, time.monotonic() - started_at)
        report(arguments, plan, table, rows, seconds)


def report(arguments, plan, table, rows, seconds):
    total = table.count()
    if arguments.json:
        screen.say(
            json.dumps(
                {
                    "table": arguments.table,
                    "rows": rows,
                    "rows_in_table": total,
                    "seconds": round(seconds, 4),
                    "rows_per_second": round(rows / seconds),
                    "created": plan.is_new,
                    "key": plan.key,
                    "columns": {column.name: str(column) for column in plan.columns},
                }
            )
        )
        return
    verb = "upserted" if arguments.upsert else "inserted"
    screen.say(
        f"{rows:,} rows {verb} in {screen.seconds_text(seconds)}, {rows / seconds:,.0f} rows/s; '{arguments.table}' has {total:,}"
    )
