"""The Python package `omendb` as the commands use it: opening with a person's mistakes in mind, and a table's columns by name and type."""

import os

from omendb_cli.columns import ANALYZER, Column, text_of_field
from omendb_cli.failure import Failure


def connect(path, create=False, read_only=False, **options):
    """An open database. Without `create`, a directory that is not there is a mistake and is not made."""
    import omendb

    if not create and not os.path.isdir(path):
        raise Failure(f"{path}: {'is a file, not a database' if os.path.exists(path) else 'no such database'}")
    return omendb.connect(path, read_only=True) if read_only else omendb.connect(path, **options)


def open_table(database, name, path):
    if name not in database:
        names = sorted(database)
        known = f"it has {', '.join(names)}" if names else "it has no tables yet: omen import makes one"
        raise Failure(f"{path}: no table '{name}'; {known}")
    return database[name]


def error_class():
    import omendb

    return omendb.Error


def create_table(database, name, columns, key, metric=None):
    """A new table with these columns; vectors are compared by `metric`, or as their file says where it is not given."""
    import omendb

    schema = {}
    for column in columns:
        if column.type == "vector":
            schema[column.name] = omendb.vector(column.dims, metric=metric or column.metric or "l2")
        elif column.type == "bits":
            schema[column.name] = omendb.bits(column.dims, metric=column.metric or "hamming")
        elif column.type == "text":
            schema[column.name] = omendb.text(column.analyzer or ANALYZER, **column.ranking)
        else:
            schema[column.name] = column.type + (" primary key" if column.name == key else "")
    return database.create_table(name, schema)


def try_table(name, columns, key, metric=None):
    """Makes the table in memory and forgets it: what a table can not be is said before anything is on disk."""
    import omendb

    with omendb.connect(":memory:") as opened:
        create_table(opened, name, columns, key, metric)


def columns_of(table):
    """([Column], name of the key) of a table."""
    found, key = [], None
    for field in table.schema:
        words = {name.decode(): value.decode() for name, value in (field.metadata or {}).items()}
        kind = words["omendb.type"]
        dims = field.type.list_size if kind == "vector" else int(words.get("omendb.dims", 0))
        found.append(text_of_field(field.name, field.metadata) if kind == "text" else Column(field.name, kind, dims))
        if words.get("omendb.primary_key") == "true":
            key = field.name
    return found, key
