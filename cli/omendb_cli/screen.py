"""What a person sees: tables, bars, numbers. Colours and moving bars only on a terminal; results on stdout, the rest on stderr."""

import os
import shutil
import sys
import time

COLUMNS_MIN, COLUMNS_MAX = 60, 100
REDRAW_SECONDS_MIN = 0.1
STYLES = {"bold": "1", "dim": "2", "green": "32", "yellow": "33", "cyan": "36"}


def width():
    return max(COLUMNS_MIN, min(COLUMNS_MAX, shutil.get_terminal_size((COLUMNS_MAX, 24)).columns - 1))


def styled(text, *names, stream=None):
    """`text` in the named styles, or as it is when `stream` (default stdout) is not a terminal or NO_COLOR is set."""
    stream = stream or sys.stdout
    if not stream.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{';'.join(STYLES[name] for name in names)}m{text}\x1b[0m"


def printable(value):
    """`value` on one line, without control characters: data must not move the cursor."""
    text = value if isinstance(value, str) else str(value)
    return "".join(character if character.isprintable() else " " for character in text)


def shortened(text, columns):
    text = printable(text)
    return text if len(text) <= columns else text[: max(0, columns - 1)] + "…"


def marked(text, columns, before, after):
    """`text` shortened to `columns` characters, bold between each `before` and `after` (a character each, not counted)."""
    parts, part, inside, left = [], "", False, columns
    for character in text:
        if character in (before, after):
            parts.append(styled(part, "bold") if inside and part else part)
            part, inside = "", character == before
            continue
        if not left:
            part = part[:-1] + "…"
            break
        part += printable(character)
        left -= 1
    return "".join(parts) + (styled(part, "bold") if inside and part else part)


def bytes_text(count):
    """1536 -> '1.5 KiB'."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024 or unit == "GiB":
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")


def seconds_text(seconds):
    if seconds < 1e-3:
        return f"{seconds * 1e6:,.0f} us"
    if seconds < 1:
        return f"{seconds * 1e3:,.1f} ms"
    if seconds < 100:
        return f"{seconds:,.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def bar(share, columns):
    """A bar of `columns` characters, filled to `share` (0..1) in eighths of a character."""
    eighths = round(max(0.0, min(1.0, share)) * columns * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[part] if part else "")).ljust(columns)


def say(text=""):
    """A line of the result, on stdout."""
    print(text, flush=True)


def note(text):
    """A line about the work, on stderr."""
    print(text, file=sys.stderr, flush=True)


def heading(text):
    say()
    say(styled(text, "bold"))


def table(headings, rows, numeric=(), below=()):
    """Prints rows under headings; columns named in `numeric` lean right; the widest column is cut where the line is too long.

    `below`: for each row the lines that follow it, as they are.
    """
    if not headings:
        return
    cells = [[printable("" if value is None else value) for value in row] for row in rows]
    widths = [max([len(heading_), *(len(row[at]) for row in cells)]) for at, heading_ in enumerate(headings)]
    excess = sum(widths) + 2 * (len(widths) - 1) + 2 - width()
    while excess > 0 and max(widths) > 12:
        widest = widths.index(max(widths))
        cut = min(excess, widths[widest] - 12)
        widths[widest] -= cut
        excess -= cut
    right = {at for at, heading_ in enumerate(headings) if heading_ in numeric}

    def line(values):
        fitted = [shortened(value, columns) for value, columns in zip(values, widths)]
        aligned = [
            text.rjust(columns) if at in right else text.ljust(columns)
            for at, (text, columns) in enumerate(zip(fitted, widths))
        ]
        return ("  " + "  ".join(aligned)).rstrip()

    say(styled(line(headings), "dim"))
    for at, row in enumerate(cells):
        say(line(row))
        for more in below[at] if below else ():
            say(more)


def parts(named_bytes, indent=2):
    """Prints components with their share as bars, largest first."""
    listed = sorted(((size, name) for name, size in named_bytes.items() if size), reverse=True)
    total = sum(size for size, _ in listed) or 1
    name_columns = max([len(name) for _, name in listed], default=0)
    for size, name in listed:
        say(
            f"{' ' * indent}{name.ljust(name_columns)}  {bytes_text(size):>11}  {bar(size / total, 24)} {100 * size / total:3.0f}%"
        )


class Progress:
    """A bar on stderr that redraws in place; silent where stderr is not a terminal. Use as a context manager."""

    def __init__(self, label, total=None, unit="rows"):
        self.label = label
        self.total = total
        self.unit = unit
        self.done = 0
        self.share = None
        self.started_at = time.monotonic()
        self.drawn_at = 0.0
        self.live = sys.stderr.isatty()

    def __enter__(self):
        self.draw()
        return self

    def __exit__(self, *exception):
        if self.live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
        return False

    def seconds(self):
        return max(1e-9, time.monotonic() - self.started_at)

    def rate(self):
        return self.done / self.seconds()

    def show_share(self, share):
        """Says how far the work is where the number of rows is not known beforehand."""
        self.share = share

    def advance(self, count):
        self.done += count
        now = time.monotonic()
        if now - self.drawn_at >= REDRAW_SECONDS_MIN:
            self.drawn_at = now
            self.draw()

    def draw(self):
        if not self.live:
            return
        figures = f"{self.done:,} {self.unit}  {self.rate():,.0f}/s"
        share = min(1.0, self.done / self.total) if self.total else self.share
        if share is not None:
            text = f"  {self.label}  {bar(share, 28)} {100 * share:3.0f}%  {figures}"
        else:
            text = f"  {self.label}  {figures}"
        sys.stderr.write("\r" + shortened(text, width()) + "\x1b[K")
        sys.stderr.flush()


class Spinner(Progress):
    """Says that something of unknown length is under way, and for how long; the caller advances nothing."""

    def draw(self):
        if self.live:
            sys.stderr.write(f"\r  {self.label} …\x1b[K")
            sys.stderr.flush()
