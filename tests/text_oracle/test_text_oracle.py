"""Scores and rankings of searches by text beside a naive BM25, statement after statement."""

import os
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

omendb = pytest.importorskip("omendb")

from text_oracle.script import Script  # noqa: E402  (tests are no installed package)

SCALE = float(os.environ.get("OMENDB_TEST_SCALE", "1"))
SEED = int(os.environ.get("OMENDB_TEXT_ORACLE_SEED", "1"))
RUNS = max(2, int(8 * SCALE))
STEPS = 40
QUESTIONS = 5  # after each statement


def play(script, steps, seed):
    said = []
    try:
        for _ in range(steps):
            said.append(script.step())
            for _ in range(QUESTIONS):
                script.ask()
        script.check()
    except AssertionError as error:
        pytest.fail(f"seed {seed}, step {len(said)} ({', '.join(said[-5:])}): {error}", pytrace=False)
    finally:
        script.close()


@pytest.mark.parametrize("seed", range(SEED, SEED + RUNS))
def test_rankings_are_those_of_bm25_over_the_rows_that_live(seed, tmp_path):
    print(f"seed {seed}")
    play(Script(random.Random(seed), str(tmp_path / "db")), STEPS, seed)


def test_rankings_of_few_words_in_many_short_rows_are_those_of_bm25(tmp_path):
    """Long lists of postings, whose blocks are skipped, and many ties."""
    seed = SEED + 1_000
    print(f"seed {seed}")
    script = Script(random.Random(seed), str(tmp_path / "db"), rows_max=8_000, word_count=25, length_max=6)
    while script.next_key < 6_000:
        script.insert()
    play(script, STEPS, seed)


def test_the_same_text_has_the_same_score_whenever_it_was_inserted(tmp_path):
    """In the first run, in later ones, in the one that is in memory, after a merge of them, and after a restart."""
    source = random.Random(SEED)
    with omendb.connect(str(tmp_path / "db"), sync="off") as database:
        table = database.create_table("t", {"id": "int64 primary key", "body": omendb.text("simple")})
        for start in range(0, 3_000, 100):
            rows = [{"id": key, "body": " ".join(source.choices("abcdefghij", k=source.randint(1, 30)))}
                    for key in range(start, start + 99)]
            table.insert([*rows, {"id": start + 99, "body": "b a needle c a"}])
            assert len(set(table.search(text="a needle b", k=start // 100 + 1).scores.tolist())) == 1
        table.delete(list(range(0, 3_000, 7)))
        live = sum(key % 7 != 0 for key in range(99, 3_000, 100))
        before = table.search(text="a needle b", k=live)
    with omendb.connect(str(tmp_path / "db")) as database:
        after = database["t"].search(text="a needle b", k=live + 1)
        assert after.ids.tolist()[:live] == [key for key in range(99, 3_000, 100) if key % 7]
        assert set(after.scores[:live].tolist()) == set(before.scores.tolist()) and len(set(before.scores.tolist())) == 1
        assert after.scores[live] < after.scores[0]
