"""omendb.Map beside immutables.Map, the trie of contextvars and dict: the operations of bench.hamt.compare, from Python.

    python -m bench.hamt.python_maps [--quick] [--maps dict,omendb.Map] [--sizes 1000,100000]

Each (map, keys, size) is a process of its own; thread CPU time, a warm-up, the median of five. The loop of the interpreter
is part of every figure; `loop` says how much it is. Maps that are not installed are left out with a note. Results:
bench/results/hamt_python.csv and .md. Compare figures of one run only, as ratios.
"""

import argparse
import csv
import gc
import importlib
import itertools
import pathlib
import random
import statistics
import subprocess
import sys
import time

from bench.hamt import RESULTS, ROOT
from bench.grid import markdown_table, text_table

SIZES = [100, 1_000, 10_000, 100_000, 1_000_000]
KEYS = ["sequential", "random", "decimal"]
NOT_HERE = 3
REPEATS = 5
REPEAT_NS = 20_000_000
SEED = 20240229


class Loop:
    """No map: what iterating over the keys costs by itself."""

    persistent = False

    @staticmethod
    def build(pairs):
        for _key, _value in pairs:
            pass


class Dict:
    persistent = False

    @staticmethod
    def build(pairs):
        built = {}
        for key, value in pairs:
            built[key] = value
        return built

    @staticmethod
    def change(built, erased, put, value=1):
        for key in erased:
            del built[key]
        for key in put:
            built[key] = value
        return built

    copy = staticmethod(dict.copy)


class Drafted:
    """immutables.Map and omendb.Map: set, delete, and a draft for many changes."""

    persistent = True

    def __init__(self, kind):
        self.kind = kind
        self.put, self.erase = kind.set, kind.delete

    def build(self, pairs):
        with self.kind().mutate() as draft:
            for key, value in pairs:
                draft[key] = value
            return draft.finish()

    @staticmethod
    def change(built, erased, put, value=1):
        with built.mutate() as draft:
            for key in erased:
                del draft[key]
            for key in put:
                draft[key] = value
            return draft.finish()


class ContextTrie:
    """The trie below contextvars (CPython shows it to its own tests): no drafts, so a build is a version per key."""

    persistent = True

    def __init__(self, make_empty):
        self.make_empty = make_empty
        self.put, self.erase = type(make_empty()).set, type(make_empty()).delete

    def build(self, pairs):
        built = self.make_empty()
        for key, value in pairs:
            built = built.set(key, value)
        return built


def drafted(module, name="Map"):
    return lambda: Drafted(getattr(importlib.import_module(module), name))


def context_trie():
    for module in ("_testcapi", "_testinternalcapi"):
        try:
            return ContextTrie(importlib.import_module(module).hamt)
        except (ImportError, AttributeError):
            continue
    raise ImportError("this Python does not show its trie (_testcapi.hamt)")


MAPS = {
    "loop": Loop,
    "dict": Dict,
    "omendb.Map": drafted("omendb"),
    "immutables.Map": drafted("immutables"),
    "contextvars": context_trie,
}
REFERENCES = ["immutables.Map", "dict"]


def workload(kind, size):
    """(keys, the same shuffled and made anew, strangers)."""
    source = random.Random(SEED)
    if kind == "random":
        numbers = source.sample(range(1 << 62), 2 * size)
    else:
        numbers = list(range(2 * size))
    made = str if kind == "decimal" else int
    keys = [made(number) for number in numbers[:size]]
    strangers = [made(number) for number in numbers[size:]]
    shuffled = numbers[:size]
    source.shuffle(shuffled)
    source.shuffle(strangers)
    return keys, [made(number + 0) for number in shuffled], strangers


def timed(rounds):
    """Median ns per operation; `rounds()` runs one round and returns (ns, operations)."""
    medians = []
    for _ in range(REPEATS + 1):
        total_ns = operations = 0
        while total_ns < REPEAT_NS:
            took_ns, count = rounds()
            total_ns += max(took_ns, 1)
            operations += count
        medians.append(total_ns / operations)
    return statistics.median(medians[1:])


def clocked(function, *arguments):
    began = time.thread_time_ns()
    result = function(*arguments)
    return time.thread_time_ns() - began, result


def look_up(built, keys):
    for key in keys:
        built[key]


def get(built, keys):
    find = built.get
    for key in keys:
        find(key)


def contains(built, keys):
    for key in keys:
        key in built  # noqa: B015  (what is measured)


def iterate(built):
    for _ in built:
        pass


def put_each(put, version, keys):
    for key in keys:
        version = put(version, key, 2)
    return version


def erase_each(erase, version, keys):
    for key in keys:
        version = erase(version, key)
    return version


def measurements(adapter, keys, hits, strangers):
    """{operation: function of one round}."""
    pairs = list(zip(keys, range(len(keys))))
    rounds = {"build": lambda: (clocked(adapter.build, pairs)[0], len(keys))}
    if isinstance(adapter, Loop):
        return rounds
    built = adapter.build(pairs)
    part = hits[: max(len(hits) // 10, 1)]
    both = [key for pair in zip(hits[::2], strangers[::2]) for key in pair]
    for name, one, asked in (("hit", look_up, hits), ("miss", get, strangers), ("contains", contains, both)):
        rounds[name] = lambda one=one, asked=asked: (clocked(one, built, asked)[0], len(asked))
    rounds["iterate"] = lambda: (clocked(iterate, built)[0], len(keys))
    if hasattr(adapter, "change"):
        rounds |= draft_rounds(adapter, adapter.build(pairs), part, hits)
    if hasattr(adapter, "copy"):
        rounds["snapshot"] = lambda: (clocked(adapter.copy, built)[0], 1)
    if adapter.persistent:
        smaller = erase_each(adapter.erase, built, part)
        rounds["persistent_update"] = lambda: (clocked(put_each, adapter.put, built, part)[0], len(part))
        rounds["persistent_erase"] = lambda: (clocked(erase_each, adapter.erase, built, part)[0], len(part))
        rounds["persistent_insert"] = lambda: (clocked(put_each, adapter.put, smaller, part)[0], len(part))
    if hasattr(built, "diff"):
        changed = put_each(adapter.put, built, hits[: max(len(hits) // 100, 1)])
        rounds["diff"] = lambda: (clocked(built.diff, changed)[0], max(len(hits) // 100, 1))
    return rounds


def draft_rounds(adapter, full, part, hits):
    """Erasing and putting back a tenth, and new values for all: in place, or through one draft."""
    state = [full]
    new_values = itertools.cycle((2, 3))  # a map may do nothing where a key has the very value already

    def erase():
        took_ns, state[0] = clocked(adapter.change, state[0], part, ())
        state[0] = adapter.change(state[0], (), part)
        return took_ns, len(part)

    def insert():
        state[0] = adapter.change(state[0], part, ())
        took_ns, state[0] = clocked(adapter.change, state[0], (), part)
        return took_ns, len(part)

    def update():
        took_ns, state[0] = clocked(adapter.change, state[0], (), hits, next(new_values))
        return took_ns, len(hits)

    return {"update": update, "erase": erase, "insert": insert}


def check(adapter, keys, strangers):
    """A map that answers wrongly must not look fast."""
    if isinstance(adapter, Loop):
        return
    built = adapter.build(zip(keys, range(len(keys))))
    if len(built) != len(keys) or any(built[key] != at for at, key in enumerate(keys)) or any(key in built for key in strangers):
        sys.exit("the map answers wrongly")


def run_one(name, kind, size):
    """Prints the lines of one cell."""
    try:
        adapter = MAPS[name]()
    except (ImportError, AttributeError) as error:
        print(error, file=sys.stderr)
        return NOT_HERE
    keys, hits, strangers = workload(kind, size)
    check(adapter, keys, strangers)
    gc.disable()
    for operation, rounds in measurements(adapter, keys, hits, strangers).items():
        print(f"{name},{kind},{operation},{size},{timed(rounds):.3f}", flush=True)
    return 0


def run_matrix(options):
    """[(map, keys, operation, size, ns per operation)]; the maps of a cell one right after the other."""
    rows, missing = [], set()
    for kind in options.keys:
        for size in options.sizes:
            for name in [name for name in options.maps if name not in missing]:
                command = [sys.executable, "-m", "bench.hamt.python_maps", "--one", name, kind, str(size)]
                done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
                for line in done.stdout.splitlines():
                    method, keys, operation, entries, ns = line.split(",")
                    rows.append((method, keys, operation, int(entries), float(ns)))
                if done.returncode == NOT_HERE:
                    missing.add(name)
                    print(f"  {name} left out: {done.stderr.strip()}", flush=True)
                elif done.returncode != 0:
                    sys.exit(f"{name} {kind} {size}: {done.stderr.strip()}")
            print(f"  {kind} {size:,}", flush=True)
    return rows


def ratios(found, operation):
    """omendb.Map over each of REFERENCES, ` (0.75x, 1.30x)`; a dash for one that lacks the operation."""
    ours, references = found["omendb.Map", operation], [found.get((name, operation)) for name in REFERENCES]
    return f" ({', '.join(f'{ours / one:.2f}x' if one else '-' for one in references)})" if any(references) else ""


def tables(rows):
    """(title, headings, lines) per keys and size; the ratios to REFERENCES stand behind our figures."""
    cells = list(dict.fromkeys((keys, size) for _, keys, _, size, _ in rows))
    for keys, size in cells:
        found = {(method, operation): ns for method, k, operation, s, ns in rows if (k, s) == (keys, size)}
        operations = list(dict.fromkeys(operation for method, operation in found if method != "loop"))
        lines = []
        for method in dict.fromkeys(method for method, _ in found):
            line = [method]
            for operation in operations:
                ns = found.get((method, operation))
                line.append("" if ns is None else f"{ns:,.0f}{ratios(found, operation) if method == 'omendb.Map' else ''}")
            lines.append(line)
        yield f"{keys}, {size:,} entries: ns per operation", ["map", *operations], lines


def write(rows, folder):
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "hamt_python.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["method", "dataset_type", "operation", "size", "ns_per_op"])
        writer.writerows(rows)
    head = f"Python {sys.version.split()[0]}; behind omendb.Map its ratios to {' and '.join(REFERENCES)}.\n"
    found = list(tables(rows))
    (folder / "hamt_python.md").write_text(head + "".join(f"\n### {t}\n\n{markdown_table(h, lines)}" for t, h, lines in found))
    print(head + "".join(f"\n{t}\n{text_table(h, lines)}" for t, h, lines in found))


def words(text):
    return [word for word in text.split(",") if word]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="random keys, 1,000 and 100,000 entries: a minute")
    parser.add_argument("--maps", type=words, default=list(MAPS))
    parser.add_argument("--keys", type=words, default=[])
    parser.add_argument("--sizes", type=lambda text: [int(word) for word in words(text)], default=[])
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--one", nargs=3, metavar=("MAP", "KEYS", "SIZE"), help="one cell, in this process")
    options = parser.parse_args()
    if options.one:
        name, kind, size = options.one
        return run_one(name, kind, int(size))
    options.keys = options.keys or (["random"] if options.quick else KEYS)
    options.sizes = options.sizes or ([1_000, 100_000] if options.quick else SIZES)
    unknown = set(options.maps) - set(MAPS)
    if unknown:
        sys.exit(f"no such map: {', '.join(sorted(unknown))}")
    write(run_matrix(options), options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
