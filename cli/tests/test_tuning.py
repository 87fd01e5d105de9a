"""omen tune, search --recall and what stats say of a graph."""

import importlib.util

import numpy as np
import omendb
import pytest

from omendb_cli import ann_plot, tuning

DIMS = 16


def clustered(count, seed):
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(3).standard_normal((30, DIMS))
    return (centres[random.integers(0, 30, count)] + 0.5 * random.standard_normal((count, DIMS))).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tables `large` (a graph), `small` (none), `empty`, and `two` with two vector columns."""
    path = tmp_path_factory.mktemp("tune") / "t.omen"
    with omendb.connect(str(path)) as opened:
        schema = {"id": "int64 primary key", "v": omendb.vector(DIMS)}
        large = opened.create_table("large", schema)
        large.insert({"id": np.arange(3000), "v": clustered(3000, 1)})
        opened.create_table("small", schema).insert({"id": np.arange(60), "v": clustered(60, 1)})
        opened.create_table("empty", schema)
        opened.create_table("two", {**schema, "w": omendb.vector(2)}).insert({"id": [1], "v": clustered(1, 1)})
        large._wait_for_index()
    return path


def test_the_frontier_and_what_to_set(folder, omen):
    figures = omen("tune", folder, "large", "--query-count", 100, "--json").json()
    points = figures["points"]
    assert [point["ef"] for point in points] == sorted(point["ef"] for point in points) and points[0]["ef"] == 10
    assert points[-1]["recall_at_k"] >= 0.99 and points[-1]["recall_at_k"] >= points[0]["recall_at_k"]
    assert all(point["queries_per_second"] > 0 and point["p50_us"] <= point["p99_us"] for point in points)
    assert figures["recommended"]["0.95"]["recall_at_k"] >= 0.95 and not figures["flat"]
    assert figures["index"]["ef"]["0.95"] >= 10 and figures["queries"] == 100
    assert figures["memory"]["vector_bytes_in_file"] == 4 * DIMS
    assert {line["storage"] for line in figures["memory"]["estimates"]} == set(tuning.STORAGES_SHOWN)
    ran = omen("tune", folder, "large", "--query-count", 50, "--ef", "10,40")
    assert ran.status == 0 and "recall@10" in ran.out and "recommendation" in ran.out and "m=16 (now)" in ran.out
    assert "as if it were not there" in ran.out


@pytest.fixture(scope="module")
def codeless(tmp_path_factory):
    """Tables whose graphs have no codes: `bits` and `absolute`, by the metric l1."""
    path = tmp_path_factory.mktemp("codeless") / "c.omen"
    random = np.random.default_rng(4)
    centres = random.integers(0, 256, (30, 16), np.uint8)
    flips = np.bitwise_and.reduce(random.integers(0, 256, (3, 2500, 16), np.uint8))
    with omendb.connect(str(path)) as opened:
        bits = opened.create_table("bits", {"id": "int64 primary key", "b": omendb.bits(125)})
        mask = np.array([0xFF] * 15 + [0xF8], np.uint8)  # 125 bits
        bits.insert({"id": np.arange(2500), "b": (centres[np.arange(2500) % 30] ^ flips) & mask})
        absolute = opened.create_table(
            "absolute", {"id": "int64 primary key", "v": omendb.vector(DIMS, metric="l1")}
        )
        absolute.insert({"id": np.arange(2500), "v": clustered(2500, 1)})
        for table in (bits, absolute):
            table._wait_for_index()
    return path


@pytest.mark.parametrize(("name", "storage", "bytes_in_file"), [("bits", "bits", 16), ("absolute", "f32", 4 * DIMS)])
def test_tables_without_codes_are_tuned_too(codeless, omen, name, storage, bytes_in_file):
    figures = omen("tune", codeless, name, "--query-count", 100, "--json").json()
    assert figures["points"][-1]["recall_at_k"] >= 0.99 and figures["recommended"]["0.95"]
    assert figures["index"]["storage"] == storage and figures["index"]["code_bytes"] == 0
    assert figures["memory"]["vector_bytes_in_file"] == bytes_in_file
    assert {line["storage"] for line in figures["memory"]["estimates"]} == {storage}
    assert not any("sq8" in line for line in figures["advice"])
    assert "recommendation" in omen("tune", codeless, name, "--query-count", 50, "--ef", "10,40").out
    assert f"no codes ({'bits' if name == 'bits' else 'full vectors'} are compared)" in omen("stats", codeless).out


def test_queries_of_bits_come_from_a_file(codeless, omen, tmp_path, refused):
    np.save(tmp_path / "q.npy", np.random.default_rng(5).random((40, 125)) < 0.5)
    figures = omen("tune", codeless, "bits", "--queries", tmp_path / "q.npy", "--json").json()
    assert figures["queries"] == 40 and figures["points"][-1]["recall_at_k"] >= 0.9
    np.save(tmp_path / "wide.npy", np.zeros((3, 17), np.uint8))
    assert "125 bools or of 16 packed bytes" in refused("tune", codeless, "bits", "--queries", tmp_path / "wide.npy")


def test_the_estimate_of_memory_is_what_the_table_takes(folder):
    with omendb.connect(str(folder), read_only=True) as opened:
        index = opened["large"].stats()["indexes"]["v"]
    held = tuning.memory(index)
    by_setting = {(line["storage"], line["m"]): line["bytes_per_row"] for line in held["estimates"]}
    rows = 16_384  # memory comes in chunks of so many rows
    assert by_setting["sq8", 16] >= tuning.link_bytes(16) + DIMS - 1
    assert index["link_bytes"] <= 1.5 * rows * tuning.link_bytes(16)


def test_queries_of_a_file(folder, omen, tmp_path, refused):
    np.save(tmp_path / "q.npy", clustered(80, 2))
    figures = omen("tune", folder, "large", "--queries", tmp_path / "q.npy", "--k", 5, "--json").json()
    assert figures["query_source"].endswith("q.npy") and figures["queries"] == 80 and figures["k"] == 5
    assert figures["points"][-1]["recall_at_k"] >= 0.99
    np.save(tmp_path / "far.npy", np.full((20, DIMS), 40, np.float32))
    assert omen("tune", folder, "large", "--queries", tmp_path / "far.npy").status == 0
    np.save(tmp_path / "wide.npy", np.zeros((3, DIMS + 1), np.float32))
    assert "queries of 17 dimensions" in refused("tune", folder, "large", "--queries", tmp_path / "wide.npy")


def test_rows_that_wait_are_linked_first_where_that_is_asked_for(tmp_path, omen):
    with omendb.connect(str(tmp_path / "w.omen")) as opened:
        table = opened.create_table("t", {"id": "int64 primary key", "v": omendb.vector(DIMS)})
        table.insert({"id": np.arange(2000), "v": clustered(2000, 1)})
    figures = omen("tune", tmp_path / "w.omen", "t", "--wait", "--query-count", 50, "--json").json()
    assert figures["tail_rows"] == 0 and figures["index"]["linked_rows"] == 2000
    assert figures["index"]["calibrated_rows"] >= 1600 and figures["recommended"]["0.95"]


def test_small_tables_stay_flat(folder, omen, refused):
    figures = omen("tune", folder, "small", "--json").json()
    assert figures["flat"] and figures["points"] == [] and "stay flat" in figures["advice"][0]
    assert "stay flat" in omen("tune", folder, "small").out
    assert "nothing to measure" in refused("tune", folder, "empty")


def test_wrong_command_lines_say_the_way_out(folder, refused, tmp_path):
    assert "no table 'other'" in refused("tune", folder, "other")
    assert "several vector columns" in refused("tune", folder, "two", status=2)
    assert "--k must be" in refused("tune", folder, "large", "--k", 0, status=2)
    assert "--query-count must be" in refused("tune", folder, "large", "--query-count", 0, status=2)
    assert "--ef 10,x" in refused("tune", folder, "large", "--ef", "10,x", status=2)
    assert "png and .svg" in refused("tune", folder, "large", "--plot", tmp_path / "plot.gif", status=2)


def test_a_plot_where_matplotlib_is_and_a_word_where_it_is_not(folder, omen, refused, tmp_path, monkeypatch):
    if importlib.util.find_spec("matplotlib"):
        plotted = omen("tune", folder, "large", "--query-count", 50, "--ef", "10,40", "--plot", tmp_path / "p.svg")
        assert plotted.status == 0 and (tmp_path / "p.svg").read_text().count("recall@10")
    monkeypatch.setattr(ann_plot.importlib.util, "find_spec", lambda name: None)
    assert "pip install matplotlib" in refused("tune", folder, "large", "--plot", tmp_path / "q.svg")


def test_advice_follows_from_the_figures():
    def figures(points, **index):
        known = {"storage": "sq8", "metric": "l2", "dims": 16, "m": 16, "calibrated_rows": 5000, "ef": {0.95: 20}, **index}
        return {
            "flat": False,
            "k": 10,
            "tail_rows": 0,
            "rows": 1000,
            "index": known,
            "points": points,
            "recommended": tuning.recommended(points),
            "exact": {"queries_per_second": 10},
            "query_source": tuning.OWN_ROWS,
        }

    def point(ef, recall):
        return {"ef": ef, "recall_at_k": recall, "queries_per_second": 1000}

    fine = [point(10, 0.91), point(20, 0.96), point(40, 0.995)]
    assert tuning.advice(figures(fine)) == []
    assert "m=32" in tuning.advice(figures([point(10, 0.8), point(40, 0.96)]))[0]
    assert "m=8" in tuning.advice(figures([point(10, 0.995)]))[0]
    assert "sq8" in tuning.advice(figures(fine, storage="f32"))[0]
    assert "not measured" in tuning.advice(figures(fine, calibrated_rows=0))[0]
    assert "no beam reaches" in tuning.advice(figures([point(10, 0.2)]))[0]
    assert "harder" in tuning.advice({**figures([point(10, 0.5), point(20, 0.9), point(90, 0.99)]), "query_source": "q"})[0]
    waiting = {**figures(fine, storage="f32"), "tail_rows": 70, "rows": 100}
    assert len(tuning.advice(waiting)) == 1 and "--wait" in tuning.advice(waiting)[0]
    assert len(tuning.advice({**waiting, "rows": 7000})) == 2
    assert "exact=True" in tuning.advice({**figures(fine), "exact": {"queries_per_second": 5000}})[0]


def test_search_takes_a_recall(folder, omen, refused):
    given = ["search", folder, "large", "--like", 7, "-k", 5, "--json"]
    exact = omen(*given, "--exact").json()["queries"]
    assert omen(*given, "--recall", 1).json()["queries"] == exact
    assert len(omen(*given, "--recall", 0.9).json()["queries"][0]) == 5
    for recall in (0, 1.5, "nan"):
        assert "--recall must be above 0" in refused(*given[:-1], "--recall", recall, status=2)


def test_stats_say_what_the_graph_is_like(folder, omen):
    printed = omen("stats", folder).out
    assert "links a row" in printed and "expected recall@10 0.9" in printed and "for recall 0.9: ef " in printed
    index = omen("stats", folder, "--json").json()["tables"]["large"]["indexes"]["v"]
    assert index["calibrated_rows"] >= 2400 and set(index["ef"]) == {"0.9", "0.95", "0.99"}
