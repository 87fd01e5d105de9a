"""Every Python example runs as it stands and prints what it promises."""

import importlib.util
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
    "multimodal_tour.py": [
        "4,000 entries",
        "searchable after",
        "[bird",
        "condition: subject = ?",
        "recall 0.95 is wanted",
        "by the share of rows that pass",
    ],
    "words_and_vectors.py": ["entries", "red currant", "[long]-[billed]", "condition: subject = ?", "of the same family"],
}
DICTIONARY = ("multimodal_tour.py", "words_and_vectors.py")  # need WordNet
pytest.importorskip("omendb")


def run(name, *arguments, **environment):
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


def needs_wordnet():
    folder = pathlib.Path(os.environ.get("WNSEARCHDIR", "/usr/share/wordnet"))
    if not (folder / "data.noun").is_file():
        pytest.skip(f"{folder}: no WordNet there (Debian's wordnet-base)")


@pytest.mark.parametrize("name", sorted(PROMISES))
def test_the_example_prints_what_it_promises(name, tmp_path):
    if name in ("digits.py", *DICTIONARY):
        pytest.importorskip("sklearn")
    if name in DICTIONARY:
        needs_wordnet()
    done = run(name, TOUR_ROWS="4000", TOUR_FOLDER=str(tmp_path / "tour"))
    assert done.returncode == 0, done.stderr
    for promise in PROMISES[name]:
        assert promise in done.stdout
    if name == "multimodal_tour.py":
        has_drawn_or_says_why(done, tmp_path / "tour")


def has_drawn_or_says_why(done, folder):
    if importlib.util.find_spec("matplotlib") is None:
        assert "pip install matplotlib" in done.stdout and not folder.exists()
        return
    assert sorted(path.name for path in folder.iterdir()) == ["conditions.png", "recall.png", "scores.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in folder.iterdir())


def test_the_quickstart_leaves_a_database_where_it_was_told(tmp_path):
    import omendb

    assert run("quickstart.py", tmp_path / "shop.omen").returncode == 0
    with omendb.connect(str(tmp_path / "shop.omen"), read_only=True) as opened:
        assert opened["shop"].count() == 5


def test_the_plots_of_words_and_vectors_are_drawn_where_one_says(tmp_path):
    pytest.importorskip("matplotlib")
    spec = importlib.util.spec_from_file_location("words_and_vectors", EXAMPLES / "words_and_vectors.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    times = {way: [1.5] * len(example.SHARES) for way in ("words", "vector", "both")}
    example.draw(tmp_path / "plots", times, dict.fromkeys(example.RANKINGS, 0.2))
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == ["latency.png", "quality.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (tmp_path / "plots").iterdir())


@pytest.mark.parametrize("name", DICTIONARY)
def test_a_missing_dictionary_is_said_in_one_line(name, tmp_path):
    done = run(name, WNSEARCHDIR=str(tmp_path))
    assert done.returncode == 1 and "apt-get install wordnet-base" in done.stderr and "Traceback" not in done.stderr


def test_the_digits_of_mnist_find_their_like():
    data = pathlib.Path(os.environ.get("OMENDB_TEST_DATA", EXAMPLES.parent.parent / "shared" / "data")) / "mnist"
    if not data.is_dir():
        pytest.skip(f"{data} is not there (OMENDB_TEST_DATA may name another place)")
    done = run("digits.py", data)
    assert done.returncode == 0, done.stderr
    assert "nearest of 60,000" in done.stdout and "is right for 9" in done.stdout


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(PROMISES)
