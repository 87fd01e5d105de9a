"""HDF5 in: the sets of ann-benchmarks come in as they were written, and a file that means harm is refused in one line."""

import numpy as np
import pytest
from hdf5_writer import Writer, write_ann_benchmarks, write_link

from omendb_cli import hdf5_files, sources, vector_files
from omendb_cli.failure import Failure, Usage

ROWS = np.random.default_rng(3).standard_normal((1_000, 16)).astype(np.float32)


@pytest.fixture
def ann_path(tmp_path):
    path = tmp_path / "set.hdf5"
    write_ann_benchmarks(path, ROWS, ROWS[:7], np.arange(70).reshape(7, 10), distance="angular", chunk=(128, 5))
    return path


def refusal(path, name=None):
    with pytest.raises(Failure) as raised:
        vector_files.map_vectors(str(path), name)
    text = str(raised.value)
    assert text.startswith(str(path)) and len(text.splitlines()) == 1
    return text


def test_chunked_and_compressed_rows_come_back_slice_by_slice(ann_path):
    values = vector_files.map_vectors(str(ann_path))
    assert values.shape == (1_000, 16) and values.dtype == np.float32 and values.metric == "cosine"
    assert np.array_equal(values[:], ROWS) and np.array_equal(values[127:385], ROWS[127:385])
    assert values[990:2_000].shape == (10, 16) and values[5:5].shape == (0, 16)
    assert np.array_equal(hdf5_files.open_dataset(str(ann_path), "neighbors", "train")[:], np.arange(70).reshape(7, 10))


@pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int64", "uint8", ">f4"])
def test_every_type_of_number_keeps_its_values(tmp_path, kind):
    rows = (10 * ROWS[:50]).clip(0, 100).astype(kind)
    with Writer(tmp_path / "a.h5") as writer:
        writer.dataset("train", rows)
    values = vector_files.map_vectors(str(tmp_path / "a.h5"))
    assert np.array_equal(values[:], rows) and values.dtype == rows.dtype.newbyteorder("=")


@pytest.mark.parametrize("varies", [True, False])
@pytest.mark.parametrize(
    "written, metric", [("Euclidean", "l2"), ("angular", "cosine"), ("dot", "ip"), ("hamming", "hamming")]
)
def test_the_distance_of_the_file_is_our_metric(tmp_path, varies, written, metric):
    with Writer(tmp_path / "a.hdf5") as writer:
        writer.text("distance", written, varies)
    assert hdf5_files.Hdf5File(str(tmp_path / "a.hdf5")).metric() == metric


def test_import_takes_metric_and_rows_from_the_file(ann_path, tmp_path, omen):
    report = omen("import", "v", ann_path, "--db", tmp_path / "a.omen", "--chunk-rows", 333, "--json").json()
    assert report["rows"] == 1_000 and report["columns"] == {"id": "int64", "v": "vector(16)"}
    assert "vector(16), cosine" in omen("import", "w", ann_path, "--db", tmp_path / "a.omen", "--vector", "e").out
    assert "vector(16), ip" in omen("import", "x", ann_path, "--db", tmp_path / "a.omen", "--metric", "ip").out
    report = omen("import", "q", ann_path, "--db", tmp_path / "a.omen", "--dataset", "test", "--json").json()
    assert report["rows"] == 7
    answers = omen("search", tmp_path / "a.omen", "v", "--vector-file", ann_path, "-k", 1, "--json").json()["queries"]
    assert [rows[0]["key"] for rows in answers] == list(range(7))


def test_wrong_words_about_an_hdf5_file_are_refused(ann_path, tmp_path, refused):
    into = ["--db", tmp_path / "a.omen"]
    assert "16 dimensions, not 17" in refused("import", "v", ann_path, *into, "--dims", 17)
    assert "no dataset 'base'; it holds distance" not in refused("import", "v", ann_path, *into, "--dataset", "base")
    assert "it holds neighbors, test, train" in refused("import", "v", ann_path, *into, "--dataset", "base")
    write_ann_benchmarks(tmp_path / "bits.hdf5", ROWS, ROWS, distance="hamming")
    assert '"hamming", which no table has; choose --metric' in refused("import", "v", tmp_path / "bits.hdf5", *into)
    np.save(tmp_path / "a.npy", ROWS)
    assert "only HDF5" in refused("import", "v", tmp_path / "a.npy", *into, "--dataset", "x", status=2)
    (tmp_path / "a.csv").write_text("id\n1\n")
    assert "--dataset is for HDF5" in refused("import", "v", tmp_path / "a.csv", *into, "--dataset", "x", status=2)
    assert not (tmp_path / "a.omen").exists()


def test_a_file_without_libhdf5_says_which_package_to_install(ann_path, monkeypatch):
    monkeypatch.setattr(hdf5_files, "library_path", lambda: None)
    assert "apt-get install libhdf5-dev" in refusal(ann_path)


@pytest.mark.parametrize(
    "shape, chunk, complaint",
    [
        ((10**12, 128), None, "never written"),
        ((10**12, 128), (100, 128), "never written"),
        ((10,), None, "has 1 axes"),
        ((10, 10, 2), None, "has 3 axes"),
        ((10, 0), None, "0 dimensions, possible are"),
        ((10, 9_000), None, "promises 360,000 bytes"),
    ],
)
def test_a_shape_that_is_none_of_vectors_is_refused(tmp_path, shape, chunk, complaint):
    with Writer(tmp_path / "a.hdf5") as writer:
        writer.dataset("train", None, shape=shape, chunk=chunk)
    assert complaint in refusal(tmp_path / "a.hdf5")


def test_a_chunk_that_would_fill_the_memory_is_refused(tmp_path):
    with Writer(tmp_path / "a.hdf5") as writer:
        writer.dataset("train", ROWS, chunk=(1_000, 16), packed=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hdf5_files, "CHUNK_BYTES_MAX", 1 << 10)
        assert "chunks of" in refusal(tmp_path / "a.hdf5")


def test_numbers_in_another_file_are_not_read(tmp_path):
    write_ann_benchmarks(tmp_path / "other.hdf5", ROWS, ROWS)
    with Writer(tmp_path / "a.hdf5") as writer:
        writer.dataset("stored", ROWS, outside=tmp_path / "raw")
    write_link(tmp_path / "b.hdf5", "linked", tmp_path / "other.hdf5")
    assert "a link into another file" in refusal(tmp_path / "b.hdf5", "linked")
    assert "keeps its numbers in another file" in refusal(tmp_path / "a.hdf5", "stored")


def test_an_attribute_that_is_no_text_is_refused(tmp_path):
    with Writer(tmp_path / "a.hdf5") as writer:
        writer.dataset("train", ROWS)
        writer.number("distance", 1.5)
    source = sources.open_source(str(tmp_path / "a.hdf5"))
    with pytest.raises(Failure, match="'distance' is not one short text"):
        source.guess(next(source.chunks()))


def test_cut_and_scribbled_files_are_refused_or_read_but_never_hang(ann_path, tmp_path):
    data, random = ann_path.read_bytes(), np.random.default_rng(9)
    for step in range(24):
        damaged = bytearray(data)
        if step % 3 == 0:
            damaged = damaged[: random.integers(len(data))]
        for _ in range(8):
            damaged[random.integers(max(1, min(len(damaged), 3_000)))] = random.integers(256)
        path = tmp_path / f"{step}.hdf5"
        path.write_bytes(damaged)
        try:
            assert vector_files.map_vectors(str(path))[:].ndim == 2, step
        except Failure as failure:
            assert len(str(failure).splitlines()) == 1


@pytest.mark.parametrize("ending, complaint", [("crash", "crashes"), ("hang", "comes to no end")])
def test_a_file_that_kills_or_holds_libhdf5_is_refused(ann_path, monkeypatch, tmp_path, ending, complaint):
    program = "import os, time; os.abort()" if ending == "crash" else "import time; time.sleep(60)"
    (tmp_path / "python").write_text(f"#!/bin/sh\nexec python3 -c '{program}'\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(hdf5_files.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(hdf5_files, "REHEARSAL_SECONDS_MAX", 1)
    assert complaint in refusal(ann_path)


def test_more_than_one_set_needs_the_name_only_where_there_is_no_train(tmp_path):
    with Writer(tmp_path / "one.hdf5") as writer:
        writer.dataset("emb", ROWS)
    assert np.array_equal(vector_files.map_vectors(str(tmp_path / "one.hdf5"))[:], ROWS)
    with Writer(tmp_path / "two.hdf5") as writer:
        writer.dataset("a", ROWS)
        writer.dataset("b", ROWS)
    assert "it holds a, b (--dataset names one)" in refusal(tmp_path / "two.hdf5")
    with pytest.raises(Usage, match="only HDF5"):
        vector_files.map_vectors(__file__, "a")
