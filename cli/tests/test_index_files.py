"""Indexes of hnswlib and faiss in: bytes written here, so that the readers are tested everywhere, and the libraries' where they are."""

import struct

import numpy as np
import pytest

from omendb_cli import index_files
from omendb_cli.failure import Failure

omendb = pytest.importorskip("omendb")
ROWS = np.random.default_rng(4).standard_normal((60, 8)).astype(np.float32)
LABELS = np.arange(60) * 7 + 3
PEERS = "is not installed (bench/requirements.txt has it)"


def hnswlib_bytes(rows=ROWS, labels=LABELS, deleted=(), links=4, count_max=100):
    dims = rows.shape[1]
    vector_at, label_at = 4 + 8 * links, 4 + 8 * links + 4 * dims
    header = struct.pack("<6QiI3QdQ", 0, count_max, len(rows), label_at + 8, label_at, vector_at,
                         1, 0, links, 2 * links, links, 0.7, 200)  # fmt: skip
    elements = b"".join(
        struct.pack("<HBB", 2, at in deleted, 0) + bytes(8 * links) + row.tobytes() + struct.pack("<Q", label)
        for at, (row, label) in enumerate(zip(rows, labels))
    )
    upper = b"".join(struct.pack("<I", 12) + bytes(12) if at == 1 else bytes(4) for at in range(len(rows)))
    return header + elements + upper


def faiss_header(code, rows=ROWS, metric=1, count=None):
    extra = struct.pack("<f", 0) if metric > 1 else b""
    count = len(rows) if count is None else count
    return code + struct.pack("<iqqq?i", rows.shape[1], count, 1 << 20, 1 << 20, True, metric) + extra


def sized(values, kind):
    values = np.asarray(values, kind)
    return struct.pack("<Q", values.size) + values.tobytes()


def flat(rows=ROWS, metric=1):
    code = {0: b"IxFI", 1: b"IxF2"}.get(metric, b"IxFl")
    return faiss_header(code, rows, metric) + sized(rows, "<f4")


def graph(storage, rows=ROWS, metric=1):
    parts = [
        ([0.9, 0.1], "<f8"),
        ([0, 8, 12], "<i4"),
        ([1] * len(rows), "<i4"),
        (range(len(rows) + 1), "<u8"),
        ([-1] * 9, "<i4"),
    ]
    return (
        faiss_header(b"IHNf", rows, metric)
        + b"".join(sized(*part) for part in parts)
        + struct.pack("<5i", 0, 0, 40, 16, 1)
        + storage
    )


def mapped(inner, rows=ROWS, code=b"IxM2", labels=LABELS, metric=1):
    return faiss_header(code, rows, metric) + inner + sized(labels, "<i8")


def write(path, data):
    path.write_bytes(data)
    return path


def imported(path, tmp_path, omen, *options):
    """{key: vector} of a table that the file was imported to, and what the command said of it."""
    report = omen("import", "t", path, "--db", tmp_path / "t.omen", "--chunk-rows", 7, "--json", *options).json()
    with omendb.connect(str(tmp_path / "t.omen"), read_only=True) as opened:
        table = opened["t"].scan().read_all()
    names = table.schema.names
    metric = table.schema.field(names[1]).metadata[b"omendb.metric"].decode()
    rows = dict(zip(table[names[0]].to_pylist(), np.array(table[names[1]].to_pylist(), np.float32)))
    assert report["rows"] == len(rows)
    return rows, names, metric


def assert_same(found, labels, rows):
    assert sorted(found) == sorted(labels.tolist())
    assert all(np.array_equal(found[label], row) for label, row in zip(labels.tolist(), rows))


def test_labels_of_hnswlib_become_keys_and_deleted_rows_stay_out(tmp_path, omen):
    path = write(tmp_path / "a.hnsw", hnswlib_bytes(deleted=(0, 8, 59)))
    found, names, metric = imported(path, tmp_path, omen, "--metric", "cosine", "--dims", 8)
    alive = np.setdiff1d(np.arange(60), [0, 8, 59])
    assert_same(found, LABELS[alive], ROWS[alive])
    assert names == ["id", "v"] and metric == "cosine"


@pytest.mark.parametrize(
    "data, labels, metric",
    [
        (flat(), np.arange(60), "l2"),
        (flat(metric=0), np.arange(60), "ip"),
        (flat(metric=2), np.arange(60), "l1"),
        (graph(flat()), np.arange(60), "l2"),
        (graph(flat(metric=0), metric=0), np.arange(60), "ip"),
        (mapped(flat()), LABELS, "l2"),
        (mapped(graph(flat(metric=0), metric=0), code=b"IxMp", metric=0), LABELS, "ip"),
        (mapped(flat(), labels=LABELS - 200), LABELS - 200, "l2"),
    ],
)
def test_vectors_ids_and_metric_of_faiss_are_taken_over(tmp_path, omen, data, labels, metric):
    found, _, taken = imported(write(tmp_path / "a.faiss", data), tmp_path, omen)
    assert_same(found, labels, ROWS)
    assert taken == metric


def test_columns_take_the_names_that_the_command_or_the_table_has(tmp_path, omen, refused):
    path = write(tmp_path / "a.hnsw", hnswlib_bytes())
    _, names, _ = imported(path, tmp_path, omen, "--key", "item", "--vector", "embedding")
    assert names == ["item", "embedding"]
    more = write(tmp_path / "b.faiss", mapped(flat(), labels=LABELS + 1_000))
    assert omen("import", "t", more, "--db", tmp_path / "t.omen", "--json").json()["rows_in_table"] == 120
    assert "key 3" in refused("import", "t", path, "--db", tmp_path / "t.omen")
    texts = omen("import", "u", path, "--db", tmp_path / "t.omen", "--type", "id=string", "--limit", 5, "--json").json()
    assert texts["columns"] == {"id": "string", "v": "vector(8)"} and texts["rows"] == 5


@pytest.mark.parametrize(
    "name, data, complaint",
    [
        ("a.hnsw", b"", "too few"),
        ("a.hnsw", hnswlib_bytes()[:95], "too few"),
        ("a.hnsw", hnswlib_bytes()[:-400], "truncated"),
        ("a.hnsw", bytes(200), "dimensions, possible are|does not add up"),
        ("a.hnsw", b"\xff" * 200, "does not add up"),
        ("a.hnsw", hnswlib_bytes(count_max=59), "does not add up"),
        ("a.hnsw", hnswlib_bytes()[:16] + b"\xff" * 8 + hnswlib_bytes()[24:], "does not add up"),
        ("a.hnsw", hnswlib_bytes(labels=[2**63] * 60), "row 0 has the label 9223372036854775808"),
        ("a.hnsw", hnswlib_bytes(deleted=range(60)), "no rows"),
        ("a.hnsw", hnswlib_bytes(rows=np.full((60, 8), np.nan, np.float32)), "NaN"),
        ("a.faiss", b"", "too few"),
        ("a.faiss", flat()[:-1], "ends 1 bytes too early"),
        ("a.faiss", flat() + b"x", "1 bytes behind the index"),
        ("a.faiss", faiss_header(b"IwFl") + bytes(99), "of kind 'IwFl' is not read; read are IndexFlat"),
        ("a.faiss", graph(faiss_header(b"IxSQ")), "'IxSQ' inside IHNf"),
        ("a.faiss", mapped(faiss_header(b"IxPq")), "'IxPq' inside IxM2"),
        ("a.faiss", mapped(graph(b"null")), "'null' inside IHNf inside IxM2"),
        ("a.faiss", b"\x00\x01\xff\n" + bytes(99), "'00 01 ff 0a'"),
        ("a.faiss", flat(metric=3), "metric is number 3"),
        ("a.faiss", faiss_header(b"IxF2", count=61) + sized(ROWS, "<f4"), "480 numbers for 61 rows"),
        ("a.faiss", faiss_header(b"IxF2", count=-1) + sized(ROWS, "<f4"), "damaged"),
        ("a.faiss", faiss_header(b"IxF2") + struct.pack("<Q", 2**62), "too early"),
        ("a.faiss", mapped(flat(), labels=LABELS[:-1]), "59 ids for 60 rows"),
        ("a.faiss", mapped(flat(ROWS[:59])), "differ in size or metric"),
        ("a.faiss", mapped(flat(metric=0)), "differ in size or metric"),
        ("a.faiss", mapped(mapped(flat())), "'IxM2' inside IxM2"),
        ("a.faiss", graph(graph(flat())), "'IHNf' inside IHNf"),
    ],
)
def test_a_bad_index_file_is_refused_in_one_line(tmp_path, refused, name, data, complaint):
    line = refused("import", "t", write(tmp_path / name, data), "--db", tmp_path / "t.omen")
    assert name in line and any(words in line for words in complaint.split("|")), line
    assert not (tmp_path / "t.omen").exists()


@pytest.mark.parametrize("name, data", [("a.hnsw", hnswlib_bytes()), ("a.faiss", mapped(graph(flat())))])
def test_every_truncation_and_flipped_byte_is_refused_or_read(tmp_path, name, data):
    random = np.random.default_rng(8)
    for step in range(400):
        damaged = bytearray(data[: random.integers(len(data))] if step % 2 else data)
        for _ in range(2 * (step % 2 == 0)):
            damaged[random.integers(min(len(damaged), 400))] = random.integers(256)
        try:
            assert index_files.read_index(str(write(tmp_path / name, damaged))).vectors.ndim == 2
        except Failure as failure:
            assert len(str(failure).splitlines()) == 1


def test_files_of_hnswlib_itself_come_in(tmp_path, omen):
    hnswlib = pytest.importorskip("hnswlib", reason=f"hnswlib {PEERS}")
    index = hnswlib.Index("l2", 8)
    index.init_index(100, M=5)
    index.add_items(ROWS, LABELS)
    index.mark_deleted(int(LABELS[4]))
    index.save_index(str(tmp_path / "a.hnsw"))
    found, _, metric = imported(tmp_path / "a.hnsw", tmp_path, omen)
    assert_same(found, np.delete(LABELS, 4), np.delete(ROWS, 4, axis=0))
    assert metric == "l2"


@pytest.mark.parametrize("kind", ["flat", "graph", "flat with ids", "graph with ids"])
@pytest.mark.parametrize("metric", ["l2", "ip", "l1"])
def test_files_of_faiss_itself_come_in(tmp_path, omen, kind, metric):
    faiss = pytest.importorskip("faiss", reason=f"faiss {PEERS}")
    number = {"l2": faiss.METRIC_L2, "ip": faiss.METRIC_INNER_PRODUCT, "l1": faiss.METRIC_L1}[metric]
    index = faiss.IndexFlat(8, number) if kind.startswith("flat") else faiss.IndexHNSWFlat(8, 6, number)
    if kind.endswith("ids"):
        wrapped = faiss.IndexIDMap2(index)
        wrapped.add_with_ids(ROWS, LABELS)
        faiss.write_index(wrapped, str(tmp_path / "a.faiss"))
    else:
        index.add(ROWS)
        faiss.write_index(index, str(tmp_path / "a.faiss"))
    found, _, taken = imported(tmp_path / "a.faiss", tmp_path, omen)
    assert_same(found, LABELS if kind.endswith("ids") else np.arange(60), ROWS)
    assert taken == metric


def test_a_compressed_index_of_faiss_itself_is_named(tmp_path, refused):
    faiss = pytest.importorskip("faiss", reason=f"faiss {PEERS}")
    index = faiss.IndexScalarQuantizer(8, faiss.ScalarQuantizer.QT_8bit)
    index.train(ROWS)
    index.add(ROWS)
    faiss.write_index(index, str(tmp_path / "a.faiss"))
    assert "kind 'IxSQ' is not read" in refused("import", "t", tmp_path / "a.faiss", "--db", tmp_path / "t.omen")
