"""The process that `omen demo` kills: inserts batch after batch and says so, on stdout, only once a batch is durable.

Usage: python -m omendb_cli.crash_writer DATABASE TABLE. Ends never; its parent ends it. What a batch holds follows from its number alone,
so the parent can tell afterwards whether a row is as it was written.
"""

import sys

import numpy as np

DIMS = 64
BATCH_ROWS = 500


def batch(number):
    """Columns of batch `number`."""
    random = np.random.default_rng([20_26, number])
    return {
        "id": np.arange(number * BATCH_ROWS, (number + 1) * BATCH_ROWS, dtype=np.int64),
        "v": random.standard_normal((BATCH_ROWS, DIMS), dtype=np.float32),
    }


def create(database, name):
    import omendb

    return database.create_table(name, {"id": "int64 primary key", "v": omendb.vector(DIMS)})


def main(path, name):
    import omendb

    table = omendb.connect(path)[name]
    number = 0
    while True:
        table.insert(batch(number))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        number += 1


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
