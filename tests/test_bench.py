"""The measurements measure: sets and truth, curves, reports, and a tiny run with OmenDB from one end to the other."""

import json
import pathlib
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from bench import (
    compare,
    datasets,
    report,
    sets,
)  # noqa: E402  (the folder of the measurements is no installed package)


def test_exact_neighbours_are_those_of_comparing_everything():
    base, queries = np.random.default_rng(1).random((300, 7), dtype=np.float32), np.random.default_rng(2).random(
        (9, 7), dtype=np.float32
    )
    naive = ((base[None].astype(np.float64) - queries[:, None]) ** 2).sum(axis=2).argsort(axis=1)[:, :12]
    assert np.array_equal(datasets.exact_neighbors(base, queries, 12), naive)


def test_the_seeded_set_is_the_same_for_the_same_seed():
    one, same, other = (datasets.sift_like(2_000, seed=seed, query_count=5) for seed in (3, 3, 4))
    assert (
        np.array_equal(one.base, same.base)
        and np.array_equal(one.queries, same.queries)
        and not np.array_equal(one.base, other.base)
    )
    assert one.base.min() >= 0 and one.base.max() <= 255 and np.array_equal(one.base, np.rint(one.base))


def test_a_figure_at_a_recall_lies_between_its_neighbours_on_the_curve():
    curve = [{"recall": 0.8, "qps": 1000.0}, {"recall": 0.9, "qps": 400.0}, {"recall": 1.0, "qps": 100.0}]
    assert compare.at_recall(curve, 0.9, "qps") == pytest.approx(400)
    assert compare.at_recall(curve, 0.95, "qps") == pytest.approx(200)  # the geometric middle
    assert compare.at_recall(curve, 0.7, "qps") == 1000
    assert compare.at_recall(curve[:2], 0.95, "qps") is None
    assert compare.beam_for([{"recall": 0.9, "ef": 10}, {"recall": 0.97, "ef": 20}], 0.95) == 20


def test_an_unknown_set_or_library_is_refused(capsys):
    assert compare.main(["--sets", "nothing"]) == 2 and "nothing" in capsys.readouterr().err
    with pytest.raises(sets.MissingSet, match="there is no set"):
        sets.folder_of("nothing")


def test_a_tiny_run_writes_tables_and_figures(tmp_path, monkeypatch):
    pytest.importorskip("omendb")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(compare, "BEAMS", [10, 80, 320])
    monkeypatch.setattr(compare, "CALLS", 50)
    assert (
        compare.main(
            [
                "--sets",
                "tiny",
                "--libs",
                "omendb",
                "--build-threads",
                "2",
                "--no-ingest",
                "--out",
                str(tmp_path / "out"),
            ]
        )
        == 0
    )
    entry = json.loads((tmp_path / "out" / "results.json").read_text())["sets"]["tiny"]["libraries"]["omendb"]
    assert entry["curve"][-1]["recall"] >= 0.99 and entry["default"]["recall"] >= 0.95
    assert entry["builds"][0]["rows"] == 2_000 and entry["open_seconds"] > 0
    text = (tmp_path / "out" / "results.md").read_text()
    assert "| omendb |" in text and "QPS@0.95" in text


def test_a_peer_that_never_reaches_a_recall_is_a_dash_in_the_table():
    assert (
        report.with_ratio(None, 5.0) == "-"
        and report.with_ratio(10.0, 5.0) == "10 (2.00x)"
        and report.figure(None) == "-"
    )
