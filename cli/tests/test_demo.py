"""`omen demo --quick` and `omen ask` from one end to the other, and what they do when something is missing."""

import os

import pytest

from omendb_cli import crash_writer, demo, dictionary, wordnet
from omendb_cli.failure import Failure

omendb = pytest.importorskip("omendb")
pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The quick demo's folder, and what the demo printed."""
    try:
        wordnet.find_folder()
    except Failure as missing:
        pytest.skip(str(missing))
    import contextlib
    import io

    from omendb_cli.main import main

    path = str(tmp_path_factory.mktemp("demo") / "quick")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["demo", "--quick", "--dir", path]) == 0
    return path, printed.getvalue()


def test_the_demo_finds_words_measures_recall_and_loses_nothing(folder):
    path, printed = folder
    assert all(word in printed for word in ("arachnophobia", "kitten", "raisin", "wolf pack"))
    assert all(word in printed for word in ("heron", "zebra", "spinach", "condition: subject = 'food'", "by both"))
    recall = float(next(line.split()[1] for line in printed.splitlines() if line.split()[:1] == ["recall@10"]))
    assert recall >= 0.9
    assert (
        "killed by SIGKILL" in printed
        and "acknowledged rows is there, byte for byte" in printed
        and "check()" in printed
    )
    assert all(len(line) <= 100 for line in printed.splitlines() if path not in line) and "\x1b" not in printed


def test_the_demo_leaves_a_sound_database_without_the_crash_table(folder, omen):
    path = os.path.join(folder[0], dictionary.DATABASE)
    assert omen("check", path).status == 0
    assert list(omen("stats", path, "--json").json()["tables"]) == [dictionary.TABLE]


def test_ask_answers_a_description(folder, omen):
    answer = omen("ask", folder[0], "dried", "grapes", "-k", 3, "--json").json()
    assert "raisin" in [row["word"] for row in answer["answers"]] and len(answer["answers"]) == 3
    assert "raisin" in omen("ask", folder[0], "dried grapes").out


def test_ask_finds_by_words_and_by_meaning(folder, omen):
    answers = omen("ask", folder[0], "a black-and-white striped horse", "--json").json()["answers"]
    assert "zebra" in [row["word"] for row in answers]
    assert all(set(row) == {"word", "kind", "definition", "key", "score", "likeness"} for row in answers)
    scores = [row["score"] for row in answers]
    assert scores == sorted(scores, reverse=True)


def test_ask_reads_lines_until_an_empty_one(folder, omen, monkeypatch):
    lines = iter(["a baby cat", "zzzz", "", "never read"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(lines))
    ran = omen("ask", folder[0], "-k", 2)
    assert ran.status == 0 and "kitten" in ran.out and "none of these words" in ran.out and next(lines) == "never read"


def test_ask_refuses_words_that_nobody_knows_and_folders_without_a_demo(folder, refused, tmp_path):
    assert "none of these words" in refused("ask", folder[0], "zzzz")
    assert "omen demo --dir" in refused("ask", tmp_path, "cat")


def test_a_demo_over_somebodys_files_is_refused(tmp_path, refused):
    (tmp_path / "mine.txt").write_text("x")
    assert "holds other files (mine.txt)" in refused("demo", "--dir", tmp_path)
    assert "no WordNet there" in refused("demo", "--wordnet", tmp_path, "--dir", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_rows_that_were_lost_or_changed_would_be_noticed(tmp_path):
    with omendb.connect(str(tmp_path / "a.omen")) as opened:
        table = crash_writer.create(opened, "t")
        for number in range(3):
            table.insert(crash_writer.batch(number))
        assert demo.compare_batches(table, 3) == 0
        table.delete([0, 1])
        assert demo.compare_batches(table, 3) == 2
        changed = crash_writer.batch(2)
        changed["v"][7, 3] += 1
        table.upsert(changed)
        assert demo.compare_batches(table, 3) == 3
        assert demo.compare_batches(table, 4) == 3 + crash_writer.BATCH_ROWS


def test_a_writer_that_can_not_start_is_said_in_one_line(tmp_path):
    with pytest.raises(Failure, match="the writer did not start"):
        demo.kill_writer(str(tmp_path / "no" / "such" / "place.omen"))
