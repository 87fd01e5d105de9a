"""A database: a directory, or ":memory:", with tables in it."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from . import _embed, _omendb
from ._errors import Error, InvalidArgumentError, NotFoundError
from ._later import MULTIMODAL, in_thread, not_yet
from ._schema import SchemaLike, to_columns
from ._table import Table

_SYNCS = {"full": True, "off": False, True: True, False: False}
_open_databases: weakref.WeakSet[Database] = weakref.WeakSet()


def connect(
    path: str | os.PathLike[str],
    *,
    sync: str | bool = "full",
    memory_limit: int | None = None,
    threads: int | None = None,
    read_only: bool = False,
    keep_versions: int | None = None,
    create: bool = True,
    index_memory: int | None = None,
) -> Database:
    """Opens the directory `path` as a database, and makes it if it is not there; ":memory:" is a database that keeps
    nothing.

    `sync`: "full" = a statement returns when it would survive a power loss (default); "off" = at once: a crash of the
    machine may lose the last statements, a crash of the process none. `threads`: background workers, chosen by the
    number of cores by default. `read_only`: no lock, no writes; only where nobody writes meanwhile. `create=False`:
    NotFoundError if it is not there. `index_memory`: bytes that indexes behind conditions may take together, 1 GiB by
    default; those that a schema asks for count and are made in any case, of the others the one that no condition has
    asked for longest gives way; 0: none but those.
    Errors: LockedError names the process that has it open for writing; UnsupportedFormatError, CorruptionError,
    PermissionDeniedError, IoError.
    """
    if memory_limit is not None:
        raise not_yet("connect(memory_limit=...)", "this version keeps to what its tables need")
    if keep_versions is not None:
        raise not_yet("connect(keep_versions=...)", "it comes with transactions and time travel")
    if not isinstance(sync, (str, bool)) or sync not in _SYNCS:
        raise InvalidArgumentError(f'sync is "full" or "off", not {sync!r}')
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or not 0 <= threads <= 1024):
        raise InvalidArgumentError(f"threads is an integer from 1 to 1024, not {threads!r}")
    if index_memory is not None and (
        isinstance(index_memory, bool) or not isinstance(index_memory, int) or not 0 <= index_memory < 1 << 63
    ):
        raise InvalidArgumentError(f"index_memory is a number of bytes from 0, not {index_memory!r}")
    name = os.fspath(path)
    if not isinstance(name, str):
        raise InvalidArgumentError(f"path is a str or a pathlib.Path, not {type(path).__name__}")
    database = Database(
        _omendb.open(name, create and not read_only, bool(read_only), _SYNCS[sync], threads or 0, index_memory)
    )
    _open_databases.add(database)
    return database


async def aconnect(path: str | os.PathLike[str], **options: Any) -> Database:
    """Like `connect`, without blocking the event loop."""
    return await asyncio.to_thread(connect, path, **options)


class Database:
    """An open database: a mapping from names to tables, and a context manager that closes it. Made by `connect`.

    Threads: any number may use the same one. One process at a time has a database open for writing.
    """

    __slots__ = ("__weakref__", "_embeddings", "_raw")

    def __init__(self, raw: _omendb.Database) -> None:
        self._raw = raw
        self._embeddings: dict[str, _embed.Embeddings] = {}  # by table; what users gave since it was opened

    @property
    def path(self) -> str:
        return self._raw.path

    def create_table(
        self, name: str, schema: SchemaLike, *, exist_ok: bool = False, primary_key: str | None = None
    ) -> Table:
        """A new table. `schema`: {"id": "string primary key", "title": omendb.text(), "v": omendb.vector(384),
        ...} or a pyarrow.Schema (fixed-size lists of floats are vectors) with `primary_key`. ConflictError if the
        name is taken, unless `exist_ok` and the schemas are equal. SchemaError says what is wrong.
        """
        columns = to_columns(schema, primary_key)
        embeddings = _embed.from_schema(_checked_name(name), schema, columns)
        table = Table(self._raw.create_table(name, columns, bool(exist_ok)), self)
        table._embeddings.update(embeddings)
        return table

    def __getitem__(self, name: str) -> Table:
        return Table(self._raw.table(_checked_name(name)), self)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._raw.table_names()

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw.table_names())

    def __len__(self) -> int:
        return len(self._raw.table_names())

    def __bool__(self) -> bool:
        return True

    def keys(self) -> list[str]:
        """Names of the tables."""
        return self._raw.table_names()

    def drop_table(self, name: str) -> None:
        """Removes a table. Its handles answer NotFoundError from now on; searches under way come to their end."""
        self._raw.drop_table(_checked_name(name))
        self._embeddings.pop(name, None)

    def check(self) -> None:
        """Reads and verifies everything: checksums, keys, rows, graphs. CorruptionError names the first damage.
        Searches and writes go on.
        """
        self._raw.check()

    def stats(self) -> dict[str, Any]:
        """Figures: commit_number, resident_bytes of the process, and bytes in memory and on disk: {"total": ...,
        "table.component": ...}.
        """
        return self._raw.stats()

    def state_hash(self) -> int:
        """A number that depends on the schemas and live rows only: equal content, equal number."""
        return self._raw.state_hash()

    def backup(self, target: str | os.PathLike[str]) -> None:
        """Writes a complete copy as of now into the new directory `target`; writers go on."""
        self._raw.backup(os.fspath(target))

    def checkpoint(self) -> None:
        """Moves the log into the base now; it happens by itself too."""
        self._raw.checkpoint()

    def close(self) -> None:
        """Writes a last checkpoint and releases the directory; tables answer ClosedError from now on. Closing
        twice is fine.
        """
        self._raw.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<omendb.Database {self.path!r}>"

    def transaction(self) -> Any:
        """Not there yet: NotSupportedError."""
        raise not_yet(
            "transaction()", "it comes with transactions and time travel; each statement is all or nothing by itself"
        )

    def snapshot(self) -> Any:
        """Not there yet: NotSupportedError."""
        raise not_yet("snapshot()", "it comes with transactions and time travel")

    def sql(self, query: str, params: Any = None) -> Any:
        """Not there yet: NotSupportedError."""
        raise not_yet("sql()", f"SQL comes after filters, which {MULTIMODAL.replace('comes', 'come')}")

    acreate_table = in_thread(create_table)
    adrop_table = in_thread(drop_table)
    acheck = in_thread(check)
    astats = in_thread(stats)
    astate_hash = in_thread(state_hash)
    abackup = in_thread(backup)
    acheckpoint = in_thread(checkpoint)
    aclose = in_thread(close)


def _checked_name(name: Any) -> str:
    if not isinstance(name, str):
        raise NotFoundError(f"a table's name is a str, not {name!r}")
    return name


@atexit.register
def _close_all() -> None:
    """A program that ends without close() finds its databases checkpointed: they open faster. After fork() they
    are the parent's.
    """
    for database in list(_open_databases):
        with contextlib.suppress(Error):
            database.close()
