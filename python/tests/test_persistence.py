"""Directories: reopening, locks, reading only, copies, and processes that end in other ways than close()."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import omendb

WORDS = {"id": "int64 primary key", "name": "string", "v": omendb.vector(8)}


def rows(start, count):
    ids = np.arange(start, start + count)
    return {"id": ids, "name": [f"n{i}" for i in ids], "v": np.random.default_rng(start).random((count, 8), np.float32)}


def run_python(script, *arguments, check=True):
    """Another process with the same packages."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=check,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_rows_are_there_after_reopening(path):
    with omendb.connect(path) as db:
        table = db.create_table("t", WORDS)
        table.insert(rows(0, 500))
        table.delete([3, 4])
        before = db.state_hash()
        expected = table.search(np.full(8, 0.5, np.float32), k=5).ids.tolist()
    with omendb.connect(pathlib.Path(path)) as db:
        assert db.state_hash() == before and list(db) == ["t"] and db["t"].count() == 498
        assert (
            db["t"].schema.field("v").type.list_size == 8 and db["t"].get(7)["name"] == "n7" and db["t"].get(3) is None
        )
        assert db["t"].search(np.full(8, 0.5, np.float32), k=5).ids.tolist() == expected
        db.check()


def test_two_databases_live_side_by_side(tmp_path):
    with omendb.connect(str(tmp_path / "a.omen")) as a, omendb.connect(str(tmp_path / "b.omen")) as b:
        a.create_table("t", WORDS).insert(rows(0, 10))
        b.create_table("t", WORDS).insert(rows(100, 20))
        assert a["t"].count() == 10 and b["t"].count() == 20 and a["t"].get(100) is None
        a.close()
        assert b["t"].count() == 20


def test_a_second_writer_is_told_who_has_it(path):
    with omendb.connect(path) as db:
        db.create_table("t", WORDS)
        seen = run_python(
            """
            import omendb, sys
            try:
                omendb.connect(sys.argv[1])
            except omendb.LockedError as error:
                print(error)
        """,
            path,
        )
        assert str(os.getpid()) in seen.stdout, seen.stderr
        with pytest.raises(omendb.LockedError):
            omendb.connect(path)
    omendb.connect(path).close()


def test_reading_only_changes_nothing(path):
    with omendb.connect(path) as db:
        db.create_table("t", WORDS).insert(rows(0, 50))
    before = {file.name: file.read_bytes() for file in pathlib.Path(path).iterdir() if file.is_file()}
    with omendb.connect(path, read_only=True) as db:
        assert db["t"].count() == 50 and len(db["t"].search(np.zeros(8, np.float32))) == 10
        for write in (
            lambda: db["t"].insert(rows(90, 1)),
            lambda: db["t"].delete([1]),
            lambda: db.create_table("u", WORDS),
            lambda: db.drop_table("t"),
        ):
            with pytest.raises(omendb.Error):
                write()
        assert db["t"].count() == 50
    assert {file.name: file.read_bytes() for file in pathlib.Path(path).iterdir() if file.is_file()} == before


def test_what_is_not_there_is_not_made_unasked(path):
    with pytest.raises(omendb.NotFoundError):
        omendb.connect(path, read_only=True)
    with pytest.raises(omendb.NotFoundError):
        omendb.connect(path, create=False)
    assert not pathlib.Path(path).exists()


def test_a_file_and_a_strange_directory_are_refused(tmp_path):
    (tmp_path / "file").write_text("hello")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("hello")
    for name in ("file", "folder"):
        with pytest.raises(omendb.Error, match=name):
            omendb.connect(tmp_path / name)
    assert (tmp_path / "folder" / "notes.txt").read_text() == "hello" and (tmp_path / "file").read_text() == "hello"


def test_a_backup_is_a_database(path, tmp_path):
    copy = tmp_path / "copy.omen"
    with omendb.connect(path) as db:
        table = db.create_table("t", WORDS)
        table.insert(rows(0, 300))
        db.backup(copy)
        before = db.state_hash()
        table.insert(rows(1000, 1))
        with pytest.raises(omendb.Error):
            db.backup(copy)
    with omendb.connect(copy) as db:
        assert db.state_hash() == before and db["t"].count() == 300
        db.check()


@pytest.mark.parametrize("sync", ["full", "off", True, False])
def test_every_kind_of_sync_keeps_what_was_closed(path, sync):
    with omendb.connect(path, sync=sync, threads=1) as db:
        db.create_table("t", WORDS).insert(rows(0, 10))
    with omendb.connect(path) as db:
        assert db["t"].count() == 10


def test_a_killed_process_loses_nothing_that_was_acknowledged(path):
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent("""
        import sys, numpy as np, omendb
        table = omendb.connect(sys.argv[1]).create_table("t", {"id": "int64 primary key", "v": omendb.vector(8)})
        for start in range(0, 10**6, 10):
            table.insert({"id": np.arange(start, start + 10), "v": np.ones((10, 8), np.float32)})
            print(start + 10, flush=True)
    """),
            path,
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    acknowledged = 0
    for _ in range(20):
        acknowledged = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    acknowledged = max([acknowledged, *map(int, child.stdout.read().split())])
    child.wait()
    with omendb.connect(path) as db:
        count = db["t"].count()
        assert count >= acknowledged and count % 10 == 0
        assert db["t"].get(range(acknowledged), select=["id"]) == [{"id": i} for i in range(acknowledged)]
        db.check()


def test_a_program_that_forgets_close_ends_cleanly(path):
    seen = run_python(
        """
        import omendb, sys
        db = omendb.connect(sys.argv[1])
        table = db.create_table("t", {"id": "int64 primary key", "v": omendb.vector(1)})
        table.insert({"id": [1, 2], "v": [[1], [2]]})
        hits, reader, row = table.search([1.0]), table.scan(), table.get(1)
        vector, distances = row["v"], hits.distances
        def keeps_references(): return db, table, hits
    """,
        path,
    )
    assert seen.stderr == ""
    with omendb.connect(path) as db:
        assert db["t"].count() == 2


def test_a_forked_child_is_refused_and_its_parent_goes_on(path):
    seen = run_python(
        """
        import gc, os, sys, warnings, omendb
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of fork() beside threads, which is what this is about
        db = omendb.connect(sys.argv[1])
        table = db.create_table("t", {"id": "int64 primary key", "v": omendb.vector(1)})
        table.insert({"id": [1], "v": [[1]]})
        hits, reader = table.search([1.0]), table.scan()
        child = os.fork()
        if child == 0:
            refused = 0
            calls = [table.count, db.check, lambda: table.insert({"id": [2]}), lambda: table.search([1.0])]
            for call in [*calls, lambda: hits[0]["id"], reader.read_all]:
                try:
                    call()
                except omendb.ClosedError as error:
                    refused += "fork" in str(error)
            del call, calls, hits, reader, table, db
            gc.collect()
            sys.exit(refused)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 6
        table.insert({"id": [3], "v": [[1]]})
        assert table.count() == 2
        db.check()
        db.close()
        print("fine")
    """,
        path,
    )
    assert seen.stdout == "fine\n" and seen.stderr == "", seen.stderr
    with omendb.connect(path) as db:
        assert db["t"].get([1, 2, 3], select=["id"]) == [{"id": 1}, None, {"id": 3}]
