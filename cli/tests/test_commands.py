"""`omen` as a person and a script use it: what it prints, what it refuses, and that a file goes in and comes out the same."""

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from omendb_cli import vector_files

omendb = pytest.importorskip("omendb")


def rows_of(path, table="docs"):
    with omendb.connect(path, read_only=True) as opened:
        return pa.Table.from_batches(opened[table].scan(), opened[table].schema).sort_by("id")


def test_an_import_prints_the_columns_it_found(tmp_path, csv_path, omen):
    ran = omen("import", "docs", csv_path, "--db", tmp_path / "a.omen")
    assert ran.status == 0 and "new table 'docs'" in ran.out and "200 rows inserted" in ran.out
    for words in (
        ["id", "string primary key"],
        ["year", "int64"],
        ["price", "float64"],
        ["ok", "bool"],
        ["day", "timestamp"],
        ["v", "vector(8), l2"],
    ):
        assert any(line.split(None, 1) == words for line in ran.out.splitlines()), words


def test_imported_values_are_those_of_the_file(database, vectors):
    rows = rows_of(database).to_pylist()
    row = next(row for row in rows if row["id"] == "k7")
    assert row["title"] == 'Zoë, "the 7th"\nof her kind' and (row["year"], row["price"], row["ok"]) == (
        1907,
        1.75,
        False,
    )
    assert row["day"].isoformat() == "2024-02-03T04:05:06+00:00" and np.array_equal(np.float32(row["v"]), vectors[7])


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_what_is_exported_comes_back_the_same(database, tmp_path, omen, ending):
    path = tmp_path / f"out.{ending}"
    assert omen("export", "docs", path, "--db", database).status == 0
    report = omen("import", "docs", path, "--db", tmp_path / "back.omen", "--chunk-rows", 33, "--json").json()
    assert report["rows"] == 200 and report["created"]
    assert rows_of(tmp_path / "back.omen").equals(rows_of(database))


def test_nulls_and_empty_texts_survive_every_format(tmp_path, omen):
    with omendb.connect(str(tmp_path / "a.omen")) as opened:
        table = opened.create_table(
            "t",
            {
                "id": "int64 primary key",
                "s": "string",
                "n": "int64",
                "x": "float64",
                "l": "string[]",
                "j": "json",
                "b": "bool",
                "v": omendb.vector(2),
            },
        )
        table.insert(
            [
                {"id": 1, "s": "", "n": 5, "x": 0.1, "l": ["a", ""], "j": {"k": [1, None]}, "b": True, "v": [1, 2]},
                {"id": 2},
                {"id": 3, "s": "x", "n": -1, "x": 1e300, "l": [], "j": {"ä": "ö"}, "b": False, "v": [0.1, -3]},
            ]
        )
    expected = rows_of(tmp_path / "a.omen", "t")
    types = ["--type", "l=string[]", "--type", "j=json", "--vector", "v"]
    for ending in ("csv", "jsonl", "parquet"):
        assert omen("export", "t", tmp_path / f"o.{ending}", "--db", tmp_path / "a.omen").status == 0
        ran = omen(
            "import",
            "t",
            tmp_path / f"o.{ending}",
            "--db",
            tmp_path / f"{ending}.omen",
            *(types if ending != "parquet" else []),
        )
        assert ran.status == 0, ran.err
        assert rows_of(tmp_path / f"{ending}.omen", "t").equals(expected), ending


@pytest.mark.parametrize("ending", ["fvecs", "npy"])
def test_vectors_go_out_and_in_alone(database, tmp_path, omen, ending, vectors):
    path = tmp_path / f"v.{ending}"
    assert omen("export", "docs", path, "--db", database).status == 0
    assert np.array_equal(vector_files.map_vectors(str(path)), vectors)
    ran = omen("import", "v", path, "--db", database, "--metric", "cosine", "--first-key", 10)
    assert ran.status == 0 and "keys are row numbers" in ran.out
    assert rows_of(database, "v")["id"].to_pylist() == list(range(10, 210))
    assert omen("import", "v", path, "--db", database, "--first-key", 210).status == 0
    assert len(rows_of(database, "v")) == 400


def test_a_parquet_file_remembers_key_metric_and_text(tmp_path, omen):
    with omendb.connect(str(tmp_path / "a.omen")) as opened:
        table = opened.create_table(
            "t", {"name": "string primary key", "body": omendb.text(), "v": omendb.vector(2, metric="ip")}
        )
        table.insert([{"name": "a", "body": "red", "v": [1, 2]}])
    assert omen("export", "t", tmp_path / "t.parquet", "--db", tmp_path / "a.omen").status == 0
    assert omen("import", "t", tmp_path / "t.parquet", "--db", tmp_path / "b.omen").status == 0
    with omendb.connect(str(tmp_path / "a.omen")) as one, omendb.connect(str(tmp_path / "b.omen")) as other:
        assert one["t"].schema.equals(other["t"].schema, check_metadata=True)


def test_upsert_replaces_and_insert_refuses_keys_that_exist(database, csv_path, omen, refused):
    complaint = refused("import", "docs", csv_path, "--db", database)
    assert "k0" in complaint and "0 rows are in" in complaint
    ran = omen("import", "docs", csv_path, "--db", database, "--upsert")
    assert ran.status == 0 and "200 rows upserted" in ran.out and "'docs' has 200" in ran.out


def test_rows_before_a_bad_one_are_in_by_whole_chunks(tmp_path, refused):
    path = tmp_path / "a.csv"
    path.write_text("id,n\n" + "".join(f"{row},{row}\n" for row in range(250)) + "250,x\n")
    complaint = refused(
        "import", "t", path, "--db", tmp_path / "a.omen", "--chunk-rows", 100, "--type", "n=int64", "--json"
    )
    assert "a.csv: line 252, column 'n': \"x\" is not a int64; 200 rows are in" in complaint
    assert len(rows_of(tmp_path / "a.omen", "t")) == 200


@pytest.mark.parametrize(
    "name, text, complaint",
    [
        ("a.csv", 'id,v\n1,"[1,2]"\n2,"[1]"\n', "line 3, column 'v': 1 dimensions, not 2"),
        ("a.csv", "id,a\n1,2\n3\n", "line 3 has 1 values"),
        ("a.csv", "id,a\n,2\n", "line 2 has no key"),
        ("a.jsonl", '{"id": 1}\n{"id": "x"}\n', "column 'id' is json; a key is"),
        ("a.jsonl", '{"id": 1, "v": [1.5, 2]}\n{"id": 2, "v": [1.5, "x"]}\n', "line 2, column 'v'"),
        ("a.npy", "junk", "not a usable npy file"),
        ("a.fvecs", "junkjunkjunk", "dimensions"),
        ("a.parquet", "junk", "not a Parquet file"),
        ("a.xlsx", "junk", "endings read here"),
        ("a.csv", "id,name\n1,a\n1,b\n", "key 1"),
        ("a.csv", "id\n", "no rows"),
    ],
)
def test_a_bad_file_leaves_nothing_behind(tmp_path, refused, name, text, complaint):
    path = tmp_path / name
    path.write_text(text)
    fixed = ["--vector", "v", "--dims", "2"] if '"v"' in text or ",v\n" in text else []
    line = refused("import", "t", path, "--db", tmp_path / "a.omen", "--json", *fixed)
    assert name in line and complaint in line, line
    if (tmp_path / "a.omen").exists():
        with omendb.connect(str(tmp_path / "a.omen")) as opened:
            assert list(opened) == []


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["--type", "year"], "write COL=TYPE"),
        (["--type", "year=number"], "types are"),
        (["--chunk-rows", "0"], "must be at least 1"),
        (["--key", "nothing"], "no column 'nothing'"),
        (["--vector", "nothing"], "no column 'nothing'"),
        (["--key", "price"], "a key is string or int64"),
        (["--vector", "v", "--dims", "9"], "8 dimensions, not 9"),
        (["--vector", "title"], "is not a vector"),
    ],
)
def test_wrong_options_of_an_import_change_nothing(tmp_path, csv_path, omen, arguments, complaint):
    ran = omen("import", "docs", csv_path, "--db", tmp_path / "a.omen", *arguments)
    assert ran.status in (1, 2) and complaint in ran.err and ran.err.count("\n") == 1
    assert not (tmp_path / "a.omen").exists()


def test_a_file_that_does_not_fit_the_table_is_refused(database, tmp_path, refused):
    path = tmp_path / "b.csv"
    for text, complaint in (
        ("id,colour\nz,red\n", "column 'colour' is not in table 'docs'"),
        ("title\nx\n", "no column 'id', the key"),
        ("id,year\nz,soon\n", "line 2, column 'year': \"soon\" is not a int64"),
        ('id,v\nz,"[1,2]"\n', "2 dimensions, not 8"),
    ):
        path.write_text(text)
        assert complaint in refused("import", "docs", path, "--db", database)
    assert "--metric is for a new table" in refused(
        "import", "docs", path, "--db", database, "--metric", "l2", status=2
    )
    assert len(rows_of(database)) == 200


def test_search_by_key_leaves_the_row_itself_out_and_agrees_with_a_scan(database, omen, vectors):
    answer = omen("search", database, "docs", "--like", "k7", "-k", 5, "--json").json()["queries"][0]
    distances = np.linalg.norm(vectors - vectors[7], axis=1)
    assert [row["key"] for row in answer] == [f"k{row}" for row in np.argsort(distances)[1:6]]
    assert np.allclose([row["distance"] for row in answer], np.sort(distances)[1:6], rtol=1e-5)
    assert "v" not in answer[0] and answer[0]["year"] == 1900 + int(answer[0]["key"][1:])


def test_search_by_radius_shows_all_rows_within_it(database, omen, vectors):
    distances = np.linalg.norm(vectors - vectors[7], axis=1)
    order = np.argsort(distances)
    radius = (distances[order[40]] + distances[order[41]]) / 2
    near = omen("search", database, "docs", "--like", "k7", "--radius", radius, "--json").json()["queries"][0]
    assert [row["key"] for row in near] == [f"k{row}" for row in order[1:41]]
    few = omen("search", database, "docs", "--like", "k7", "--radius", radius, "-k", 5, "--json").json()["queries"][0]
    assert few == near[:5]
    assert omen("search", database, "docs", "--like", "k7", "--radius", 0).out.split() == ["no", "rows"]


@pytest.fixture
def codes(tmp_path):
    """A table of 60 rows of 20 bits."""
    path = tmp_path / "codes.omen"
    bits = np.random.default_rng(6).random((60, 20)) < 0.5
    with omendb.connect(str(path)) as opened:
        table = opened.create_table("codes", {"id": "int64 primary key", "b": omendb.bits(20, metric="jaccard")})
        table.insert({"id": np.arange(60), "b": bits})
        table.upsert({"id": [59], "b": [None]})
    return path, bits


def test_bits_are_searched_by_key_by_digits_and_by_file(codes, tmp_path, omen, refused):
    path, bits = codes
    near = omen("search", path, "codes", "--like", 7, "-k", 3, "--json").json()["queries"][0]
    assert len(near) == 3 and near[0]["key"] != 7 and 0 < near[0]["distance"] <= near[1]["distance"]
    digits = "".join("01"[int(bit)] for bit in bits[7])
    found = omen("search", path, "codes", "--vector", digits, "-k", 1, "--select", "b", "--json").json()["queries"]
    assert found == [[{"key": 7, "distance": 0.0, "b": np.packbits(bits[7]).tolist()}]]
    for name, rows in (("bools", bits[:5]), ("packed", np.packbits(bits[:5], axis=1))):
        np.save(tmp_path / f"{name}.npy", rows)
        answers = omen("search", path, "codes", "--vector-file", tmp_path / f"{name}.npy", "-k", 1, "--json").json()
        assert [rows[0]["key"] for rows in answers["queries"]] == list(range(5))
    assert "write bits as 0 and 1" in refused("search", path, "codes", "--vector", "0.5", status=2)
    assert "3 bits; column 'b' has 20" in refused("search", path, "codes", "--vector", "010")
    np.save(tmp_path / "floats.npy", np.zeros((2, 20)))
    assert "takes rows of 20 bools" in refused("search", path, "codes", "--vector-file", tmp_path / "floats.npy")


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_bits_that_are_exported_come_back_the_same(codes, tmp_path, omen, ending):
    path, _ = codes
    out, options = tmp_path / f"out.{ending}", [] if ending == "parquet" else ["--type", "b=bits(20)"]
    assert omen("export", "codes", out, "--db", path).status == 0
    report = omen("import", "codes", out, "--db", tmp_path / "back.omen", "--json", *options).json()
    assert report["rows"] == 60 and report["columns"]["b"] == "bits(20)"
    back, there = rows_of(tmp_path / "back.omen", "codes"), rows_of(path, "codes")
    assert back["b"].to_pylist() == there["b"].to_pylist() and back["b"].null_count == 1
    assert "bits(20)" in omen("stats", path).out


def test_search_by_numbers_and_by_file(database, tmp_path, omen, vectors):
    written = ", ".join(map(str, vectors[3].tolist()))
    answer = omen("search", database, "docs", "--vector", written, "-k", 1, "--select", "title", "--json").json()[
        "queries"
    ]
    assert [[row["key"] for row in rows] for rows in answer] == [["k3"]] and set(answer[0][0]) == {
        "key",
        "distance",
        "title",
    }
    np.save(tmp_path / "q.npy", vectors[:6])
    many = omen("search", database, "docs", "--vector-file", tmp_path / "q.npy", "-k", 2, "--exact", "--json").json()[
        "queries"
    ]
    assert [rows[0]["key"] for rows in many] == [f"k{row}" for row in range(6)]
    one = omen(
        "search", database, "docs", "--vector-file", tmp_path / "q.npy", "--row", 4, "-k", 1, "--ef", 50, "--json"
    ).json()["queries"]
    assert [rows[0]["key"] for rows in one] == ["k4"]


def test_a_condition_leaves_rows_out_beside_a_vector_and_alone(database, omen):
    rows = rows_of(database, "docs")
    wanted = [key for key, year in zip(rows["id"].to_pylist(), rows["year"].to_pylist()) if year is not None and year >= 2000]
    assert 0 < len(wanted) < 200
    near = omen("search", database, "docs", "--like", wanted[0], "--where", "year >= 2000", "-k", 200, "--json").json()
    assert {row["key"] for row in near["queries"][0]} == set(wanted[1:])
    alone = omen("search", database, "docs", "--where", "year >= 2000", "-k", 3, "--select", "year", "--json").json()
    assert alone["count"] == len(wanted) and [row["key"] for row in alone["rows"]] == wanted[:3]
    ran = omen("search", database, "docs", "--where", "year >= 2000", "-k", 3)
    assert ran.status == 0 and f"{len(wanted)} rows, 3 shown" in ran.err and "distance" not in ran.out
    assert "0 rows" in omen("search", database, "docs", "--where", "year > 3000").err


def test_search_prints_a_table_that_fits_the_line(database, omen):
    ran = omen("search", database, "docs", "--like", "k7", "-k", 3)
    lines = ran.out.splitlines()
    assert (
        ran.status == 0
        and lines[0].split() == ["distance", "key", "title", "year", "price", "ok", "day"]
        and len(lines) == 4
    )
    assert all(len(line) <= 100 for line in lines) and "\x1b" not in ran.out and "Zoë" in ran.out


@pytest.mark.parametrize(
    "arguments, status, complaint",
    [
        (["--vector", "1,2"], 1, "2 dimensions; column 'v' of 'docs' has 8"),
        (["--vector", "a,b"], 2, "numbers separated by commas"),
        (["--vector", "nan," * 7 + "1"], 2, "finite"),
        (["--like", "nobody"], 1, "no row with key nobody"),
        (["--like", "k1", "-k", "0"], 2, "-k must be"),
        (["--like", "k1", "--radius", "-1"], 1, "radius is -1"),
        (["--like", "k1", "--radius", "nan"], 1, "radius is not a number"),
        (["--like", "k1", "--select", "x"], 2, "--select x"),
        (["--like", "k1", "--column", "w"], 2, "--column w"),
        (["--vector-file", "missing.npy"], 1, "no such file"),
        (["--text", "red"], 2, "table 'docs' has no text column"),
        ([], 2, "--where is needed"),
        (["--where", "yeer = 1"], 1, "where, character 1: no column 'yeer'"),
        (["--like", "k1", "--where", "yeer = 1"], 1, "where, character 1: no column 'yeer'"),
    ],
)
def test_wrong_searches_are_refused_in_one_line(database, refused, arguments, status, complaint):
    assert complaint in refused("search", database, "docs", *arguments, status=status)


def test_a_missing_database_or_table_is_named_and_not_made(tmp_path, database, refused):
    for command in (["stats"], ["check"], ["search", "docs", "--like", "a"]):
        assert "no such database" in refused(command[0], tmp_path / "nowhere.omen", *command[1:])
    assert not (tmp_path / "nowhere.omen").exists()
    assert "no table 'nothing'; it has docs" in refused("search", database, "nothing", "--like", "a")
    (tmp_path / "file").write_text("x")
    assert "is a file, not a database" in refused("stats", tmp_path / "file")


def test_stats_say_rows_and_bytes_for_people_and_machines(database, omen):
    figures = omen("stats", database, "--json").json()
    assert figures["tables"]["docs"]["rows"] == 200 and figures["tables"]["docs"]["columns"]["v"] == "vector(8)"
    assert figures["database"]["disk_bytes"]["total"] > 0
    ran = omen("stats", database)
    assert "docs: 200 rows" in ran.out and "disk" in ran.out and "%" in ran.out


def test_check_finds_a_sound_database_sound_and_a_damaged_one_damaged(database, omen):
    ran = omen("check", database)
    assert (
        ran.status == 0 and "sound" in ran.out and omen("check", database, "--json").json()["tables"] == {"docs": 200}
    )
    largest = max(database.rglob("*"), key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[100] ^= 0x40
    largest.write_bytes(data)
    ran = omen("check", database)
    assert (
        ran.status == 1
        and ran.err.count("\n") == 1
        and any(word in ran.err.lower() for word in ("corrupt", "checksum"))
    ), ran.err


def test_a_backup_is_a_database_with_the_same_rows(database, tmp_path, omen, refused):
    assert omen("backup", database, tmp_path / "copy.omen", "--json").json()["bytes"] > 0
    assert rows_of(tmp_path / "copy.omen").equals(rows_of(database))
    assert "exists already" in refused("backup", database, tmp_path / "copy.omen")


def test_export_keeps_what_is_there_and_leaves_no_part_behind(database, tmp_path, refused, omen):
    (tmp_path / "out.csv").write_text("mine")
    assert "exists already" in refused("export", "docs", tmp_path / "out.csv", "--db", database)
    assert (tmp_path / "out.csv").read_text() == "mine"
    assert "no column 'x'" in refused("export", "docs", tmp_path / "new.csv", "--db", database, "--select", "x")
    assert "can not tell the format" in refused("export", "docs", tmp_path / "new.doc", "--db", database, status=2)
    assert omen("export", "docs", tmp_path / "out.csv", "--db", database, "--force", "--select", "id,year").status == 0
    assert (tmp_path / "out.csv").read_text().splitlines()[0] == "id,year"
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def test_limit_takes_the_first_rows_across_chunks(csv_path, tmp_path, omen):
    assert (
        omen("import", "t", csv_path, "--db", tmp_path / "a.omen", "--limit", 70, "--chunk-rows", 30, "--json").json()[
            "rows"
        ]
        == 70
    )


def test_help_names_every_command_and_status_2_follows_wrong_words(omen):
    ran = omen("--help")
    assert ran.status == 0 and all(
        word in ran.out
        for word in ("demo", "import", "export", "search", "stats", "check", "backup", "bench", "exit status")
    )
    assert omen("import", "--help").status == 0 and omen("frobnicate").status == 2 and omen().status == 2
    assert omen("--version").out.startswith("omen ")


def test_bench_measures_and_cleans_up(tmp_path, omen):
    figures = omen("bench", "--rows", 2000, "--dims", 16, "--dir", tmp_path, "--json").json()
    assert (
        figures["durable_rows_per_second"] > 0
        and figures["searches"][-1]["recall"] > 0.9
        and list(tmp_path.iterdir()) == []
    )
    assert "recall@10" in omen("bench", "--rows", 500, "--dims", 8, "--dir", tmp_path).out


def run_process(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "omendb_cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_the_command_runs_as_a_process_with_its_statuses(database):
    done = run_process("stats", database, "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["tables"]["docs"]["rows"] == 200
    done = run_process("stats", database / "nothing")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    assert run_process("stats").returncode == 2


def test_a_reader_that_goes_away_is_no_traceback(database):
    process = subprocess.Popen(
        [sys.executable, "-m", "omendb_cli", "stats", str(database)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    complaint = process.stderr.read().decode()
    process.stderr.close()
    process.wait()
    assert "Traceback" not in complaint


def test_help_is_fast_because_nothing_heavy_is_imported():
    heavy = ("numpy", "pyarrow", "omendb", "sklearn")
    program = f"import sys, omendb_cli.main as m; m.main(['--help']); print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_terminal_without_unicode_gets_question_marks_not_a_traceback(database):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    done = run_process("search", database, "docs", "--like", "k7", "-k", 2, env=environment)
    assert done.returncode == 0 and "Zo?" in done.stdout and "Traceback" not in done.stderr


def test_a_search_that_takes_too_long_fails_in_one_line(database, omen, refused):
    query = ["--vector", ",".join(["0"] * 8)]
    assert omen("search", database, "docs", *query, "--timeout", 3600).status == 0
    assert "while" in refused("search", database, "docs", *query, "--timeout", 0)
    assert "while" in refused("search", database, "docs", "--where", "id is not null", "--timeout", 0)
    assert "--timeout" in refused("search", database, "docs", *query, "--timeout", -1, status=2)
    assert "--timeout" in refused("search", database, "docs", *query, "--timeout", "nan", status=2)


def test_ctrl_c_ends_a_command_with_its_status_and_one_line(database):
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED_COMMAND, "search", str(database), "docs", "--vector", ",".join(["0"] * 8)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, complaint = process.communicate(timeout=60)
    assert (process.returncode, out, complaint) == (130, "", "omen: stopped\n")


# Ctrl-C while the search runs: the signal waits until the engine lets handlers run.
INTERRUPTED_COMMAND = """
import signal, sys
import numpy as np
import omendb
from omendb_cli import main

signal.signal(signal.SIGINT, signal.default_int_handler)
quick = omendb.Table.search

def search(table, vector, **options):
    import os, threading
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    options["exact"] = True
    while True:
        quick(table, np.repeat(np.asarray(vector, np.float32).reshape(1, -1), 20_000, axis=0), threads=1, **options)

omendb.Table.search = search
sys.exit(main.main())
"""


@pytest.mark.parametrize(("ending", "more"), [("parquet", []), ("jsonl", ["--type", "s=sparse"])])
def test_sparse_vectors_come_back_from_their_export(tmp_path, omen, ending, more):
    values = [{5: 1.5, 4_000_000_000: -2.0}, None, {}]
    with omendb.connect(str(tmp_path / "a.omen")) as db:
        db.create_table("t", {"id": "int64 primary key", "s": "sparse"}).insert({"id": [1, 2, 3], "s": values})
    path = tmp_path / f"t.{ending}"
    assert omen("export", "t", path, "--db", tmp_path / "a.omen").status == 0
    assert omen("import", "t", path, "--db", tmp_path / "b.omen", *more).status == 0
    with omendb.connect(str(tmp_path / "b.omen"), read_only=True) as db:
        assert [row["s"] for row in db["t"].get([1, 2, 3])] == values
