"""What every test of the command shares: running it in this process, and a database with rows in it."""

import csv
import json
import pathlib
import sys

import numpy as np
import pytest

from omendb_cli.main import main

sys.path.insert(0, str(pathlib.Path(__file__).parent))  # for hdf5_writer, which several tests share


class Ran:
    """Exit status, stdout and stderr of a command."""

    def __init__(self, status, captured):
        self.status = status
        self.out = captured.out
        self.err = captured.err

    def json(self):
        assert self.status == 0, self.err
        return json.loads(self.out)


@pytest.fixture
def omen(capsys):
    """`omen("stats", path)` runs the command and returns what came of it."""

    def run(*arguments):
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return Ran(status, capsys.readouterr())

    return run


@pytest.fixture
def refused(omen):
    """Runs a command that must fail: status as given, nothing on stdout, one line on stderr, which is returned."""

    def run(*arguments, status=1):
        ran = omen(*arguments)
        assert ran.status == status, (ran.status, ran.out, ran.err)
        assert ran.out == ""
        assert ran.err.startswith("omen: ") and ran.err.count("\n") == 1, ran.err
        return ran.err

    return run


@pytest.fixture
def vectors():
    return np.random.default_rng(5).standard_normal((200, 8)).astype(np.float32)


@pytest.fixture
def csv_path(tmp_path, vectors):
    path = tmp_path / "docs.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "title", "year", "price", "ok", "day", "v"])
        for row, vector in enumerate(vectors):
            title = f'Zoë, "the {row}th"\nof her kind'
            writer.writerow(
                [
                    f"k{row}",
                    title,
                    1900 + row,
                    row / 4,
                    row % 2 == 0,
                    "2024-02-03T04:05:06Z",
                    json.dumps(vector.tolist()),
                ]
            )
    return path


@pytest.fixture
def database(tmp_path, csv_path, omen):
    """A directory with the table `docs`: 200 rows with a vector of 8 dimensions."""
    path = tmp_path / "shop.omen"
    ran = omen("import", "docs", csv_path, "--db", path)
    assert ran.status == 0, ran.err
    return path
