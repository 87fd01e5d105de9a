"""bench.text measures: documents and queries from a seed, ratios round by round, nDCG, and a tiny run from one end to the other."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from bench import hybrid, text, text_documents, text_engines  # noqa: E402  (the folder of the measurements is no installed package)

DOCUMENTS = ["a pelican is a bird", "pelicans fish", "a bird fishes for a fish", "stones"]


def test_documents_are_the_same_for_the_same_seed_and_about_eighty_words_long():
    (one, origin), (same, _), (other, _) = (text_documents.make(200, seed=seed) for seed in (3, 3, 4))
    assert one == same and one != other and origin
    shape = text_documents.shape(one)
    assert 70 < shape["words_per_document"] < 90 and shape["documents"] == 200
    assert [words for words, _ in shape["growth"]] == sorted(words for words, _ in shape["growth"])


def test_a_made_up_word_is_that_of_its_rank():
    made = [text_documents.made_up_word(rank) for rank in range(1, 5_000)]
    assert len(set(made)) == len(made) and all(text_documents.ANY_WORD.fullmatch(word) for word in made)


def test_queries_are_two_to_four_words_that_stand_in_one_document():
    documents = text_documents.make(300, seed=3)[0]
    words_of = [set(text_documents.words_of(document)) for document in documents]
    asked = text_documents.queries(documents, 40)
    assert len(asked) == 40 and asked == text_documents.queries(documents, 40)
    assert all(2 <= len(query.split()) <= 4 and any(set(query.split()) <= words for words in words_of) for query in asked)


def test_a_ratio_is_that_of_each_round():
    ours, theirs = ([{"p50_us": value} for value in values] for values in ((10, 100, 40), (20, 200, 10)))
    assert text.ratios(ours, theirs) == {"p50_us": 0.5}
    assert text.ratios(ours, [{"p50_us": 0}] * 3) == {}


def test_ndcg_is_one_for_the_best_order_and_less_for_others():
    assert hybrid.ndcg(["a", "b"], {"a": 2, "b": 1}) == pytest.approx(1)
    assert hybrid.ndcg(["b", "a"], {"a": 2, "b": 1}) == pytest.approx((1 + 2 / 1.584962500721156) / (2 + 1 / 1.584962500721156))
    assert hybrid.ndcg(["c"], {"a": 1}) == 0


def test_a_gain_lies_between_what_drawing_again_gives():
    low, mean, high = hybrid.gain([1.0] * 30 + [0.5] * 10, [0.5] * 40)
    assert 0.3 < low < mean < high < 0.46 and mean == pytest.approx(0.375)
    assert hybrid.gain([0.25] * 8, [0.5] * 8) == [-0.25] * 3


def test_bars_say_which_are_missed():
    kept, missed = ({"hybrid": {"fused_over_sum": ratio, "filtered_fused_over_sum": 1.0}} for ratio in (1.2, 1.4))
    assert [row[-1] for row in text.bars(kept)[1]] == ["kept", "kept"]
    assert [row[-1] for row in text.bars(missed)[1]] == ["MISSED", "kept"]


@pytest.mark.parametrize("name", list(text_engines.ENGINES))
def test_an_engine_that_was_built_and_opened_again_finds_what_has_any_of_the_words(name, tmp_path):
    pytest.importorskip("omendb")
    if not text_engines.ENGINES[name].installed():
        pytest.skip(f"{text_engines.ENGINES[name].package} is not installed")
    engine = text_engines.ENGINES[name](tmp_path)
    engine.build(engine.prepare(DOCUMENTS))
    engine.finish()
    opened = text_engines.ENGINES[name](tmp_path)
    opened.open()
    assert opened.index_bytes() > 0 or name == "omendb-no-index"
    if name != "omendb-no-index":
        assert sorted(opened.ids(opened.search("pelican stone"))) == [0, 1, 3]


def test_the_peer_leaves_out_the_words_that_omendb_leaves_out():
    pytest.importorskip("omendb")
    assert {"the", "a", "of"} <= set(text_engines.stop_words()) and "after" not in text_engines.stop_words()


def test_an_unknown_part_is_refused(capsys):
    assert text.main(["--only", "nothing"]) == 2 and "nothing" in capsys.readouterr().err


def test_a_quick_run_writes_every_figure(tmp_path, monkeypatch, capsys):
    pytest.importorskip("omendb")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tiny = {"documents": 400, "queries": 20, "rounds": 1, "hybrid_queries": 5, "burst_rows": 1_000}
    monkeypatch.setattr(text, "QUICK", tiny)
    monkeypatch.setattr(hybrid, "COLLECTIONS", {"cranfield": "ir_cranfield"})
    assert text.main(["--quick", "--out", str(tmp_path / "out")]) == 0
    results = json.loads((tmp_path / "out" / "text.json").read_text())
    ours = results["index"]["engines"]["omendb"]
    assert ours["documents_per_cpu_second"] > 0 and ours["index_bytes_per_document"] > 0
    assert 0 < results["search"]["engines"]["omendb"]["p50_us"] <= results["search"]["engines"]["omendb"]["p99_us"]
    assert results["burst"]["searchable_at_once"] and results["burst"]["rows_per_second"] > 0
    assert all(0 < entry[fused] <= 1 for entry in results["quality"].values() for fused in (hybrid.DEFAULT, "rrf", "tuned"))
    shown = capsys.readouterr().out
    assert "docs/CPU s" in shown and "rows a second, durable" in shown
