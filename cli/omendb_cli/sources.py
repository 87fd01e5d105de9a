"""Files of rows as a stream of chunks: csv, tsv, jsonl, parquet, npy, fvecs, bvecs, ivecs, HDF5, hnsw, faiss, by the name's
ending.

A source never holds more than a chunk and the reader's own buffer. What is wrong with a file is a Failure that names the file
and the line or row.
"""

import csv
import dataclasses
import json
import os

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from omendb_cli import columns, index_files, vector_files
from omendb_cli.failure import Failure, Usage

CHUNK_BYTES = 4 << 20
CHUNK_ROWS_MAX = 20_000
CSV_BLOCK_BYTES = 16 << 20  # a CSV row longer than this is refused
LINE_BYTES_MAX = 64 << 20


@dataclasses.dataclass
class Chunk:
    """Some rows as read: per column an Arrow array, a NumPy array, or a list of Python values."""

    first_row: int  # counted from 0 over the whole file
    row_count: int
    values: dict

    def slice(self, start, stop):
        return Chunk(
            self.first_row + start, stop - start, {name: values[start:stop] for name, values in self.values.items()}
        )


class Source:
    """A file's rows. `chunks()` may be walked once; `share()` says how much of the file was read, 0 to 1."""

    def __init__(self, path, chunk_rows=None):
        self.path = path
        self.chunk_rows = chunk_rows
        self.size_bytes = os.path.getsize(path)
        self.row_count = None

    def rows_of(self, row_bytes):
        return self.chunk_rows or max(1, min(CHUNK_ROWS_MAX, CHUNK_BYTES // max(1, row_bytes)))

    def where(self, row):
        """How a person finds row `row` in the file."""
        return f"row {row:,}"

    def guess(self, chunk):
        return [columns.guess(name, values) for name, values in chunk.values.items()]

    def key(self):
        """The name of the key column, where the file itself says it."""
        return None


class CsvSource(Source):
    """Cells come as texts, so that types are our choice and an error can name the row. Empty unquoted cells are null."""

    def __init__(self, path, chunk_rows=None):
        super().__init__(path, chunk_rows)
        self.delimiter = "\t" if path.lower().endswith(".tsv") else ","
        self.stream = open(path, "rb")
        self.names = self.read_names()

    def read_names(self):
        with open(self.path, encoding="utf-8-sig", newline="") as file:
            try:
                names = next(csv.reader(file, delimiter=self.delimiter, strict=True), None)
            except (UnicodeDecodeError, csv.Error) as error:
                raise Failure(f"{self.path}: line 1 is not {self.kind()} text: {error}") from None
        if not names or not any(names):
            raise Failure(f"{self.path}: the file is empty; the first line must name the columns")
        for at, name in enumerate(names):
            if not name.strip() or not name.isprintable():
                raise Failure(f"{self.path}: line 1: column {at + 1} has no usable name: {name!r}")
            if name in names[:at]:
                raise Failure(f"{self.path}: line 1: column '{name}' is named twice")
        return names

    def kind(self):
        return "tsv" if self.delimiter == "\t" else "csv"

    def share(self):
        return self.stream.tell() / self.size_bytes if self.size_bytes and not self.stream.closed else 1.0

    def where(self, row):
        line = self.line_of_row(row)
        return f"line {line:,}" if line else f"row {row:,}"

    def line_of_row(self, row):
        """The line on which a row ends (values may span lines), or None when the text can not be read that far."""
        with open(self.path, encoding="utf-8-sig", newline="", errors="replace") as file:
            reader = csv.reader(file, delimiter=self.delimiter)
            try:
                records = (record for record in reader if record)
                for _ in range(row + 2):
                    next(records)
            except (StopIteration, csv.Error):
                return None
            return reader.line_num

    def reader(self, ragged):
        def remember(row):
            ragged.append(row)
            return "error"

        return pyarrow.csv.open_csv(
            self.stream,
            read_options=pyarrow.csv.ReadOptions(block_size=CSV_BLOCK_BYTES, use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=remember
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={name: pa.string() for name in self.names},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )

    def ends_inside_quotes(self, batch):
        """Arrow takes the end of the file for a closing quote, and with it all the rows that an open one swallowed."""
        last = batch.column(batch.num_columns - 1)[batch.num_rows - 1].as_py() or ""
        with open(self.path, "rb") as file:
            file.seek(max(0, self.size_bytes - 64))
            return "\n" in last and not file.read().rstrip(b"\r\n").endswith(b'"')

    def chunks(self):
        ragged, row = [], 0
        try:
            for batch in self.reader(ragged):
                if batch.num_rows and self.stream.tell() == self.size_bytes and self.ends_inside_quotes(batch):
                    raise Failure(
                        f"{self.path}: {self.where(row + batch.num_rows - 1)}: a quote is opened and never closed"
                    )
                step = self.rows_of(batch.nbytes // max(1, batch.num_rows))
                for start in range(0, batch.num_rows, step):
                    part = batch.slice(start, step)
                    yield Chunk(row, part.num_rows, dict(zip(self.names, part.columns)))
                    row += part.num_rows
        except pa.ArrowInvalid as error:
            raise self.complaint(error, ragged, row) from None
        finally:
            self.stream.close()

    def complaint(self, error, ragged, row):
        if ragged and ragged[0].number:
            where = self.where(ragged[0].number - 2)
            return Failure(
                f"{self.path}: {where} has {ragged[0].actual_columns} values, line 1 names {ragged[0].expected_columns} columns"
            )
        if "straddling" in str(error):
            return Failure(f"{self.path}: a row is longer than {CSV_BLOCK_BYTES >> 20} MiB, or a quote is never closed")
        return Failure(f"{self.path}: after {self.where(row - 1) if row else 'line 1'}: {error}")


class JsonlSource(Source):
    """One JSON object a line; blank lines are skipped; keys that a line lacks are null."""

    def __init__(self, path, chunk_rows=None):
        super().__init__(path, chunk_rows)
        self.stream = open(path, "rb")
        self.line = 0
        self.lines_of_rows = []  # of the chunk under way
        self.first_row = 0

    def share(self):
        return self.stream.tell() / self.size_bytes if self.size_bytes and not self.stream.closed else 1.0

    def where(self, row):
        at = row - self.first_row
        return f"line {self.lines_of_rows[at]:,}" if 0 <= at < len(self.lines_of_rows) else f"row {row:,}"

    def next_object(self):
        while line := self.stream.readline(LINE_BYTES_MAX + 1):
            self.line += 1
            if len(line) > LINE_BYTES_MAX:
                raise Failure(f"{self.path}: line {self.line:,} is longer than {LINE_BYTES_MAX >> 20} MiB")
            if not line.strip():
                continue
            try:
                value = DECODER.decode(line.decode())
            except (ValueError, RecursionError) as error:
                reason = getattr(error, "msg", None) or str(error)
                raise Failure(f"{self.path}: line {self.line:,} is not JSON: {reason}") from None
            if not isinstance(value, dict):
                raise Failure(f"{self.path}: line {self.line:,} is not a JSON object")
            return value
        return None

    def chunks(self):
        row = 0
        while True:
            objects, lines, start = [], [], self.stream.tell()
            while len(objects) < (self.chunk_rows or CHUNK_ROWS_MAX) and (
                self.chunk_rows or self.stream.tell() - start < CHUNK_BYTES
            ):
                value = self.next_object()
                if value is None:
                    break
                objects.append(value)
                lines.append(self.line)
            if not objects:
                self.stream.close()
                return
            self.first_row, self.lines_of_rows = row, lines
            names = dict.fromkeys(name for value in objects for name in value)
            yield Chunk(row, len(objects), {name: [value.get(name) for value in objects] for name in names})
            row += len(objects)


def refuse_constant(word):
    raise ValueError(f"{word} is not JSON")


DECODER = json.JSONDecoder(parse_constant=refuse_constant)


class ParquetSource(Source):
    def __init__(self, path, chunk_rows=None):
        super().__init__(path, chunk_rows)
        try:
            self.file = pyarrow.parquet.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise Failure(f"{path}: not a Parquet file: {error}") from None
        self.row_count = self.file.metadata.num_rows
        self.rows_read = 0

    def share(self):
        return self.rows_read / self.row_count if self.row_count else 1.0

    def guess(self, chunk):
        return [columns.guess_of_arrow(field, chunk.values[field.name]) for field in self.file.schema_arrow]

    def key(self):
        return next(
            (
                field.name
                for field in self.file.schema_arrow
                if (field.metadata or {}).get(b"omendb.primary_key") == b"true"
            ),
            None,
        )

    def chunks(self):
        row_bytes = sum(
            self.file.metadata.row_group(at).total_byte_size for at in range(self.file.num_row_groups)
        ) // max(1, self.row_count)
        try:
            for batch in self.file.iter_batches(batch_size=self.rows_of(row_bytes)):
                yield Chunk(self.rows_read, batch.num_rows, dict(zip(batch.schema.names, batch.columns)))
                self.rows_read += batch.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise Failure(f"{self.path}: damaged after row {self.rows_read:,}: {error}") from None


class VectorSource(Source):
    """npy, fvecs, bvecs, ivecs, HDF5: one column of vectors without a name; it takes that of the table's."""

    vector_name = "v"
    key_name = None  # the file has no keys

    def __init__(self, path, chunk_rows=None, dataset=None):
        super().__init__(path, chunk_rows)
        self.vectors = self.open(dataset)
        self.row_count = len(self.vectors)
        self.rows_read = 0

    def open(self, dataset):
        return vector_files.map_vectors(self.path, dataset)

    def metric(self):
        return getattr(self.vectors, "metric", "")  # HDF5 files may say it

    def rename(self, chunk, vector=None, key=None):
        """Names the columns, also those of a chunk that was read before."""
        self.vector_name = vector or self.vector_name
        self.key_name = self.key_name and (key or self.key_name)
        names = [self.key_name, self.vector_name] if self.key_name else [self.vector_name]
        chunk.values = dict(zip(names, chunk.values.values()))

    def key(self):
        return self.key_name

    def guess(self, chunk):
        return [dataclasses.replace(column, metric=self.metric()) for column in super().guess(chunk)]

    def share(self):
        return self.rows_read / self.row_count if self.row_count else 1.0

    def chunks(self):
        step = self.rows_of(4 * self.vectors.shape[1])
        for start in range(0, self.row_count, step):
            floats = vector_files.checked_floats(self.vectors[start : start + step], self.path, start)
            yield Chunk(start, len(floats), {self.vector_name: floats})
            self.rows_read = start + len(floats)


class IndexSource(VectorSource):
    """Saved indexes of hnswlib and faiss: vectors, mostly with labels, which become keys."""

    def open(self, dataset):
        self.index = index_files.read_index(self.path)
        self.key_name = "id" if self.index.labels is not None else None
        return self.index.vectors

    def metric(self):
        return self.index.metric

    def values(self, rows):
        """The columns of some rows; those that were deleted are left out."""
        floats, deleted = self.vectors[rows], self.index.deleted
        keep = slice(None) if deleted is None else ~deleted[rows]
        floats = vector_files.checked_floats(floats[keep], self.path, rows.start)
        if self.key_name is None:
            return {self.vector_name: floats}
        labels = self.index.labels[rows][keep]
        return {self.key_name: index_files.checked_labels(labels, self.path, rows.start), self.vector_name: floats}

    def chunks(self):
        step, first_row = self.rows_of(4 * self.vectors.shape[1]), 0
        for start in range(0, self.row_count, step):
            values = self.values(slice(start, min(start + step, self.row_count)))
            count = len(values[self.vector_name])
            if count:
                yield Chunk(first_row, count, values)
            first_row += count
            self.rows_read = start + step


SOURCES = {
    ".csv": CsvSource,
    ".tsv": CsvSource,
    ".jsonl": JsonlSource,
    ".ndjson": JsonlSource,
    ".parquet": ParquetSource,
    **dict.fromkeys(vector_files.ENDINGS, VectorSource),
    **dict.fromkeys(index_files.READERS, IndexSource),
}


def open_source(path, chunk_rows=None, dataset=None):
    if not os.path.exists(path):
        raise Failure(f"{path}: no such file")
    if os.path.isdir(path):
        raise Failure(f"{path}: is a directory")
    ending = os.path.splitext(path)[1].lower()
    if ending not in SOURCES:
        raise Failure(f"{path}: can not tell what it holds; endings read here: {' '.join(SOURCES)}")
    if dataset is None:
        return SOURCES[ending](path, chunk_rows)
    if SOURCES[ending] is not VectorSource:
        raise Usage(f"--dataset is for HDF5 files, which hold several; {path} is none")
    return VectorSource(path, chunk_rows, dataset)
