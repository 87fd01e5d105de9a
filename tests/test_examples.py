"""Every Python example runs as it stands and prints what it promises."""

import os
import pathlib
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"
PROMISES = {
    "quickstart.py": ["red bicycle", "after reopening: desk lamp, brass"],
    "semantic_search.py": ["The spacecraft landed on the moon", "Fresh bread bakes in a hot oven"],
    "upsert_and_delete.py": [
        "['Alan T.', 'Edsger']",
        "already has the key 1",
        "5 is None",
        "after deleting: [2, 3, 4]",
    ],
    "digits.py": ["nearest of 1,497", "is right for 9"],
}
pytest.importorskip("omendb")


def run(name, *arguments):
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)


@pytest.mark.parametrize("name", sorted(PROMISES))
def test_the_example_prints_what_it_promises(name):
    if name == "digits.py":
        pytest.importorskip("sklearn")
    done = run(name)
    assert done.returncode == 0, done.stderr
    for promise in PROMISES[name]:
        assert promise in done.stdout


def test_the_quickstart_leaves_a_database_where_it_was_told(tmp_path):
    import omendb

    assert run("quickstart.py", tmp_path / "shop.omen").returncode == 0
    with omendb.connect(str(tmp_path / "shop.omen"), read_only=True) as opened:
        assert opened["shop"].count() == 5


def test_the_digits_of_mnist_find_their_like():
    data = pathlib.Path(os.environ.get("OMENDB_TEST_DATA", EXAMPLES.parent.parent / "shared" / "data")) / "mnist"
    if not data.is_dir():
        pytest.skip(f"{data} is not there (OMENDB_TEST_DATA may name another place)")
    done = run("digits.py", data)
    assert done.returncode == 0, done.stderr
    assert "nearest of 60,000" in done.stdout and "is right for 9" in done.stdout


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(PROMISES)
