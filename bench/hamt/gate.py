"""Are the figures that hamt promises reached? Reads what `python -m bench.hamt.compare` wrote.

    python -m bench.hamt.gate [bench/results]

One line per operation and kind of keys: hamt over the best of the other maps named, at each size; `!` stands where the bound of the release is not
held, `~` where only the goal is not. The status is 1 when a bound is not held. Times are ratios of one run: lower is better.
"""

import collections
import json
import pathlib
import sys

from bench.hamt.compare import RESULTS

LIBHAMT = ("libhamt", "libhamt-pool", "libhamt-arena")
TEXTS = {"decimal", "words", "web2", "domains"}
SIZES_PROMISED = range(1_000, 1_000_001)


class Bound:
    """`operation` of hamt over the best of `others` must be at most `required` and should be at most `goal`; None: no such bound."""

    def __init__(self, operation, others, required, goal, texts=None, sizes=SIZES_PROMISED):
        self.operation = operation
        self.others = others
        self.numbers = (required, goal)
        self.texts = texts or self.numbers
        self.sizes = sizes

    def of(self, keys):
        return self.texts if keys in TEXTS else self.numbers


LARGE = (100_000, 1_000_000)
SMALL = (1_000, 10_000)
STANDARD = ("std::unordered_map",)
IMMER = ("immer", "immer-unsafe")
AGAINST_LIBHAMT = [
    Bound("build", LIBHAMT, 0.65, 0.60),
    Bound("insert", LIBHAMT, 0.60, 0.50),
    Bound("erase", LIBHAMT, 0.65, 0.50),
    Bound("update", LIBHAMT, 0.60, None),
    Bound("hit", LIBHAMT, 0.30, 0.25, texts=(0.45, 0.40)),
    Bound("miss", LIBHAMT, 0.35, 0.25),
    Bound("dependent_hit", LIBHAMT, 0.65, 0.60, texts=(0.80, 0.80)),
    Bound("iterate", LIBHAMT, 0.35, 0.25),
    Bound("persistent_insert", ("libhamt-arena",), 0.60, 0.55),
    Bound("persistent_erase", ("libhamt-arena",), 0.75, 0.55),
    Bound("persistent_insert", ("libhamt", "libhamt-pool"), 0.20, 0.20),
    Bound("persistent_erase", ("libhamt", "libhamt-pool"), 0.20, 0.20),
]
AGAINST_STANDARD = [
    Bound("build", STANDARD, None, 0.7, sizes=LARGE),
    Bound("build", STANDARD, None, 1.3, sizes=SMALL),
    Bound("insert", STANDARD, None, 0.6, sizes=(1_000_000,)),
    Bound("erase", STANDARD, None, 0.6, sizes=(1_000_000,)),
    Bound("hit", STANDARD, None, 1.0, sizes=LARGE),
    Bound("hit", STANDARD, None, 1.3, sizes=SMALL),
    Bound("miss", STANDARD, None, 1.0, sizes=LARGE),
    Bound("miss", STANDARD, None, 1.3, sizes=SMALL),
    Bound("dependent_hit", STANDARD, None, 0.6, sizes=(1_000_000,)),
    Bound("iterate", STANDARD, None, 0.3, sizes=(100_000,)),
]
AGAINST_IMMER = [
    Bound(operation, IMMER, None, 1.0)
    for operation in (
        "build insert erase update hit miss dependent_hit iterate persistent_insert persistent_update "
        "persistent_erase snapshot"
    ).split()
]
BATCH_OVER_HIT = 0.6  # at a million entries
BYTES_PER_ENTRY = 29  # of 8 + 8 bytes, in use


def mark(value, required, goal):
    if required is not None and value > required:
        return "!"
    return "~" if goal is not None and value > goal else " "


def cells(bound, keys, times):
    """{size: (ratio, mark)} where both sides were measured."""
    found = {}
    for (method, kind, operation, size), ours in times.items():
        if (method, kind, operation) != ("hamt", keys, bound.operation) or size not in bound.sizes:
            continue
        theirs = [times[other, keys, operation, size] for other in bound.others if (other, keys, operation, size) in times]
        if theirs:
            ratio = ours / min(theirs)
            found[size] = (ratio, mark(ratio, *bound.of(keys)))
    return dict(sorted(found.items()))


def line(name, bounds, found):
    required, goal = ("-" if one is None else f"{one:.2f}" for one in bounds)
    ratios = "".join(f"{size:>10,}: {ratio:.2f}{sign}" for size, (ratio, sign) in found.items())
    print(f"  {name:<20} {required:>5} {goal:>5} {ratios}")


def own_bounds(keys, times, figures):
    """What hamt promises without looking at others."""
    batch = {
        size: times["hamt", keys, "batch_hit", size] / times["hamt", keys, "hit", size]
        for size in (1_000_000,)
        if ("hamt", keys, "batch_hit", size) in times
    }
    yield "batch_hit over hit", (None, BATCH_OVER_HIT), batch
    if keys not in TEXTS:
        used = {
            size: value
            for (method, kind, size, name), value in sorted(figures.items())
            if (method, kind, name) == ("hamt", keys, "used_bytes_per_entry") and size in SIZES_PROMISED
        }
        yield "bytes per entry", (BYTES_PER_ENTRY, BYTES_PER_ENTRY), used


def report(keys, times, figures):
    """Prints the lines of a kind of keys; the marks that were set."""
    marks = collections.Counter()
    groups = (("the best libhamt", AGAINST_LIBHAMT), ("std::unordered_map", AGAINST_STANDARD), ("immer", AGAINST_IMMER))
    for others, bounds in groups:
        lines = [(bound, cells(bound, keys, times)) for bound in bounds]
        if any(found for _, found in lines):
            print(f"{keys} keys: hamt over {others}")
        for bound, found in lines:
            if found:
                name = bound.operation if bound.others in (LIBHAMT, STANDARD, IMMER) else f"{bound.operation[:16]}/{bound.others[-1][8:]}"
                line(name, bound.of(keys), found)
                marks.update(sign for _, sign in found.values())
    print(f"{keys} keys: hamt alone")
    for name, bounds, values in own_bounds(keys, times, figures):
        found = {size: (value, mark(value, *bounds)) for size, value in values.items()}
        line(name, bounds, found)
        marks.update(sign for _, sign in found.values())
    return marks


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    with open(folder / "hamt.json", encoding="utf-8") as file:
        data = json.load(file)
    times = {(one["method"], one["dataset_type"], one["operation"], one["size"]): one["ns_per_op"] for one in data["times"]}
    figures = {(one["method"], one["dataset_type"], one["size"], one["name"]): one["value"] for one in data["figures"]}
    marks = collections.Counter()
    for keys in dict.fromkeys(kind for _, kind, _, _ in times):
        marks += report(keys, times, figures)
    print(f"{marks.total()} cells: {marks['!']} over the bound, {marks['~']} over the goal alone")
    return 1 if marks["!"] else 0


if __name__ == "__main__":
    sys.exit(main())
