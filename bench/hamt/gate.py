"""Does hamt hold its bounds? Judges what `python -m bench.hamt.compare` wrote.

    python -m bench.hamt.gate [--markdown] [bench/results]

A line per bound and kind of keys: hamt over the best of the maps named, at each size (below 1: faster or smaller), or the
bare figure where none is named. `!` (Markdown: bold) is over the bound that must be held, `~` (italics) over the goal alone.
What was not measured is not judged. The exit status is 1 when a required bound is broken, 2 when there was nothing to judge.
"""

import argparse
import json
import pathlib
import sys
import typing

from bench.hamt import RESULTS
from bench.grid import markdown_table, text_table

TEXTS = {"decimal", "words", "web2", "domains"}
NOT_JUDGED = {"collision"}  # libhamt loses keys there: its times are not those of a map
ALL = range(1_000, 1_000_001)
SMALL, LARGE = range(1_000, 100_000), range(100_000, 1_000_001)
MILLION = (1_000_000,)
# The maps whose best is the reference, by the name that a Bound gives.
BEST_OF = {
    "libhamt": ("libhamt", "libhamt-pool", "libhamt-arena"),
    "libhamt-arena": ("libhamt-arena",),  # never frees: the best case of its versions
    "libhamt, malloc or pool": ("libhamt", "libhamt-pool"),
    "libhamt-pool": ("libhamt-pool",),
    "std::unordered_map": ("std::unordered_map",),  # with the same mixing hash
    "immer": ("immer", "immer-unsafe"),
}


class Bound(typing.NamedTuple):
    """`name`, a time or a figure of hamt, over that of the best of `over` must be at most `required` and should be at most `goal`."""

    name: str
    over: str = ""  # of BEST_OF, or another operation of hamt's own; without, the bound is on the figure itself
    required: float | None = None
    goal: float | None = None
    texts: tuple | None = None  # (required, goal) for texts; else the required one: goals are for numbers unless said
    sizes: range | tuple = ALL

    def limits(self, keys):
        """(required, goal) for a kind of keys."""
        if keys in TEXTS:
            return self.texts or (self.required, None)
        return self.required, self.goal


BOUNDS = [
    Bound("build", "libhamt", 0.65, 0.60),
    Bound("insert", "libhamt", 0.60, 0.50),
    Bound("erase", "libhamt", 0.65, 0.50),
    Bound("update", "libhamt", 0.60),
    Bound("hit", "libhamt", 0.30, 0.25, texts=(0.45, 0.40)),
    Bound("miss", "libhamt", 0.35, 0.25),  # the goal for texts, 0.40, is wider than what is required
    Bound("dependent_hit", "libhamt", 0.65, 0.60, texts=(0.80, 0.80)),
    Bound("iterate", "libhamt", 0.35, 0.25),
    Bound("persistent_insert", "libhamt-arena", 0.60, 0.55),
    Bound("persistent_insert", "libhamt, malloc or pool", 0.20, 0.20),
    Bound("persistent_erase", "libhamt-arena", 0.75, 0.55),
    Bound("persistent_erase", "libhamt-pool", None, 0.20),
    Bound("batch_hit", "hit", None, 0.6, sizes=MILLION),
    # Of 8 + 8 bytes. libhamt leaves the keys to its caller: no ratio to it.
    Bound("used_bytes_per_entry", "", 29, 29, texts=(None, None)),
    Bound("heap_bytes_per_entry", "", 29, 29, texts=(None, None)),
    Bound("build", "std::unordered_map", None, 0.7, sizes=LARGE),
    Bound("insert", "std::unordered_map", None, 0.6, sizes=MILLION),
    Bound("erase", "std::unordered_map", None, 0.6, sizes=MILLION),
    Bound("hit", "std::unordered_map", None, 1.0, sizes=LARGE),
    Bound("miss", "std::unordered_map", None, 1.0, sizes=LARGE),
    Bound("dependent_hit", "std::unordered_map", None, 0.6, sizes=MILLION),
    Bound("iterate", "std::unordered_map", None, 0.3, sizes=(100_000,)),
    Bound("heap_bytes_per_entry", "std::unordered_map", None, 0.7, sizes=LARGE),
]
ROWS = "build insert erase hit miss dependent_hit iterate heap_bytes_per_entry".split()
BOUNDS += [Bound(name, "std::unordered_map", None, 1.3, sizes=SMALL) for name in ROWS]
BOUNDS += [Bound(name, "immer", None, 1.0, texts=(None, 1.0)) for name in (*ROWS, "persistent_insert", "persistent_erase")]


class Line(typing.NamedTuple):
    """A bound on one kind of keys: the ratio (or figure) at each size where both sides were measured."""

    keys: str
    bound: Bound
    values: dict

    def verdict(self, value):
        """'required' or 'goal' where that is broken, else nothing."""
        required, goal = self.bound.limits(self.keys)
        if required is not None and value > required:
            return "required"
        return "goal" if goal is not None and value > goal else ""


def numbers_of(results):
    """{(map, keys, operation or figure, size): value} of hamt.json."""
    times = {(one["method"], one["dataset_type"], one["operation"], one["size"]): one["ns_per_op"] for one in results["times"]}
    return times | {(one["method"], one["dataset_type"], one["name"], one["size"]): one["value"] for one in results["figures"]}


def value_of(bound, keys, size, numbers):
    """The ratio, or the figure itself; None where a side was not measured."""
    ours = numbers.get(("hamt", keys, bound.name, size))
    if ours is None or not bound.over:
        return ours
    if bound.over in BEST_OF:
        theirs = [numbers.get((other, keys, bound.name, size)) for other in BEST_OF[bound.over]]
    else:
        theirs = [numbers.get(("hamt", keys, bound.over, size))]
    best = min((one for one in theirs if one), default=None)
    return None if best is None else ours / best


def judged(numbers):
    """A Line for every bound that can be judged, the kinds of keys in the order of measuring."""
    lines = []
    for keys in dict.fromkeys(keys for _, keys, _, _ in numbers if keys not in NOT_JUDGED):
        sizes = sorted({size for _, kind, _, size in numbers if kind == keys})
        for bound in (bound for bound in BOUNDS if bound.limits(keys) != (None, None)):
            found = {size: value_of(bound, keys, size, numbers) for size in sizes if size in bound.sizes}
            values = {size: value for size, value in found.items() if value is not None}
            lines += [Line(keys, bound, values)] if values else []
    return lines


def broken_count(lines, verdict):
    return sum(line.verdict(value) == verdict for line in lines for value in line.values.values())


def summary(lines):
    total = sum(len(line.values) for line in lines)
    return f"{total} figures: {broken_count(lines, 'required')} over the bound, {broken_count(lines, 'goal')} over the goal alone."


MARKS = {"required": "{}!", "goal": "{}~", "": "{} "}
MARKDOWN_MARKS = {"required": "**{}**", "goal": "*{}*", "": "{}"}


def tables(lines, markdown=False):
    """One table per kind of keys, as text."""
    marks, table = (MARKDOWN_MARKS, markdown_table) if markdown else (MARKS, text_table)
    text = ""
    for keys in dict.fromkeys(line.keys for line in lines):
        ours = [line for line in lines if line.keys == keys]
        sizes = sorted({size for line in ours for size in line.values})
        rows = []
        for line in ours:
            limits = ["" if limit is None else f"{limit:g}" for limit in line.bound.limits(keys)]
            shown = {size: marks[line.verdict(value)].format(f"{value:.2f}") for size, value in line.values.items()}
            rows.append([line.bound.name, line.bound.over, *limits, *(shown.get(size, "") for size in sizes)])
        text += table([f"{keys} keys", "over", "required", "goal", *(f"{size:,}" for size in sizes)], rows) + "\n"
    return text


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=pathlib.Path, nargs="?", default=RESULTS, help="the folder that compare wrote")
    parser.add_argument("--markdown", action="store_true", help="tables for docs/performance.md")
    options = parser.parse_args(arguments)
    measured = options.results / "hamt.json"
    lines = judged(numbers_of(json.loads(measured.read_text()))) if measured.exists() else []
    if not lines:
        print(f"nothing to judge: no figures of hamt at 1,000 to 1,000,000 entries in {measured}", file=sys.stderr)
        return 2
    print(tables(lines, options.markdown) + summary(lines))
    if not any(line.bound.over == "libhamt" for line in lines):
        print("libhamt was not measured: most required bounds were not judged", file=sys.stderr)
    return 1 if broken_count(lines, "required") else 0


if __name__ == "__main__":
    sys.exit(main())
