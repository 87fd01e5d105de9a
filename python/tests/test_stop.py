"""Calls that end before they are done: timeout=, Ctrl-C, cancelled tasks."""

import asyncio
import os
import signal
import threading
import time

import numpy as np
import pytest

import omendb

PATIENCE_SECONDS = 10  # of a busy machine; a call ends within some 100 ms
ROWS, DIMS = 100_000, 32
# Takes a minute and more where it is not ended.
LONG = {"vector": np.ones((50_000, DIMS), np.float32), "k": 1, "exact": True}


@pytest.fixture(scope="module")
def big():
    with omendb.connect(":memory:") as db:
        table = db.create_table("big", {"id": "int64 primary key", "v": omendb.vector(DIMS)})
        table.insert({"id": range(ROWS), "v": np.random.default_rng(1).random((ROWS, DIMS), np.float32)})
        yield table


@pytest.fixture
def texts(db):
    table = db.create_table(
        "texts", {"id": "int64 primary key", "n": "int64", "body": omendb.text(), "v": omendb.vector(2)}
    )
    table.insert({"id": [1, 2, 3], "n": [1, 2, 3], "body": ["red bicycle", "red", "blue"], "v": [[0, 0], [1, 0], [2, 0]]})
    return table


@pytest.fixture
def interruptible():
    """Ctrl-C as at a terminal: a program that a shell started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def seconds_until_it_ended(call, kind, after, act):
    """Seconds from `act`, which another thread does when the call has run for `after` seconds, to the exception of a kind."""
    acted = []

    def act_now():
        acted.append(time.monotonic())
        act()

    timer = threading.Timer(after, act_now)
    timer.start()
    try:
        with pytest.raises(kind):
            call()
        ended = time.monotonic()
    finally:
        timer.join()
    return ended - acted[0]


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_ends_a_search(big, interruptible, threads):
    took = seconds_until_it_ended(lambda: big.search(**LONG, threads=threads), KeyboardInterrupt, 0.3, ctrl_c)
    assert took < PATIENCE_SECONDS
    assert len(big.search(LONG["vector"][0], k=3)) == 3 and big.count() == ROWS


def test_what_a_handler_of_a_signal_raises_comes_out(big):
    class Enough(Exception):
        pass

    def handler(*_):
        raise Enough("of this")

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        took = seconds_until_it_ended(
            lambda: big.search(**LONG, threads=1), Enough, 0.2, lambda: os.kill(os.getpid(), signal.SIGUSR1)
        )
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert took < PATIENCE_SECONDS


def test_a_handler_that_raises_nothing_lets_a_search_go_on(big):
    met = []
    before = signal.signal(signal.SIGUSR1, lambda *_: met.append(big.count()))  # and may search itself
    timer = threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    try:
        timer.start()
        hits = big.search(LONG["vector"][:200], k=1, exact=True, threads=1)
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(hits) == 200 and met == [ROWS]


def test_a_timeout_ends_a_search(big):
    begun = time.monotonic()
    with pytest.raises(omendb.TimeoutError, match=r"50 ms that it might take, while comparing vectors") as caught:
        big.search(**LONG, timeout=0.05)
    assert time.monotonic() - begun < PATIENCE_SECONDS
    assert isinstance(caught.value, TimeoutError) and isinstance(caught.value, omendb.Error)
    assert caught.value.code == "timeout"


def test_a_timeout_in_another_thread(big):
    caught = []

    def search():
        try:
            big.search(**LONG, timeout=0.05)
        except omendb.TimeoutError as error:
            caught.append(error)

    thread = threading.Thread(target=search)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive() and len(caught) == 1


CALLS = [
    lambda table, timeout: table.search([0, 0], k=2, timeout=timeout).ids.tolist(),
    lambda table, timeout: table.search([0, 0], k=2, where="n > 1", timeout=timeout).ids.tolist(),
    lambda table, timeout: [hits.ids.tolist() for hits in table.search([[0, 0], [1, 1]], k=2, timeout=timeout)],
    lambda table, timeout: table.search(text="red", timeout=timeout).ids.tolist(),
    lambda table, timeout: table.search([0, 0], text="red", timeout=timeout).ids.tolist(),
    lambda table, timeout: table.explain([0, 0], where="n > 1", timeout=timeout),
    lambda table, timeout: table.count("n > 1", timeout=timeout),
    lambda table, timeout: table.scan(where="n > 1", timeout=timeout).read_all().to_pylist(),
]


@pytest.mark.parametrize("call", CALLS)
def test_every_call_with_a_timeout(texts, call):
    whole = call(texts, None)
    for timeout in (3600, 1e300, float("inf"), np.float32(1000)):
        assert call(texts, timeout) == whole
    for timeout in (0, 0.0, 1e-12):
        with pytest.raises(omendb.TimeoutError):
            call(texts, timeout)
    for timeout in (-1, float("nan"), "1", True, [1]):
        with pytest.raises(omendb.QueryError, match="timeout is a number of seconds"):
            call(texts, timeout)
    assert call(texts, None) == whole


def test_statements_with_a_timeout_change_all_or_nothing(texts):
    with pytest.raises(omendb.TimeoutError):
        texts.update({"n": 7}, "n > 1", timeout=0)
    with pytest.raises(omendb.TimeoutError):
        texts.delete(where="n > 1", timeout=0)
    assert texts.count("n > 1") == 2 and texts.count("n = 7") == 0
    assert texts.update({"n": 7}, "n > 1", timeout=3600) == 2
    assert texts.delete(where="n = 7", timeout=3600) == 2
    with pytest.raises(omendb.QueryError, match="where"):
        texts.delete([1], timeout=1)
    assert texts.count() == 1


def test_a_cancelled_task_ends_its_search(big):
    async def story():
        task = asyncio.create_task(big.asearch(**LONG))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(big.asearch(**LONG), 0.2)
        return len(await big.asearch(LONG["vector"][0], k=3))

    begun = time.monotonic()
    assert asyncio.run(story()) == 3  # which waits for the threads of its pool
    assert time.monotonic() - begun < 2 * PATIENCE_SECONDS


def test_calls_of_a_cancelled_task_say_so(texts):
    from omendb import _omendb

    cancellation = _omendb.Cancellation()
    assert cancellation.run(lambda: texts.count("n > 1")) == 2
    cancellation.cancel()
    with pytest.raises(omendb.CancelledError, match="cancelled"):
        cancellation.run(lambda: texts.count("n > 0"))
    with pytest.raises(omendb.CancelledError):
        cancellation.run(lambda: texts.delete(where="n > 0"))
    assert texts.count("n > 0") == 3  # on this thread, and not through it
