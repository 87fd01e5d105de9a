"""What can go wrong. Every error of OmenDB is an `Error`; `code` is one word or two for programs, the text is for
people.
"""

from __future__ import annotations

import builtins


class Error(Exception):
    """Base of all errors of OmenDB."""

    code: str = "internal"

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class InvalidArgumentError(Error, ValueError):
    """A value that can not be taken: NaN in a vector, k = 0, text that is not JSON."""

    code = "invalid argument"


class QueryError(InvalidArgumentError):
    """A search that can not be answered as it was asked."""


class SchemaError(Error):
    """A column or a type that the table does not have, or that no table may have."""

    code = "schema"


class NotFoundError(Error, KeyError):
    """No such table or directory."""

    code = "not found"


class ConflictError(Error):
    """A key or a table exists already. Nothing was changed."""

    code = "conflict"


class CorruptionError(Error):
    """Bytes on disk are not what was written; the text names the place."""

    code = "corruption"


class StorageFullError(Error, OSError):
    """The disk is full. Nothing was changed, reads go on, and freeing space is enough."""

    code = "storage full"


class LockedError(Error):
    """Another process has the database open; the text names it."""

    code = "locked"


class PermissionDeniedError(Error, PermissionError):
    """The operating system refused access, or the database is open for reading only."""

    code = "permission"


class IoError(Error, OSError):
    """The operating system failed. After a failed sync the database takes no more writes."""

    code = "io"


class UnsupportedFormatError(Error):
    """A directory of something else, or of a newer OmenDB."""

    code = "unsupported format"


class NotSupportedError(Error):
    """A promised feature that this version does not have yet."""

    code = "not supported"


class ClosedError(Error, ValueError):
    """The database was closed, or opened before the process forked."""

    code = "closed"


class OutOfMemoryError(Error, MemoryError):
    """An allocation was refused. Nothing was changed."""

    code = "out of memory"


class InternalError(Error):
    """A bug of OmenDB. Please report it."""

    code = "internal"


class TimeoutError(Error, builtins.TimeoutError):
    """A call took longer than its `timeout=`. Nothing was changed; the text says what it was doing."""

    code = "timeout"


class CancelledError(Error):
    """A call was ended because the task that waits for it was cancelled. Nothing was changed."""

    code = "cancelled"


# Positions are the engine's error numbers, from 1 (include/omendb/status.h).
_BY_NUMBER: tuple[type[Error], ...] = (
    InvalidArgumentError,
    SchemaError,
    NotFoundError,
    ConflictError,
    CorruptionError,
    StorageFullError,
    LockedError,
    PermissionDeniedError,
    IoError,
    UnsupportedFormatError,
    NotSupportedError,
    ClosedError,
    OutOfMemoryError,
    InternalError,
    TimeoutError,
    CancelledError,
)


def from_code(number: int, message: str, of_query: bool) -> Error:
    """The exception for an error number of the engine."""
    kind = _BY_NUMBER[number - 1] if 1 <= number <= len(_BY_NUMBER) else InternalError
    if of_query and kind is InvalidArgumentError:
        kind = QueryError
    return kind(message)
