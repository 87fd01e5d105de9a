"""Numbers, bars and tables as people see them."""

import io
import sys

import pytest

from omendb_cli import screen


@pytest.mark.parametrize(
    "count, text", [(0, "0 B"), (1023, "1,023 B"), (1536, "1.5 KiB"), (3 << 20, "3.0 MiB"), (5 << 40, "5,120.0 GiB")]
)
def test_bytes_have_the_unit_that_reads_best(count, text):
    assert screen.bytes_text(count) == text


@pytest.mark.parametrize("seconds, text", [(42e-6, "42 us"), (0.0125, "12.5 ms"), (3.14, "3.1 s"), (125, "2 min 5 s")])
def test_seconds_have_the_unit_that_reads_best(seconds, text):
    assert screen.seconds_text(seconds) == text


@pytest.mark.parametrize(
    "share, text", [(0, "    "), (0.5, "██  "), (1, "████"), (7, "████"), (-1, "    "), (0.28125, "█▏  ")]
)
def test_a_bar_is_filled_to_its_share_and_always_as_long(share, text):
    assert screen.bar(share, 4) == text


def test_a_table_fits_the_line_and_data_can_not_move_the_cursor(capsys):
    screen.table(["key", "text"], [("a", "x" * 500), ("b", "two\nlines\x1b[2J\ttab")], numeric=["key"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all(len(line) <= screen.width() for line in lines)
    assert lines[1].endswith("…") and "\x1b" not in lines[2] and "two lines" in lines[2]


def test_a_progress_bar_is_silent_where_nobody_looks(capsys):
    with screen.Progress("work", 10) as progress:
        progress.advance(10)
    assert progress.done == 10 and capsys.readouterr().err == ""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_progress_bar_shows_share_and_rate_on_a_terminal_and_wipes_itself(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(screen, "REDRAW_SECONDS_MIN", 0)
    with screen.Progress("work", 4) as progress:
        progress.advance(1)
    assert "25%" in terminal.getvalue() and "1 rows" in terminal.getvalue() and terminal.getvalue().endswith("\r\x1b[K")


def test_colours_stay_away_from_files_and_from_people_who_refuse_them(monkeypatch):
    assert screen.styled("x", "bold", stream=io.StringIO()) == "x"
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert screen.styled("x", "bold", "green", stream=Terminal()) == "\x1b[1;32mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert screen.styled("x", "bold", stream=Terminal()) == "x"
