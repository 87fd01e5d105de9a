"""A bar on stderr for long inserts: rows, rows a second, time left."""

from __future__ import annotations

import sys
import time
from types import TracebackType

_BAR_WIDTH = 30
_REDRAW_SECONDS = 0.1


class Progress:
    """Counts rows and draws. On a terminal one line is redrawn; elsewhere only its last state is written."""

    def __init__(self, title: str, row_count: int | None) -> None:
        self._title = title
        self._row_count = row_count
        self._done = 0
        self._started = time.monotonic()
        self._drawn = 0.0
        self._live = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draw("\n")

    def add(self, rows: int) -> None:
        self._done += rows
        now = time.monotonic()
        if self._live and now - self._drawn >= _REDRAW_SECONDS:
            self._drawn = now
            self._draw("")

    def _draw(self, end: str) -> None:
        sys.stderr.write(("\r" if self._live else "") + self.line(time.monotonic() - self._started) + end)
        sys.stderr.flush()

    def line(self, seconds: float) -> str:
        """The bar as text after so many seconds."""
        rate = self._done / seconds if seconds > 0 else 0.0
        if self._row_count is None:
            return f"{self._title}  {self._done:,} rows  {rate:,.0f} rows/s"
        share = self._done / self._row_count if self._row_count else 1.0
        filled = int(share * _BAR_WIDTH)
        left = (self._row_count - self._done) / rate if rate else 0.0
        return (
            f"{self._title}  {share:4.0%} [{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] {self._done:,}/{self._row_count:,} rows  "
            f"{rate:,.0f} rows/s  {int(left) // 60}:{int(left) % 60:02d} left"
        )
