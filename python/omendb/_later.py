"""Arguments and methods that are promised but not there yet: what to say."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from ._errors import NotSupportedError

MULTIMODAL = "comes with the multimodal release"
_ARGUMENTS = {
    "timeout": f"a time limit {MULTIMODAL}",
}


def refuse(method: str, arguments: dict[str, Any]) -> None:
    """NotSupportedError for an argument that is promised, TypeError for one that is not; None stands for "not
    given".
    """
    for name, value in arguments.items():
        if name not in _ARGUMENTS:
            raise TypeError(f"{method}() has no argument {name!r}")
        if value is not None:
            raise not_yet(f"{method}({name}=...)", _ARGUMENTS[name])


def not_yet(what: str, why: str) -> NotSupportedError:
    return NotSupportedError(f"{what} is not there yet: {why}")


P = ParamSpec("P")
R = TypeVar("R")


def in_thread(method: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """The async twin of a blocking method: it runs in a thread of asyncio's pool. A cancelled call goes on to its
    end unseen.
    """

    @functools.wraps(method)
    async def twin(*args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(method, *args, **kwargs)

    twin.__name__ = "a" + method.__name__
    twin.__qualname__ = method.__qualname__.replace(method.__name__, "a" + method.__name__)
    twin.__doc__ = f"Like `{method.__name__}`, without blocking the event loop."
    return twin
