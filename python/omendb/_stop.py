"""How long a call may take, as users have it -> as the engine takes it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._errors import QueryError


def to_timeout(timeout: Any) -> float | None:
    """Seconds, or None for as long as it takes. QueryError for what is no time."""
    if timeout is None:
        return None
    is_number = isinstance(timeout, (int, float, np.integer, np.floating)) and not isinstance(timeout, bool)
    if not is_number or timeout < 0 or math.isnan(min(timeout, 1e12)):
        raise QueryError(f"timeout is a number of seconds, 0 or more, not {timeout!r}")
    return float(min(timeout, 1e12))
