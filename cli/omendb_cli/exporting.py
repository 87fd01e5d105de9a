"""omen export: a table's rows to a file. The file appears under its name only when it is complete."""

import contextlib
import itertools
import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from omendb_cli import database, screen, vector_files
from omendb_cli.failure import Failure, Usage


class ParquetWriter:
    """All columns; what OmenDB knows of a column stands in the metadata of its field, so that an import makes the same table."""

    def __init__(self, path, schema, known):
        self.schema = pa.schema([known.field(field.name).with_type(field.type) for field in schema])
        self.writer = pyarrow.parquet.ParquetWriter(path, self.schema, compression="zstd")

    def write(self, batch):
        self.writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=self.schema))

    def close(self):
        self.writer.close()


def plain(value, kind):
    """A cell as json.dumps takes it."""
    if value is None:
        return None
    if kind == "timestamp":
        return value.isoformat()
    if kind == "json":
        return json.loads(value) if isinstance(value, str) else value
    return value.hex() if kind == "bits" else value


def vector_texts(array):
    """Vectors as JSON lists, each number as short as float32 allows (Arrow's cast finds it, far faster than Python)."""
    dims = array.type.list_size
    numbers = iter(array.drop_null().flatten().cast(pa.string()).to_pylist())
    return [
        None if missing else f"[{', '.join(itertools.islice(numbers, dims))}]"
        for missing in array.is_null().to_pylist()
    ]


def json_texts(array, kind):
    """Every cell as JSON text, None where it is null."""
    if kind == "vector":
        return vector_texts(array)
    return [
        None if value is None else json.dumps(plain(value, kind), ensure_ascii=False) for value in array.to_pylist()
    ]


class JsonlWriter:
    def __init__(self, path, schema, types):
        self.types = types
        self.names = schema.names
        self.stream = open(path, "w", encoding="utf-8", newline="")

    def write(self, batch):
        labels = [json.dumps(name, ensure_ascii=False) + ": " for name in self.names]
        cells = [json_texts(array, self.types[name]) for name, array in zip(self.names, batch.columns)]
        for row in zip(*cells):
            line = ", ".join(label + (text or "null") for label, text in zip(labels, row))
            self.stream.write("{" + line + "}\n")

    def close(self):
        self.stream.close()


class CsvWriter(JsonlWriter):
    """Lists, vectors and JSON as JSON text in their cell; null is an empty cell, the empty text is quoted."""

    def __init__(self, path, schema, types):
        super().__init__(path, schema, types)
        self.delimiter = "\t" if path.lower().removesuffix(PART_ENDING).endswith(".tsv") else ","
        self.stream.write(self.delimiter.join(map(self.quoted, self.names)) + "\r\n")

    def quoted(self, text):
        if text is None:
            return ""
        special = text == "" or any(character in text for character in f'{self.delimiter}"\r\n')
        return '"' + text.replace('"', '""') + '"' if special else text

    def cells(self, array, kind):
        if kind in ("string", "text"):
            return array.to_pylist()
        texts = json_texts(array, kind)
        return [text and text.strip('"') for text in texts] if kind in ("timestamp", "bits") else texts

    def write(self, batch):
        cells = [self.cells(array, self.types[name]) for name, array in zip(self.names, batch.columns)]
        for row in zip(*cells):
            self.stream.write(self.delimiter.join(map(self.quoted, row)) + "\r\n")


class VectorWriter:
    """fvecs or npy of the one vector column; rows without a vector are refused, for the file could not say which they were."""

    def __init__(self, path, schema, types):
        self.name = one_vector_column(schema, types)
        self.is_npy = path.removesuffix(PART_ENDING).lower().endswith(".npy")
        self.stream = open(path, "wb")
        self.dims = schema.field(self.name).type.list_size
        self.row_count = 0
        if self.is_npy:
            self.write_npy_header()

    def write_npy_header(self):
        """The header is written again at the end with the number of rows; NumPy pads it, so it keeps its length."""
        self.stream.seek(0)
        header = {"descr": "<f4", "fortran_order": False, "shape": (self.row_count, self.dims)}
        text = repr(header).encode().ljust(117) + b"\n"
        self.stream.write(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)

    def write(self, batch):
        array = batch.column(self.name)
        if array.null_count:
            row = self.row_count + array.is_null().index(True).as_py()
            raise Failure(f"row {row:,} has no vector in '{self.name}'; export to parquet, jsonl or csv instead")
        floats = np.asarray(array.flatten(), dtype=np.float32).reshape(-1, self.dims)
        if self.is_npy:
            self.stream.write(floats.tobytes())
        else:
            vector_files.write_fvecs(self.stream, floats)
        self.row_count += len(floats)

    def close(self):
        if self.is_npy:
            self.write_npy_header()
        self.stream.close()


def one_vector_column(schema, types):
    names = [name for name in schema.names if types[name] == "vector"]
    if len(names) != 1:
        raise Usage(f"the file holds vectors only and there are {len(names)} vector columns; name one with --select")
    return names[0]


PART_ENDING = ".part"
WRITERS = {
    ".csv": CsvWriter,
    ".tsv": CsvWriter,
    ".jsonl": JsonlWriter,
    ".ndjson": JsonlWriter,
    ".parquet": ParquetWriter,
    ".npy": VectorWriter,
    ".fvecs": VectorWriter,
}


def selected(table, select, path):
    known, key = database.columns_of(table)
    names = [column.name for column in known]
    if not select:
        return names, {column.name: column.type for column in known}
    wanted = [name.strip() for name in select.split(",")]
    for name in wanted:
        if name not in names:
            raise Failure(f"{path}: table '{table.name}' has no column '{name}'; it has {', '.join(names)}")
    return wanted, {column.name: column.type for column in known}


def write_rows(table, names, types, writer_class, part_path):
    rows = 0
    reader = table.scan(select=names)
    writer = writer_class(part_path, reader.schema, table.schema if writer_class is ParquetWriter else types)
    with contextlib.closing(writer), screen.Progress(f"{table.name} ->", table.count()) as progress:
        for batch in reader:
            writer.write(batch)
            rows += batch.num_rows
            progress.advance(batch.num_rows)
        return rows, progress.seconds()


def run(arguments):
    path = arguments.file
    ending = os.path.splitext(path)[1].lower()
    if ending not in WRITERS:
        raise Usage(f"{path}: can not tell the format; endings written here: {' '.join(WRITERS)}")
    if os.path.exists(path) and not arguments.force:
        raise Failure(f"{path}: exists already; --force replaces it")
    part_path = path + PART_ENDING
    with database.connect(arguments.db, read_only=True) as opened:
        table = database.open_table(opened, arguments.table, arguments.db)
        names, types = selected(table, arguments.select, arguments.db)
        if WRITERS[ending] is VectorWriter and not arguments.select:
            names = [name for name in names if types[name] == "vector"]
        try:
            rows, seconds = write_rows(table, names, types, WRITERS[ending], part_path)
            os.replace(part_path, path)
        finally:
            if os.path.exists(part_path):
                os.remove(part_path)
    size_bytes = os.path.getsize(path)
    if arguments.json:
        screen.say(
            json.dumps(
                {
                    "table": arguments.table,
                    "file": path,
                    "rows": rows,
                    "bytes": size_bytes,
                    "seconds": round(seconds, 4),
                }
            )
        )
    else:
        screen.say(f"{rows:,} rows in {screen.seconds_text(seconds)}: {path}, {screen.bytes_text(size_bytes)}")
