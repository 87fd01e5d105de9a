"""Threads, event loops and Ctrl-C."""

import asyncio
import concurrent.futures
import gc
import signal
import threading
import time
import weakref

import numpy as np
import pytest

import omendb


def batch(start, count, dims=2):
    return {"id": np.arange(start, start + count), "v": np.random.default_rng(start).random((count, dims), np.float32)}


def test_threads_search_while_others_insert(points):
    points.insert(batch(0, 100))
    done = threading.Event()
    failures = []

    def search():
        last = 0
        while not done.is_set():
            hits = points.search([0.5, 0.5], k=50)
            count = points.count()
            ids = hits.ids.tolist()
            if len(ids) != 50 or len(set(ids)) != 50 or count < last or [hit["id"] for hit in hits] != ids:
                failures.append((len(ids), count, last))
            last = count

    readers = [threading.Thread(target=search) for _ in range(2)]
    for reader in readers:
        reader.start()
    for start in range(100, 2100, 100):
        points.insert(batch(start, 100))
    done.set()
    for reader in readers:
        reader.join()
    assert not failures and points.count() == 2100


def test_writers_of_several_threads_lose_nothing(points):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        written = list(pool.map(lambda start: points.insert(batch(start, 50)), range(0, 2000, 50)))
    assert sum(written) == points.count() == 2000


def test_a_contested_key_is_inserted_once(points):
    def insert(_):
        try:
            return points.insert({"id": [7]})
        except omendb.ConflictError:
            return 0

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(insert, range(40))) == 1


def test_other_threads_run_while_the_engine_works(db):
    table = db.create_table("t", {"id": "int64 primary key", "v": omendb.vector(64)})
    table.insert(batch(0, 4000, 64))
    queries = np.random.default_rng(1).random((8000, 64), np.float32)
    worker = threading.Thread(target=table.search, args=(queries,), kwargs={"k": 1, "exact": True, "threads": 1})
    steps = 0
    worker.start()
    while worker.is_alive():
        time.sleep(0)
        steps += 1
    worker.join()
    assert steps > 5  # held throughout, the GIL would let this thread run once or twice


def test_async_twins_do_what_their_namesakes_do(path):
    async def story():
        db = await omendb.aconnect(path)
        table = await db.acreate_table("t", {"id": "int64 primary key", "v": omendb.vector(2)})
        assert await table.ainsert(batch(0, 10)) == 10
        assert await table.aupsert(batch(5, 10)) == 10
        assert await table.adelete([0]) == 1
        assert (await table.aget(3))["id"] == 3
        assert await table.acount() == 14
        assert (await table.ascan(select=["id"])).read_all().num_rows == 14
        hits, counts = await asyncio.gather(table.asearch([0.5, 0.5], k=3), table.acount())
        assert len(hits) == 3 and counts == 14
        assert (await table.astats())["rows"] == 14 and (await db.astats())["commit_number"] > 0
        await db.acheck()
        await db.acheckpoint()
        assert await db.astate_hash() == db.state_hash()
        await db.abackup(path + ".copy")
        with pytest.raises(omendb.ConflictError):
            await table.ainsert({"id": [1]})
        assert await table.aclear() == 14
        await db.adrop_table("t")
        await db.aclose()

    asyncio.run(story())
    assert omendb.Table.asearch.__name__ == "asearch" and "search" in omendb.Table.asearch.__doc__


def test_every_blocking_method_has_a_twin():
    for kind, methods in (
        (omendb.Table, "insert upsert delete clear get count scan search stats"),
        (omendb.Database, "create_table drop_table check stats state_hash backup checkpoint close"),
    ):
        assert all(asyncio.iscoroutinefunction(getattr(kind, "a" + name)) for name in methods.split())


@pytest.fixture
def interruptible():
    """Ctrl-C as at a terminal: a program that a shell started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_in_a_long_insert_leaves_whole_chunks(points, interruptible):
    def rows_until_interrupted():
        for i in range(100_000):
            if i == 40_000:
                signal.raise_signal(signal.SIGINT)
            yield {"id": i}

    with pytest.raises(KeyboardInterrupt) as caught:
        points.insert(rows_until_interrupted(), progress=True)
    assert points.count() == 32_768 and points.count() % 8192 == 0
    assert any("32768 rows" in note for note in caught.value.__notes__)
    assert points.insert({"id": [10**9]}) == 1


def test_hits_and_tables_are_freed(points):
    points.insert(batch(0, 100))
    hits = points.search([0.5, 0.5], k=5)
    other = points.database["points"]
    kept = weakref.ref(other)
    del hits, other
    gc.collect()
    assert kept() is None


def test_searching_over_and_over_does_not_grow(db):
    table = db.create_table("t", {"id": "string primary key", "v": omendb.vector(64)})
    table.insert({"id": [f"key {i}" for i in range(200)], "v": np.ones((200, 64), np.float32)})
    query = np.ones(64, np.float32)

    def work():
        for _ in range(2000):
            hits = table.search(query, k=100)
            hits[0]["id"], hits.ids, hits.distances, hits.scores
        for _ in range(200):
            table.get([f"key {i}" for i in range(100)])
            hits.to_arrow()

    work()
    before = db.stats()["resident_bytes"]
    work()
    gc.collect()
    assert db.stats()["resident_bytes"] - before < 8 << 20
