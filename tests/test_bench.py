"""The measurements measure: sets and truth, curves, reports, and a tiny run with OmenDB from one end to the other."""

import json
import pathlib
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from bench import (  # noqa: E402  (the folder of the measurements is no installed package)
    compare,
    contenders,
    datasets,
    report,
    sets,
    worker,
)

PEERS_TESTED = ["hnswlib", "faiss-hnsw-sq8", "faiss-ivfpq", "usearch-i8", "svs-lvq8", "glass", "zvec-sq8", "zvec-keys"]


def point(recall, cpu_qps, beam=0):
    return {"beam": beam, "recall": recall, "qps": cpu_qps, "cpu_qps": cpu_qps, "p50_us": 1e6 / cpu_qps, "p99_us": 1.0}


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


def test_vectors_like_those_of_texts_have_length_one_and_come_from_their_seed():
    one, same, other = (datasets.text_like(300, seed=seed, query_count=5, dims=64) for seed in (3, 3, 4))
    assert np.array_equal(one.base, same.base) and not np.array_equal(one.base, other.base)
    assert one.base.dtype == np.float32 and np.allclose(np.linalg.norm(one.base, axis=1), 1, atol=1e-5)


def test_a_figure_at_a_recall_lies_between_its_neighbours_on_the_curve():
    curve = [point(0.8, 1000.0), point(0.9, 400.0), point(1.0, 100.0)]
    assert compare.at_recall(curve, 0.9, "qps") == pytest.approx(400)
    assert compare.at_recall(curve, 0.95, "qps") == pytest.approx(200)  # the geometric middle
    assert compare.at_recall(curve, 0.95, "p50_us") == pytest.approx(5000)
    assert compare.at_recall(curve, 0.7, "qps") == 1000
    assert compare.at_recall(curve[:2], 0.95, "qps") is None


def test_of_pairs_of_beams_only_those_count_that_no_other_beats():
    curve = [point(0.5, 900.0), point(0.9, 300.0), point(0.8, 200.0), point(0.95, 250.0), point(0.95, 100.0)]
    assert [(one["recall"], one["qps"]) for one in compare.frontier(curve)] == [(0.5, 900), (0.9, 300), (0.95, 250)]


def test_a_ratio_is_that_of_each_round_not_that_of_the_medians():
    noisy = [[point(0.96, 100.0)], [point(0.96, 10.0)], [point(0.96, 40.0)]]
    steady = [[point(0.97, 50.0)], [point(0.97, 5.0)], [point(0.97, 25.0)]]
    summary = compare.summary_of_curves(noisy, steady)
    assert summary["ratios"]["cpu_qps"]["0.95"] == 2.0 and summary["at"]["cpu_qps"]["0.95"] == 40
    assert summary["ratios"]["cpu_qps"]["0.99"] is None and summary["at"]["cpu_qps"]["0.99"] is None
    assert compare.summary_of_curves(noisy, [])["ratios"]["cpu_qps"]["0.95"] is None


def test_every_group_of_processes_has_the_reference():
    names = [f"library{at}" for at in range(7)] + [contenders.REFERENCE]
    groups = compare.groups_of(names)
    assert [len(group) for group in groups] == [6, 3] and all(group[0] == contenders.REFERENCE for group in groups)
    assert [name for group in groups for name in group[1:]] == names[:7]
    assert compare.groups_of(["one", "other"]) == [["one", "other"]]
    assert compare.groups_of([contenders.REFERENCE]) == [[contenders.REFERENCE]]


def test_the_narrowest_beam_is_found():
    class Asked:
        def ask(self, beam, **_):
            return {"recall": 0.98 if beam >= 47 else 0.5}

    assert compare.narrowest(Asked(), 0.97) == 47 and compare.narrowest(Asked(), 0.4) == sets.K


def test_a_peer_that_is_not_installed_is_left_out_with_a_line(monkeypatch, capsys):
    monkeypatch.setattr(contenders.Hnswlib, "module", "no_such_module")
    left_out = {}
    assert compare.installed(["hnswlib"], left_out) == []
    assert left_out == {"hnswlib": "hnswlib is not installed"} and "left out: hnswlib is" in capsys.readouterr().out


def test_a_contender_that_fails_while_it_is_measured_costs_nobody_else_the_run(monkeypatch):
    def measure(names, *_):
        if "bad" in names:
            raise compare.WorkerFailed("bad", "it ended with status 1 at 'open'")
        return dict.fromkeys(names, {})

    monkeypatch.setattr(compare, "measure_group", measure)
    left_out = {}
    assert list(compare.measure_those_that_can(["one", "bad", "two"], "tiny", None, 5, left_out)) == ["one", "two"]
    assert left_out == {"bad": "on tiny it ended with status 1 at 'open'"}


@pytest.mark.parametrize("name", [*PEERS_TESTED, "omendb", "omendb-rabitq1"])
def test_a_contender_that_was_stored_and_opened_again_finds_the_neighbours(name, tmp_path):
    contender = contenders.CONTENDERS[name]
    if not contender.installed():
        pytest.skip(f"{contender.kind.package} is not installed")
    data = datasets.sift_like(2_000, seed=5, query_count=20)
    for built in (True, False):
        library = contender.make(tmp_path / name, data.base.shape[1], 1)
        if built:
            library.build(library.prepare(data.base))
            library.store()
        else:
            library.open()
    search = library.searcher(10, library.beams[-4])
    found = [[int(key) for key in library.ids(search(query))] for query in data.queries]
    assert worker.recall_of(found, data.neighbors[:, :10]) >= 0.95


def test_an_unknown_set_or_library_is_refused(capsys):
    assert compare.main(["--sets", "nothing"]) == 2 and "nothing" in capsys.readouterr().err
    with pytest.raises(sets.MissingSet, match="there is no set"):
        sets.folder_of("nothing")


def test_a_tiny_run_writes_tables_and_figures(tmp_path, monkeypatch):
    pytest.importorskip("omendb")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(contenders.Omendb, "beams", [10, 80, 320])
    monkeypatch.setattr(compare, "DATABASE_ROUNDS", 1)
    options = {"sets": "tiny", "libs": "omendb,omendb-pq", "databases": "omendb", "database-set": "tiny"}
    options |= {"build-threads": "2", "out": str(tmp_path / "out")}
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    assert compare.main([*arguments, "--no-ingest"]) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    entry = results["sets"]["tiny"]["libraries"]["omendb"]
    assert entry["curve"][-1]["recall"] >= 0.99 and entry["default"]["recall"] >= 0.9
    assert entry["builds"][0]["rows"] == 2_000 and entry["open_seconds"] > 0 and entry["code_bytes_per_row"] >= 128
    database = results["databases"]["libraries"]["omendb"]
    assert database["recall"] >= 0.97 and 0 < database["p50_us"] <= database["p99_us"]
    text = (tmp_path / "out" / "results.md").read_text()
    assert "| omendb |" in text and "QPS@0.95" in text and "whole databases, tiny" in text


def test_a_peer_that_never_reaches_a_recall_is_a_dash_in_the_table():
    assert (
        report.with_ratio(None, 5.0) == "-"
        and report.with_ratio(10.0, 2.0) == "10 (2.00x)"
        and report.figure(None) == "-"
    )


def test_conditions_count_the_same_rows_as_duckdb():
    pytest.importorskip("duckdb")
    from bench import conditions

    results = conditions.main(["--rows", "3000", "--rounds", "1"])  # it compares the counts
    assert len(results) == len(conditions.CONDITIONS) and all(ratio > 0 for ratios in results.values() for ratio in ratios)


def test_updates_are_measured_and_are_there_when_the_directory_is_opened_again(tmp_path):
    from bench import update

    results = update.main(["--rows", "2000", "--dims", "8", "--rounds", "3", "--folder", str(tmp_path)])
    assert len(results["rates"]) == 3 and min(results["rates"]) > 0 and results["whole"] > 0
