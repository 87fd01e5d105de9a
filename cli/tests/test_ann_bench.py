"""omen bench ann: figures are of the rows, queries and neighbours that it says, and what does not fit is refused before the work."""

import importlib.util

import numpy as np
import pytest
from hdf5_writer import write_ann_benchmarks

from omendb_cli import ann_plot, ann_set, main, vector_files

omendb = pytest.importorskip("omendb")
RANDOM = np.random.default_rng(6)
BASE = (RANDOM.standard_normal((1_500, 4)) @ RANDOM.standard_normal((4, 12))).astype(np.float32)
QUERIES = (BASE[RANDOM.choice(1_500, 40)] + 0.01 * RANDOM.standard_normal((40, 12))).astype(np.float32)


def neighbors(base, queries, k, metric="l2"):
    if metric == "cosine":
        base, queries = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (base, queries))
    return ((base[None].astype(np.float64) - queries[:, None]) ** 2).sum(axis=2).argsort(axis=1)[:, :k]


def write_vecs(path, rows):
    kind = "<f4" if rows.dtype.kind == "f" else "<i4"
    path.write_bytes(b"".join(np.int32(len(row)).tobytes() + np.asarray(row, kind).tobytes() for row in rows))
    return path


@pytest.fixture
def base_path(tmp_path):
    return write_vecs(tmp_path / "base.fvecs", BASE)


@pytest.fixture
def query_path(tmp_path):
    return write_vecs(tmp_path / "query.fvecs", QUERIES)


def set_of(*arguments):
    return ann_set.open_set(main.build_parser().parse_args(["bench", "ann", *map(str, arguments)]))


def test_a_set_of_ann_benchmarks_brings_queries_truth_and_metric(tmp_path, omen):
    path = tmp_path / "set.hdf5"
    write_ann_benchmarks(path, BASE, QUERIES, neighbors(BASE, QUERIES, 20, "cosine"), distance="angular")
    figures = omen("bench", "ann", path, "--k", 5, "--ef", "5,200", "--dir", tmp_path / "d", "--json").json()
    assert (figures["rows"], figures["dims"], figures["metric"], figures["queries"]) == (1_500, 12, "cosine", 40)
    assert figures["query_source"] == figures["truth_source"] == "set.hdf5"
    assert [point["setting"] for point in figures["points"]] == ["default", "ef 5", "ef 200"]
    best = figures["points"][-1]
    assert best["recall_at_1"] >= 0.97 and best["recall_at_k"] >= 0.99 and best["p50_us"] <= best["p99_us"]
    for size in ("memory", "disk", "resident"):
        assert figures[f"{size}_bytes_per_row"] > 48
    assert figures["build"]["indexed_rows_per_second"] > 0 and figures["reopen_seconds"] > 0
    assert any(point["frontier"] for point in figures["points"]) and list((tmp_path / "d").iterdir()) == []


def test_truth_of_the_file_counts_only_for_its_rows_queries_and_metric(tmp_path, query_path):
    path = tmp_path / "set.hdf5"
    write_ann_benchmarks(path, BASE, QUERIES, neighbors(BASE, QUERIES, 20))
    assert set_of(path).truth_source == "set.hdf5"
    for arguments in (["--metric", "ip"], ["--limit", 1_000], ["--queries", query_path], ["--k", 21]):
        assert set_of(path, *arguments).truth_source == "exact search", arguments


def test_files_of_queries_and_truth_are_what_recall_is_measured_with(base_path, query_path, tmp_path, omen):
    right = write_vecs(tmp_path / "right.ivecs", neighbors(BASE, QUERIES, 10))
    wrong = write_vecs(tmp_path / "wrong.ivecs", neighbors(-BASE, QUERIES, 10))
    recall = {}
    for truth in (right, wrong):
        given = ["--queries", query_path, "--truth", truth, "--ef", "300"]
        recall[truth] = omen("bench", "ann", base_path, *given, "--json").json()["points"][-1]["recall_at_k"]
    assert recall[right] >= 0.99 and recall[wrong] < 0.2
    assert (
        omen("bench", "ann", base_path, "--queries", query_path, "--json").json()["points"][-1]["recall_at_k"] >= 0.99
    )


def test_held_out_queries_are_the_same_for_a_seed_and_not_in_the_base(base_path, tmp_path, omen):
    one, same, other = (set_of(base_path, "--query-count", 50, "--seed", seed) for seed in (3, 3, 4))
    assert np.array_equal(one.held_out, same.held_out) and not np.array_equal(one.held_out, other.held_out)
    batches = list(one.batches())
    keys = np.concatenate([keys for keys, _ in batches])
    assert len(keys) == one.rows == 1_450 and not np.isin(one.held_out, keys).any()
    assert np.array_equal(np.vstack([rows for _, rows in batches]), BASE[keys])
    assert np.array_equal(one.queries, BASE[one.held_out])
    figures = omen("bench", "--json", "ann", base_path, "--query-count", 50, "--db", tmp_path / "kept.omen").json()
    assert figures["query_source"] == "held out" and figures["points"][-1]["recall_at_k"] >= 0.999
    with omendb.connect(str(tmp_path / "kept.omen"), read_only=True) as opened:
        assert opened["bench"].count() == 1_450


def test_rows_that_are_just_as_near_count_as_found(tmp_path, omen):
    np.save(tmp_path / "twins.npy", np.repeat(BASE[:100], 30, axis=0))
    write_vecs(tmp_path / "q.fvecs", BASE[:20])
    truth = write_vecs(tmp_path / "t.ivecs", np.array([np.arange(30 * at + 20, 30 * at + 30) for at in range(20)]))
    given = ["--queries", tmp_path / "q.fvecs", "--truth", truth, "--ef", "400", "--json"]
    point = omen("bench", "ann", tmp_path / "twins.npy", *given).json()["points"][-1]
    assert (point["recall_at_1"], point["recall_at_k"]) == (1.0, 1.0)


def test_people_get_tables_that_fit_the_line(base_path, omen):
    ran = omen(
        "bench", "ann", base_path, "--k", 3, "--m", 8, "--ef-construction", 50, "--threads", 1, "--query-count", 20
    )
    assert ran.status == 0 and "recall@3" in ran.out and "M 8, ef_construction 50" in ran.out and "*" in ran.out
    assert all(len(line) <= 100 for line in ran.out.splitlines()[3:])


def test_every_form_of_vectors_is_measured(tmp_path):
    pixels = (BASE * 20).clip(0, 255).astype(np.uint8)
    (tmp_path / "a.bvecs").write_bytes(b"".join(np.int32(12).tobytes() + row.tobytes() for row in pixels))
    np.save(tmp_path / "a.npy", BASE.astype(np.float64))
    for name, rows in (("a.bvecs", pixels), ("a.npy", BASE)):
        data = set_of(tmp_path / name)
        assert np.array_equal(np.vstack([rows for _, rows in data.batches()]), np.delete(rows, data.held_out, axis=0))


@pytest.mark.parametrize(
    "arguments, status, complaint",
    [
        (["--k", 0], 2, "--k must be at least 1"),
        (["--ef", "10,x"], 2, "whole numbers"),
        (["--ef", "0"], 2, "at least 1"),
        (["--plot", "a.pdf"], 2, ".png and .svg"),
        (["--truth", "truth.ivecs"], 2, "name its queries"),
        (["--queries", "missing.npy"], 1, "no such file"),
        (["--queries", "narrow.npy"], 1, "queries of 3 dimensions"),
        (["--queries", "query.fvecs", "--truth", "query.fvecs"], 1, "columns of float32"),
        (["--queries", "query.fvecs", "--truth", "far.ivecs"], 1, "names row 1500"),
        (["--queries", "query.fvecs", "--truth", "few.ivecs"], 1, "neighbours of 3 queries"),
        (["--queries", "query.fvecs", "--truth", "truth.ivecs", "--k", 11], 1, "10 columns"),
        (["--limit", 9], 1, "too few to hold queries out"),
        (["--limit", 5, "--queries", "query.fvecs"], 1, "5 rows are fewer"),
        (["--storage", "clay", "--db", "made.omen"], 1, "no vector storage"),
        (["--dataset", "x"], 2, "only HDF5"),
    ],
)
def test_what_does_not_fit_is_refused(
    base_path, query_path, tmp_path, refused, monkeypatch, arguments, status, complaint
):
    monkeypatch.chdir(tmp_path)
    np.save("narrow.npy", BASE[:5, :3])
    truth = neighbors(BASE, QUERIES, 10)
    for name, rows in (("truth", truth), ("far", np.full((40, 10), 1_500)), ("few", truth[:3])):
        write_vecs(tmp_path / f"{name}.ivecs", rows)
    assert complaint in refused("bench", "ann", base_path, *arguments, status=status)
    assert not (tmp_path / "made.omen").exists()


def test_a_directory_that_has_a_bench_already_is_kept(base_path, tmp_path, refused, omen):
    assert omen("bench", "ann", base_path, "--db", tmp_path / "kept.omen", "--ef", 10, "--json").status == 0
    assert "has a table 'bench' already" in refused("bench", "ann", base_path, "--db", tmp_path / "kept.omen")


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_plot_is_drawn_where_matplotlib_is(base_path, tmp_path, omen, refused, ending):
    path = tmp_path / f"a.{ending}"
    if importlib.util.find_spec("matplotlib") is None:
        assert "pip install matplotlib" in refused("bench", "ann", base_path, "--plot", path)
        pytest.skip("matplotlib is not installed (bench/requirements.txt has it)")
    assert omen("bench", "ann", base_path, "--ef", "10,100", "--plot", path).status == 0
    assert path.read_bytes()[:4] in (b"\x89PNG", b"<?xm")
    assert "there is no folder" in refused("bench", "ann", base_path, "--plot", tmp_path / "none" / path.name)


def test_a_missing_matplotlib_is_said_before_the_work(base_path, tmp_path, refused, monkeypatch):
    monkeypatch.setattr(ann_plot.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(vector_files, "map_vectors", None)
    assert "pip install matplotlib" in refused("bench", "ann", base_path, "--plot", tmp_path / "a.png")
