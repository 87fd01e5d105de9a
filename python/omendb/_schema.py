"""Schemas: how a table's columns are written down, in words or as a pyarrow.Schema, and what the engine is told."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Union

import pyarrow as pa

from . import _omendb
from ._errors import SchemaError

_STORAGES = ("auto", "f32", "f16", "bf16", "sq8", "pq", "rabitq", "binary")
_VECTOR_OPTIONS = ("dims", "metric", "m", "ef_construction", "storage", "storage_bits")
_GRAPH_OPTIONS = ("dims", "metric", "m", "ef_construction")
_PLAIN_TYPES = ("bool", "int64", "float64", "timestamp", "string", "string[]", "json", "text", "sparse")
_KEY_TYPES = ("int64", "string")
_PREFIX = "omendb."  # of the keys in a pyarrow field's metadata
_TIMESTAMP = pa.timestamp("us", tz="UTC")
SPARSE_ARROW = pa.large_list(
    pa.struct([pa.field("index", pa.uint32(), nullable=False), pa.field("weight", pa.float32(), nullable=False)])
)
_ARROW_TYPES = {
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "timestamp": _TIMESTAMP,
    "string": pa.large_string(),
    "string[]": pa.large_list(pa.large_string()),
    "json": pa.large_string(),
    "text": pa.large_string(),
    "sparse": SPARSE_ARROW,
}


Index = Union[bool, str, Sequence[str]]  # "auto", True, False, or of JSON the paths of its members


@dataclasses.dataclass(frozen=True)
class PlainColumn:
    """A column of another type than text and vectors; made by `column()`."""

    type: str
    primary_key: bool = False
    index: Index = "auto"


@dataclasses.dataclass(frozen=True)
class TextColumn:
    """A column for full-text search; made by `text()`."""

    analyzer: str = "english"
    k1: float = 0.9
    b: float = 0.4
    index: Index = "auto"


Embed = Callable[[list[str]], Any]  # texts -> an array of a vector each


@dataclasses.dataclass(frozen=True)
class VectorColumn:
    """A column of float32 vectors; made by `vector()`."""

    dims: int
    metric: str = "l2"
    m: int = 16
    ef_construction: int = 200
    storage: str = "auto"
    storage_bits: int = 0
    embed: Embed | None = None
    source: str | None = None


@dataclasses.dataclass(frozen=True)
class BitsColumn:
    """A column of vectors of bits; made by `bits()`."""

    dims: int
    metric: str = "hamming"
    m: int = 16
    ef_construction: int = 200


@dataclasses.dataclass(frozen=True)
class VectorsColumn:
    """A column of several float32 vectors a row; made by `vectors()`."""

    dims: int
    metric: str = "cosine"
    m: int = 16
    ef_construction: int = 200


@dataclasses.dataclass(frozen=True)
class SparseColumn:
    """A column of sparse vectors; made by `sparse()`."""


ColumnSpec = Union[str, PlainColumn, TextColumn, VectorColumn, BitsColumn, VectorsColumn, SparseColumn]
SchemaLike = Union[Mapping[str, ColumnSpec], pa.Schema]


def column(type: str, *, primary_key: bool = False, index: Index = "auto") -> PlainColumn:
    """A column of a plain type: "bool", "int64", "float64", "timestamp", "string", "string[]" or "json".

    `index`: whether conditions (`where=`) have an index of it. "auto": one is made when reading the column for
    conditions has cost more than making it; True: at once and whatever memory it takes; False: never. The words
    "int64 index" and "int64 no index" say the same. Of JSON, instead of True the members that are to have one:
    ["brand", "size.width"], or "price::float8" where conditions cast it, `(extra->>'price')::float8 > 5`.
    """
    _check_index(index)
    return PlainColumn(type, bool(primary_key), index)


def text(analyzer: str = "english", *, k1: float = 0.9, b: float = 0.4, index: Index = "auto") -> TextColumn:
    """A column of text meant for ranked search (BM25 with the constants `k1` and `b`). `index`: whether conditions
    have one of it, as for `column`; searches for words need none.
    """
    _check_index(index)
    return TextColumn(analyzer, float(k1), float(b), index)


def _check_index(index: Any) -> None:
    named = isinstance(index, (list, tuple)) and all(isinstance(path, str) for path in index)
    if not named and not isinstance(index, bool) and index != "auto":
        raise SchemaError(f'index= of a column is "auto", True, False or a list of members of JSON, not {index!r}')


def _set_index(column: _omendb.Column, index: Index) -> _omendb.Column:
    _check_index(index)
    if index != "auto":
        column.index_mode = "never" if index is False else "always"
        column.index_paths = [] if isinstance(index, bool) else list(index)
    return column


def _index_of(column: _omendb.Column) -> Index:
    if column.index_mode == "auto":
        return "auto"
    return column.index_paths or column.index_mode == "always"


def vector(
    dims: int,
    metric: str = "l2",
    *,
    storage: str = "auto",
    m: int = 16,
    ef_construction: int = 200,
    storage_bits: int = 0,
    embed: Embed | None = None,
    source: str | None = None,
) -> VectorColumn:
    """A column of vectors of `dims` float32 components.

    `metric`: "l2", "cosine", "ip" (inner product) or "l1" (sum of absolute differences). `m`: links of a row in the
    search graph, more = better recall and more memory. `ef_construction`: width of the search that places a row in
    the graph, more = better graph and slower writes. `storage`: what searches walk over in memory: "f32" (the vectors
    as they are), "f16" or "bf16" (two bytes a dimension), "sq8" (a byte), "rabitq" (`storage_bits` bits, 1 to 8, 4 if
    not said), "pq" (32 bytes a vector: pieces of it in `storage_bits` bits each, 8 if not said, or 4, which are
    compared faster and tell rows apart less well), "binary" (a bit); "auto" becomes the fastest one when the table is
    made: f32 below 16 dimensions and for "l1", which has no other, sq8 below 256, rabitq from there on. Answers and
    their distances are those of the full vectors in any case, which stay in their file; the smaller the storage, the
    larger the `ef` of a search for the same recall.

    `embed`: a function that takes a list of texts, 256 at most, and returns an array of a vector each. Rows that are
    written with a text in the column `source` (the table's only text column by default) and without a vector get
    theirs from it, and `search("some words")` asks it for the vector to look for. It is code, so it is not stored:
    give it again where the database is opened again, by `create_table(..., exist_ok=True)` or `table.set_embed`.
    """
    if storage not in _STORAGES:
        raise SchemaError(f"there is no vector storage {storage!r}; there are: {', '.join(_STORAGES)}")
    _check_sizes(dims=dims, m=m, ef_construction=ef_construction, storage_bits=storage_bits)
    if storage_bits > 8:
        raise SchemaError(f"storage_bits of a vector column is 1 to 8, not {storage_bits}")
    if embed is None and source is not None:
        raise SchemaError("source= of a vector column goes with embed=")
    if storage == "pq" and storage_bits not in (0, 4, 8):
        raise SchemaError(f"storage_bits of a vector column with storage pq is 4 or 8, not {storage_bits}")
    return VectorColumn(dims, metric, m, ef_construction, storage, storage_bits, embed, source)


def bits(dims: int, metric: str = "hamming", *, m: int = 16, ef_construction: int = 200) -> BitsColumn:
    """A column of vectors of `dims` bits, at most 65,536, kept in one bit each.

    `metric`: "hamming", the number of bits that differ, or "jaccard", 1 - |and| / |or|. Rows go in as arrays of bool
    (rows x dims) or of uint8 as numpy.packbits makes them (rows x bytes, the first bit the most significant one), as
    bytes, or as Arrow's fixed-size binary; they come out packed: numpy.unpackbits(row, count=dims). `m` and
    `ef_construction` as for `vector`.
    """
    _check_sizes(dims=dims, m=m, ef_construction=ef_construction)
    return BitsColumn(dims, metric, m, ef_construction)


def vectors(dims: int, metric: str = "cosine", *, m: int = 16, ef_construction: int = 200) -> VectorsColumn:
    """A column of several vectors a row, of `dims` float32 components each: one for every token of a text or patch of an
    image, as ColBERT and its kin make them. Searched by `table.search(vectors=...)` (docs/multi-vector.md).

    `metric`: "cosine" or "ip" (inner product). A row holds none to 4,096 vectors, as an array of two dimensions (vectors
    x dims) or a list of vectors. `m` and `ef_construction`: of the graph that finds candidates, as for `vector`.
    """
    _check_sizes(dims=dims, m=m, ef_construction=ef_construction)
    return VectorsColumn(dims, metric, m, ef_construction)


def sparse() -> SparseColumn:
    """A column of sparse vectors, as SPLADE and its kin make them: up to 65,536 pairs of an index (0 to 2^32 - 1) and
    a float32 weight; ranked by inner product, exactly (docs/sparse.md).

    Rows go in as dicts {index: weight}, tuples (indices, weights), rows of a SciPy matrix or the whole matrix for the
    column, Arrow maps or lists of structs; no index twice, weights finite, those that are 0 are left out. They come out
    as dicts, in Arrow as lists of structs of `index` and `weight`.
    """
    return SparseColumn()


def _check_sizes(**sizes: Any) -> None:
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 32:
            raise SchemaError(f"{name} of a vector column is a positive integer, not {value!r}")


class TableSchema:
    """The columns of one table, by position and by name."""

    __slots__ = ("_arrow", "by_name", "columns", "key", "names")

    def __init__(self, columns: Iterable[_omendb.Column]) -> None:
        self.columns = tuple(columns)
        self.by_name = {column.name: column for column in self.columns}
        self.names = list(self.by_name)
        self.key = next((column for column in self.columns if column.primary_key), None)
        self._arrow: pa.Schema | None = None

    @property
    def arrow(self) -> pa.Schema:
        """As a pyarrow.Schema that `create_table` takes back."""
        if self._arrow is None:
            self._arrow = pa.schema([_to_field(column) for column in self.columns])
        return self._arrow

    def checked_names(self, select: Iterable[str] | None, table: str) -> list[str]:
        """The names in `select`, or all names for None. SchemaError for a name that is no column or stands there
        twice.
        """
        if select is None:
            return self.names
        names = [select] if isinstance(select, str) else list(select)
        for name in names:
            if name not in self.by_name:
                raise unknown_column(table, name, self.names)
        if len(set(names)) != len(names):
            raise SchemaError(f"select={names!r} names a column twice")
        return names


def unknown_column(table: str, name: object, known: Iterable[str]) -> SchemaError:
    return SchemaError(f"table '{table}' has no column {str(name)!r}; its columns are: {', '.join(known)}")


def to_columns(schema: SchemaLike, primary_key: str | None = None) -> list[_omendb.Column]:
    """The engine's columns for a schema as users write it."""
    if isinstance(schema, pa.Schema):
        columns = [_from_field(field) for field in schema]
    elif isinstance(schema, Mapping):
        columns = [_from_spec(name, spec) for name, spec in schema.items()]
    else:
        raise SchemaError(
            f"a schema is a dict of column names and types or a pyarrow.Schema, not {type(schema).__name__}"
        )
    if primary_key is not None:
        columns = [_with_key(column, column.name == primary_key) for column in columns]
        if not any(column.primary_key for column in columns):
            raise SchemaError(
                f"primary_key={primary_key!r} is not a column; the columns are: {', '.join(c.name for c in columns)}"
            )
    if not any(column.primary_key for column in columns):
        raise SchemaError('a table needs a primary key: spell one column "string primary key" or "int64 primary key"')
    return columns


def _with_key(column: _omendb.Column, primary_key: bool) -> _omendb.Column:
    if primary_key == column.primary_key:
        return column
    changed = _omendb.Column(column.name, column.type, primary_key)
    for option in _VECTOR_OPTIONS:
        setattr(changed, option, getattr(column, option))
    changed.analyzer, changed.k1, changed.b = column.analyzer, column.k1, column.b
    return _set_index(changed, _index_of(column))


def _vector_column(name: str, spec: VectorColumn) -> _omendb.Column:
    column = _omendb.Column(name, "vector")
    for option in _VECTOR_OPTIONS:
        setattr(column, option, getattr(spec, option))
    return column


def _graph_column(name: str, spec: BitsColumn | VectorsColumn) -> _omendb.Column:
    column = _omendb.Column(name, "bits" if isinstance(spec, BitsColumn) else "vectors")
    for option in _GRAPH_OPTIONS:
        setattr(column, option, getattr(spec, option))
    return column


def _text_column(name: str, spec: TextColumn) -> _omendb.Column:
    column = _omendb.Column(name, "text")
    column.analyzer, column.k1, column.b = spec.analyzer, spec.k1, spec.b
    return _set_index(column, spec.index)


def _from_spec(name: Any, spec: Any) -> _omendb.Column:
    if not isinstance(name, str):
        raise SchemaError(f"the name of a column is a str, not {name!r}")
    if isinstance(spec, VectorColumn):
        return _vector_column(name, spec)
    if isinstance(spec, (BitsColumn, VectorsColumn)):
        return _graph_column(name, spec)
    if isinstance(spec, TextColumn):
        return _text_column(name, spec)
    if isinstance(spec, SparseColumn):
        return _omendb.Column(name, "sparse")
    if isinstance(spec, pa.DataType):
        return _from_field(pa.field(name, spec))
    if isinstance(spec, PlainColumn):
        made = _from_spec(name, f"{spec.type} primary key" if spec.primary_key else spec.type)
        return made if spec.index == "auto" else _set_index(made, spec.index)
    if not isinstance(spec, str):
        raise SchemaError(
            f"column {name!r}: a type is a str, omendb.column(...), omendb.text(...), omendb.vector(...), "
            f"omendb.vectors(...), omendb.bits(...) or omendb.sparse(), not {spec!r}"
        )
    return _from_words(name, spec)


_AFTER_TYPE = {
    "": (False, "auto"),
    "primary key": (True, "auto"),
    "index": (False, True),
    "no index": (False, False),
    "primary key index": (True, True),
    "primary key no index": (True, False),
}  # words: primary key, index


def _from_words(name: str, spec: str) -> _omendb.Column:
    words = spec.lower().split()
    after = " ".join(words[1:])
    if not words or after not in _AFTER_TYPE:
        raise SchemaError(
            f'column {name!r}: {spec!r} is not a type; after the type only "primary key", "index" and "no index" may '
            "follow"
        )
    primary_key, index = _AFTER_TYPE[after]
    if words[0] == "vector":
        raise SchemaError(f"column {name!r}: a vector needs its number of dimensions: omendb.vector(384)")
    if words[0] == "vectors":
        raise SchemaError(f"column {name!r}: vectors need their number of dimensions: omendb.vectors(128)")
    if words[0] == "bits":
        raise SchemaError(f"column {name!r}: bits need their number: omendb.bits(1024)")
    if words[0] not in _PLAIN_TYPES:
        raise SchemaError(
            f"column {name!r}: there is no type {words[0]!r}; there are: {', '.join(_PLAIN_TYPES)}, "
            "omendb.text(...), omendb.vector(...), omendb.vectors(...), omendb.bits(...)"
        )
    if primary_key and words[0] not in _KEY_TYPES:
        raise SchemaError(f"column {name!r}: a primary key is {' or '.join(_KEY_TYPES)}, not {words[0]}")
    return _set_index(_omendb.Column(name, words[0], primary_key), index)


def _metadata(field: pa.Field) -> dict[str, str]:
    found = field.metadata or {}
    return {
        key.decode().removeprefix(_PREFIX): value.decode()
        for key, value in found.items()
        if key.startswith(_PREFIX.encode())
    }


def _type_of_arrow(field: pa.Field) -> str:
    kind = field.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if isinstance(kind, pa.BaseExtensionType) and kind.extension_name == "arrow.json":
        return "json"
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return "int64"
    if pa.types.is_floating(kind):
        return "float64"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if is_string(kind):
        return "string"
    if is_list(kind) and is_string(kind.value_type):
        return "string[]"
    if kind == SPARSE_ARROW or (pa.types.is_map(kind) and pa.types.is_integer(kind.key_type)):
        return "sparse"
    raise SchemaError(f"column {field.name!r}: Arrow type {field.type} can not be a column")


def _from_field(field: pa.Field) -> _omendb.Column:
    """Arrow's type says most; the field's metadata (keys "omendb.type", "omendb.metric" ...) the rest."""
    more = _metadata(field)
    if pa.types.is_fixed_size_list(field.type) and pa.types.is_floating(field.type.value_type):
        return _vector_column(
            field.name,
            vector(
                field.type.list_size,
                more.get("metric", "l2"),
                m=int(more.get("m", 16)),
                ef_construction=int(more.get("ef_construction", 200)),
                storage=more.get("storage", "auto"),
                storage_bits=int(more.get("storage_bits", 0)),
            ),
        )
    if _is_vectors(field.type):
        return _graph_column(
            field.name,
            vectors(
                field.type.value_type.list_size,
                more.get("metric", "cosine"),
                m=int(more.get("m", 16)),
                ef_construction=int(more.get("ef_construction", 200)),
            ),
        )
    if pa.types.is_fixed_size_binary(field.type):
        return _graph_column(field.name, _bits_of_field(field, more))
    kind = more.get("type") or _type_of_arrow(field)
    if kind == "text":
        return _text_column(
            field.name,
            text(
                more.get("analyzer", "english"),
                k1=float(more.get("k1", 0.9)),
                b=float(more.get("b", 0.4)),
                index=json.loads(more.get("index", '"auto"')),
            ),
        )
    return _from_spec(
        field.name,
        column(kind, primary_key=more.get("primary_key") == "true", index=json.loads(more.get("index", '"auto"'))),
    )


def _is_vectors(kind: pa.DataType) -> bool:
    inner = kind.value_type if is_list(kind) else None
    return inner is not None and pa.types.is_fixed_size_list(inner) and pa.types.is_floating(inner.value_type)


def _bits_of_field(field: pa.Field, more: dict[str, str]) -> BitsColumn:
    width: int = field.type.byte_width
    dims = int(more.get("dims", 8 * width))
    if (dims + 7) // 8 != width:
        raise SchemaError(f"column {field.name!r}: {dims} bits do not make {width} bytes")
    return bits(
        dims,
        more.get("metric", "hamming"),
        m=int(more.get("m", 16)),
        ef_construction=int(more.get("ef_construction", 200)),
    )


def _arrow_type(column: _omendb.Column) -> pa.DataType:
    if column.type == "vector":
        return pa.list_(pa.float32(), column.dims)
    if column.type == "vectors":
        return pa.large_list(pa.list_(pa.float32(), column.dims))
    if column.type == "bits":
        return pa.binary((column.dims + 7) // 8)
    return _ARROW_TYPES[column.type]


def _to_field(column: _omendb.Column) -> pa.Field:
    more: dict[str, str] = {"type": column.type}
    kind = _arrow_type(column)
    if column.primary_key:
        more["primary_key"] = "true"
    if column.type == "vector":
        more |= {option: str(getattr(column, option)) for option in _VECTOR_OPTIONS[1:]}
    if column.type in ("bits", "vectors"):
        more |= {option: str(getattr(column, option)) for option in _GRAPH_OPTIONS}
    if column.type == "text":
        more |= {"analyzer": column.analyzer, "k1": repr(column.k1), "b": repr(column.b)}
    if column.index_mode != "auto":
        more["index"] = json.dumps(_index_of(column))
    return pa.field(
        column.name,
        kind,
        nullable=not column.primary_key,
        metadata={_PREFIX + key: value for key, value in more.items()},
    )


def is_string(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def is_list(kind: pa.DataType) -> bool:
    types = pa.types
    large = types.is_large_list(kind) or types.is_large_list_view(kind)
    return bool(large or types.is_list(kind) or types.is_list_view(kind))
