"""Methods that are promised but not there yet, what to say; and async twins of those that are."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from . import _omendb
from ._errors import NotSupportedError

MULTIMODAL = "comes with the multimodal release"


def not_yet(what: str, why: str) -> NotSupportedError:
    return NotSupportedError(f"{what} is not there yet: {why}")


P = ParamSpec("P")
R = TypeVar("R")


def in_thread(method: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """The async twin of a blocking method: it runs in a thread of asyncio's pool. Cancelling the task ends a search,
    and the search for the rows of a condition; anything else goes on to its end unseen.
    """

    @functools.wraps(method)
    async def twin(*args: P.args, **kwargs: P.kwargs) -> R:
        cancellation = _omendb.Cancellation()
        try:
            found: R = await asyncio.to_thread(cancellation.run, functools.partial(method, *args, **kwargs))
        except asyncio.CancelledError:
            cancellation.cancel()
            raise
        return found

    twin.__name__ = "a" + method.__name__
    twin.__qualname__ = method.__qualname__.replace(method.__name__, "a" + method.__name__)
    twin.__doc__ = f"Like `{method.__name__}`, without blocking the event loop."
    return twin
