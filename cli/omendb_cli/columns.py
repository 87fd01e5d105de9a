"""Column types: guessed from a file's first rows, and values of later rows turned into them, with the row named where one does not fit.

A column's type is a word of the Python interface ("int64", "string", "string[]", "text", "json", "timestamp", ...) or "vector".
"""

import dataclasses
import datetime
import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omendb_cli.failure import Failure, Usage

ARROW = {
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "timestamp": pa.timestamp("us", "UTC"),
    "string": pa.string(),
    "text": pa.string(),
    "json": pa.string(),
    "string[]": pa.list_(pa.string()),
    "sparse": pa.large_list(pa.struct({"index": pa.uint32(), "weight": pa.float32()})),
}
TYPES = [*ARROW, "vector"]
INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,18})$")
FLOAT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$")
LEADING_ZERO = re.compile(r"[-+]?0\d")  # codes of digits ("00123") are texts, not numbers
DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$")
ANALYZER = "english"  # of a text column that names none
VECTOR_SAMPLE_ROWS = 200  # looked at number by number; of the others the length alone
VECTOR_DIMS_MIN_OF_INTS = 8  # a list of whole numbers is a vector from this length on, and a JSON value below


@dataclasses.dataclass
class Column:
    name: str
    type: str
    dims: int = 0  # of a vector or of bits
    metric: str = ""  # of these, where the file says it
    analyzer: str = ""  # of a text, where it is said
    ranking: dict = dataclasses.field(default_factory=dict)  # of a text, where the file says it: BM25's k1 and b

    def __str__(self):
        if self.type == "text" and self.analyzer not in ("", ANALYZER):
            return f"text({self.analyzer})"
        return f"{self.type}({self.dims})" if self.type in ("vector", "bits") else self.type


class BadValue(Exception):
    """A value at `row` (counted in its chunk) that does not fit its column."""

    def __init__(self, row, what):
        super().__init__(what)
        self.row = row


def parse_type(name, word):
    """Column of a `--type COL=TYPE` argument."""
    match = re.fullmatch(r"(vector|bits)\((\d+)\)", word)
    if match:
        return Column(name, match.group(1), int(match.group(2)))
    match = re.fullmatch(r"text\((.+)\)", word)
    if match:
        return Column(name, "text", analyzer=match.group(1))
    if word not in TYPES:
        raise Usage(f"--type {name}={word}: types are {', '.join(TYPES)}, text(ANALYZER), bits(N)")
    return Column(name, word)


def parse_text_column(argument):
    """Column of a `--text-column COL[:ANALYZER]` argument."""
    name, sign, analyzer = argument.rpartition(":") if ":" in argument else (argument, "", "")
    if not name or sign and not analyzer:
        raise Usage(f"--text-column {argument}: write COL or COL:ANALYZER, for instance --text-column body:german")
    return Column(name, "text", analyzer=analyzer)


# Guesses -----------------------------------------------------------------------------------------------------------------------


def fits_int64(text):
    return INTEGER.match(text) is not None and -(1 << 63) <= int(text) < 1 << 63


def is_float64(text):
    return FLOAT.match(text) is not None and not LEADING_ZERO.match(text)


def number_list(value):
    """The list itself when `value` is (the JSON text of) a list of numbers."""
    if isinstance(value, str):
        if not value.lstrip().startswith("["):
            return None
        try:
            value = json.loads(value)
        except ValueError:
            return None
    numbers = isinstance(value, list) and all(
        isinstance(item, (int, float)) and not isinstance(item, bool) for item in value
    )
    return value if numbers and value else None


def guess_vector(name, values):
    """A vector column when all values are number lists of one length."""
    lists = [number_list(value) for value in values[:VECTOR_SAMPLE_ROWS]]
    if not lists or any(item is None for item in lists):
        return None
    dims = len(lists[0])
    if dims < 2 or any(len(item) != dims for item in lists):
        return None
    if any(isinstance(item, list) and len(item) != dims for item in values):
        return None
    floats = any(isinstance(item, float) for numbers in lists for item in numbers)
    return Column(name, "vector", dims) if floats or dims >= VECTOR_DIMS_MIN_OF_INTS else None


def is_json_object(text):
    if text.lstrip()[:1] not in "{[" or not text.strip():
        return False
    try:
        return isinstance(json.loads(text), (dict, list))
    except ValueError:
        return False


def guess_of_texts(name, texts):
    """Column of CSV cells (empty ones left out)."""
    if not texts:
        return Column(name, "string")
    if all(map(fits_int64, texts)):
        return Column(name, "int64")
    if all(map(is_float64, texts)) and not all(text.lstrip("-").isdigit() for text in texts):
        return Column(name, "float64")
    if all(text.lower() in ("true", "false") for text in texts):
        return Column(name, "bool")
    if all(map(DATE.match, texts)):
        return Column(name, "timestamp")
    vector = guess_vector(name, texts)
    if vector:
        return vector
    return Column(name, "json" if all(map(is_json_object, texts)) else "string")


def guess_of_objects(name, values):
    """Column of Python values as json.loads gives them (None left out)."""
    kinds = {type(value) for value in values}
    if not kinds:
        return Column(name, "string")
    if kinds == {str}:
        return Column(name, "timestamp" if all(map(DATE.match, values)) else "string")
    if kinds == {bool}:
        return Column(name, "bool")
    if kinds == {int} and all(-(1 << 63) <= value < 1 << 63 for value in values):
        return Column(name, "int64")
    if kinds <= {int, float}:
        return Column(name, "float64")
    if kinds == {list}:
        vector = guess_vector(name, values)
        if vector:
            return vector
        if all(isinstance(item, str) for value in values for item in value):
            return Column(name, "string[]")
    return Column(name, "json")


def text_of_field(name, metadata):
    """Column of a text as the metadata beside its Arrow field has it."""
    said = {
        key: metadata[b"omendb." + key].decode() for key in (b"analyzer", b"k1", b"b") if b"omendb." + key in metadata
    }
    ranking = {key.decode(): float(said[key]) for key in (b"k1", b"b") if key in said}
    return Column(name, "text", analyzer=said.get(b"analyzer", ""), ranking=ranking)


def guess_of_arrow(field, array):
    """Column of an Arrow array; a type that our own export wrote beside the field wins."""
    name, kind = field.name, field.type
    written = (field.metadata or {}).get(b"omendb.type", b"").decode()
    if written == "text":
        return text_of_field(name, field.metadata)
    if written in ARROW:
        return Column(name, written)
    if pa.types.is_fixed_size_binary(kind):
        more = field.metadata or {}
        dims = int(more.get(b"omendb.dims", b"%d" % (8 * kind.byte_width)))
        return Column(name, "bits", dims, more.get(b"omendb.metric", b"").decode())
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_fixed_size_list(kind) and is_number(kind.value_type):
        return Column(name, "vector", kind.list_size, (field.metadata or {}).get(b"omendb.metric", b"").decode())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        if is_number(kind.value_type):
            lengths = pc.list_value_length(array).drop_null()
            return Column(name, "vector", lengths[0].as_py() if len(lengths) else 0)
        return Column(name, "string[]" if is_text(kind.value_type) else "json")
    for test, word in (
        (pa.types.is_boolean, "bool"),
        (pa.types.is_integer, "int64"),
        (is_number, "float64"),
        (pa.types.is_decimal, "float64"),
        (pa.types.is_temporal, "timestamp"),
        (is_text, "string"),
        (pa.types.is_null, "string"),
        (pa.types.is_nested, "json"),
    ):
        if test(kind):
            return Column(name, word)
    raise Failure(
        f"column '{name}' is of type {kind}, which a table can not hold; leave it out or give --type {name}=..."
    )


def is_number(kind):
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def is_text(kind):
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def guess(name, values):
    """Column of a chunk's values: an Arrow array of cells, a 2-D NumPy array, or a list of Python values."""
    if isinstance(values, np.ndarray):
        return Column(name, "vector", values.shape[1]) if values.ndim == 2 else Column(name, "int64")
    if isinstance(values, pa.Array):
        return guess_of_texts(name, values.drop_null().to_pylist())
    return guess_of_objects(name, [value for value in values if value is not None])


# Conversion --------------------------------------------------------------------------------------------------------------------


def converted(values, column):
    """Arrow array of `values` in the column's type. BadValue names the first row that does not fit."""
    if column.type == "vector":
        return vectors(values, column)
    if column.type == "bits":
        return bits(values, column)
    if isinstance(values, np.ndarray):
        values = pa.array(values)
    if isinstance(values, pa.Array):
        return cast_arrow(values, column)
    if column.type == "json":
        return pa.array(
            [None if value is None else json.dumps(value, ensure_ascii=False) for value in values], pa.string()
        )
    return from_objects(values, column)


def from_objects(values, column):
    kind = ARROW[column.type]
    if column.type == "timestamp":
        return pa.array([timestamp(value, row) for row, value in enumerate(values)], kind)
    if column.type in ("string", "text"):
        for row, value in enumerate(values):
            if value is not None and not isinstance(value, str):
                raise BadValue(row, f"{short(value)} is not a {column.type}")
    if column.type == "int64" and any(isinstance(value, bool) for value in values):
        raise BadValue(
            next(row for row, value in enumerate(values) if isinstance(value, bool)), "a bool is not an int64"
        )
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError):
        for row, value in enumerate(values):
            try:
                pa.array([value], kind)
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError):
                raise BadValue(row, f"{short(value)} is not a {column.type}") from None
        raise


def cast_arrow(values, column):
    kind = ARROW[column.type]
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if column.type == "json":
        return json_texts(values)
    if column.type == "timestamp" and is_text(values.type):
        return pa.array([timestamp(value, row) for row, value in enumerate(values.to_pylist())], kind)
    if column.type == "timestamp" and pa.types.is_timestamp(values.type) and values.type.tz is None:
        values = values.cast(pa.timestamp("us"), safe=False)
    if column.type == "string[]" and is_text(values.type):
        return from_objects([parsed_list(value, row) for row, value in enumerate(values.to_pylist())], column)
    try:
        return values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        for row in range(len(values)):
            try:
                values.slice(row, 1).cast(kind)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                raise BadValue(row, f"{short(values[row].as_py())} is not a {column.type}") from None
        raise


def json_texts(values):
    if not is_text(values.type):
        return pa.array(
            [
                None if value is None else json.dumps(value, ensure_ascii=False, default=str)
                for value in values.to_pylist()
            ],
            pa.string(),
        )
    for row, value in enumerate(values.to_pylist()):
        try:
            _ = value is None or json.loads(value)
        except ValueError:
            raise BadValue(row, f"{short(value)} is not JSON") from None
    return values.cast(pa.string())


def parsed_list(value, row):
    if value is None:
        return None
    try:
        items = json.loads(value)
    except ValueError:
        items = None
    if not isinstance(items, list):
        raise BadValue(row, f"{short(value)} is not a JSON list of strings")
    return items


def timestamp(value, row):
    """Date and time in UTC; a text without a zone is taken as UTC."""
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise BadValue(row, f"{short(value)} is not a timestamp (ISO 8601 text)")
    try:
        moment = datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadValue(row, f"{short(value)} is not a timestamp (ISO 8601 text)") from None
    return (
        moment.replace(tzinfo=datetime.timezone.utc)
        if moment.tzinfo is None
        else moment.astimezone(datetime.timezone.utc)
    )


def vectors(values, column):
    """Fixed-size list of float32 from any form in which files spell vectors."""
    if isinstance(values, pa.Array) and not is_text(values.type):
        return list_vectors(values, column)
    if isinstance(values, np.ndarray):
        floats, valid = values, None
    else:
        cells = [parsed_cell(cell) for cell in (values.to_pylist() if isinstance(values, pa.Array) else values)]
        try:
            return list_vectors(pa.array(cells, pa.list_(pa.float64())), column)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            pass  # some cell is no list of numbers: go through them one by one to name it
        floats = np.zeros((len(cells), column.dims), dtype=np.float32)
        valid = np.array([cell is not None for cell in cells], dtype=bool)
        for row, cell in enumerate(cells):
            if cell is not None:
                floats[row] = one_vector(cell, row, column.dims)
    if floats.shape[1] != column.dims:
        raise BadValue(0, f"{floats.shape[1]} dimensions, not {column.dims}")
    return fixed_size_list(np.ascontiguousarray(floats, dtype=np.float32), valid, column.dims)


def bits(values, column):
    """Fixed-size binary of what a parquet file holds, or of bytes spelled in hexadecimal."""
    width = (column.dims + 7) // 8
    if isinstance(values, pa.Array) and values.type == pa.binary(width):
        return values
    packed = []
    for row, cell in enumerate(values.to_pylist() if isinstance(values, pa.Array) else values):
        try:
            packed.append(bytes.fromhex(cell) if isinstance(cell, str) else cell)
        except ValueError:
            raise BadValue(row, f"{short(cell)} is not hexadecimal") from None
        if packed[-1] is not None and (not isinstance(packed[-1], bytes) or len(packed[-1]) != width):
            raise BadValue(row, f"{short(cell)} is not {width} bytes")
    return pa.array(packed, pa.binary(width))


def parsed_cell(cell):
    """The list that a text spells ("[1, 2]" or "1 2"), anything else as it is."""
    if not isinstance(cell, str):
        return cell
    try:
        return (
            json.loads(cell)
            if cell.lstrip().startswith("[")
            else [float(part) for part in cell.replace(",", " ").split()]
        )
    except ValueError:
        return cell


def one_vector(cell, row, dims):
    numbers = number_list(cell)
    if not numbers:
        raise BadValue(row, f"{short(cell)} is not a vector")
    if len(numbers) != dims:
        raise BadValue(row, f"{len(numbers)} dimensions, not {dims}")
    return numbers


def list_vectors(values, column):
    if not (
        pa.types.is_list(values.type) or pa.types.is_large_list(values.type) or pa.types.is_fixed_size_list(values.type)
    ):
        raise BadValue(0, f"{values.type} is not a vector")
    valid = np.asarray(values.is_valid())
    lengths = np.asarray(pc.fill_null(pc.list_value_length(values), column.dims))
    if (lengths != column.dims).any():
        row = int(np.flatnonzero(lengths != column.dims)[0])
        raise BadValue(row, f"{lengths[row]} dimensions, not {column.dims}")
    present = pc.list_flatten(values.filter(pa.array(valid)))
    if present.null_count:
        raise BadValue(
            int(np.flatnonzero(valid)[int(np.flatnonzero(np.asarray(present.is_null()))[0]) // column.dims]),
            "a component is null",
        )
    floats = np.zeros((len(values), column.dims), dtype=np.float32)
    floats[valid] = np.asarray(present.cast(pa.float32(), safe=False)).reshape(-1, column.dims)
    return fixed_size_list(floats, valid, column.dims)


def fixed_size_list(floats, valid, dims):
    rows = np.ones(len(floats), dtype=bool) if valid is None else valid
    finite = np.isfinite(floats).all(axis=1) | ~rows
    if not finite.all():
        raise BadValue(int(np.flatnonzero(~finite)[0]), "a component is NaN or infinite")
    mask = None if rows.all() else pa.array(~rows)
    return pa.FixedSizeListArray.from_arrays(pa.array(floats.reshape(-1)), dims, mask=mask)


def short(value):
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else text[:39] + "…"
