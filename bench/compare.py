"""OmenDB in several settings beside its peers: build, search at equal recall, memory, whole databases, and durable ingest, in one run.

    python -m bench.compare                      all sets (4 hours on two idle cores)
    python -m bench.compare --quick              siftsmall and a short ingest (6 minutes)
    python -m bench.compare --sets mnist --libs omendb,hnswlib
    python -m bench.compare --sets= --no-ingest  the row of whole databases alone (3 minutes)

Each contender runs in processes of its own. Searching: one thread, one query a call; rounds in which the contenders take turns at every
beam; medians of the rounds, and medians of each round's ratio to hnswlib. Figures at a recall are interpolated between two beams,
logarithmically. Results: bench/results/ (tables, JSON, plots). Compare only figures of one run, as ratios.
"""

import argparse
import contextlib
import datetime
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from bench import ingest, libraries, report, sets
from bench.contenders import CONTENDERS, DATABASES, REFERENCE, SWEPT
from bench.libraries import DEFAULT, EF_CONSTRUCTION, M

RECALLS = [0.90, 0.95, 0.99]
RECALL_ENOUGH = 0.992
DATABASE_RECALL = 0.97
ROUNDS = 3
DATABASE_ROUNDS = 7
TOGETHER = 6  # processes that are open at a time, the reference among them: so that large sets fit into memory
FIGURES = ["qps", "cpu_qps", "p50_us", "p99_us"]
RESULTS = pathlib.Path(__file__).resolve().parent / "results"


class WorkerFailed(Exception):
    def __init__(self, name, why):
        super().__init__(why)
        self.name = name


class Process:
    """A worker process and the conversation with it."""

    def __init__(self, name, set_name, path, threads):
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", name, set_name, str(path), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=sets.ROOT,
        )

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise WorkerFailed(self.name, f"it ended with status {self.process.wait()} at '{request['do']}'")
        return json.loads(line)

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def say(text):
    print(text, flush=True)


def leave_out(left_out, name, why):
    left_out[name] = why
    say(f"  {name:15} left out: {why}")


def median_of(rounds):
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def median_ratio(rounds, reference_rounds):
    """Median of each round's ratio; None where one side has no figure."""
    pairs = [(one, other) for one, other in zip(rounds, reference_rounds) if one is not None and other is not None]
    return statistics.median(one / other for one, other in pairs) if pairs else None


def frontier(curve):
    """The points that no other beats in both recall and speed, by rising recall."""
    best = []
    for point in sorted(curve, key=lambda point: (-point["recall"], -point["cpu_qps"])):
        if not best or point["cpu_qps"] > best[-1]["cpu_qps"]:
            best.append(point)
    return best[::-1]


def at_recall(curve, recall, figure):
    """`figure` where the curve reaches `recall`: log-linear between two points; the first point's where that is above already; None where
    the curve never gets there."""
    curve = frontier(curve)
    for before, after in zip(curve, curve[1:]):
        if before["recall"] < recall <= after["recall"]:
            share = (recall - before["recall"]) / (after["recall"] - before["recall"])
            return math.exp(math.log(before[figure]) * (1 - share) + math.log(after[figure]) * share)
    return curve[0][figure] if curve[0]["recall"] >= recall else None


def build(name, set_name, path, threads):
    """Figures of one build; the stored index stays at `path`."""
    libraries.remove(path)
    with contextlib.closing(Process(name, set_name, path, threads)) as worker:
        figures = worker.ask(do="build")
    figures |= {
        "threads": threads,
        "rows_per_second": figures["rows"] / figures["seconds"],
        "rows_per_cpu_second": figures["rows"] / figures["cpu_seconds"],
        "disk_bytes": libraries.disk_bytes(path),
    }
    say(
        f"  {name:15} build, {threads} threads: {figures['seconds']:7.1f} s, {figures['rows_per_second']:8,.0f} vectors/s,"
        f" {figures['rows_per_cpu_second']:8,.0f} a CPU second"
    )
    return figures


def build_all(names, set_name, thread_counts, folder, rounds, left_out):
    """{name: median figures per thread count}; contenders take turns, and the last index stays. Who fails is left out."""
    measured = {name: {threads: [] for threads in thread_counts} for name in names}
    for threads in thread_counts:
        for _ in range(rounds):
            for name in list(measured):
                try:
                    measured[name][threads].append(build(name, set_name, folder / name, threads))
                except WorkerFailed as failure:
                    leave_out(left_out, name, f"on {set_name} {failure}")
                    del measured[name]
    return {name: [summary_of_builds(measured, name, threads) for threads in thread_counts] for name in measured}


def summary_of_builds(measured, name, threads):
    rounds, reference = measured[name][threads], measured.get(REFERENCE, {}).get(threads, [])
    ratios = {
        figure: median_ratio([one[figure] for one in rounds], [one[figure] for one in reference])
        for figure in ("rows_per_second", "rows_per_cpu_second")
    }
    return {**median_of(rounds), "ratios": ratios}


def sweep(workers):
    """{name: one curve a round}; at every beam the contenders take turns. A curve ends where its recall is enough."""
    curves = {worker.name: [] for worker in workers}
    for _ in range(ROUNDS):
        for worker in workers:
            curves[worker.name].append([])
        for at in range(max(len(CONTENDERS[worker.name].kind.beams) for worker in workers)):
            for worker in workers:
                beams, curve = CONTENDERS[worker.name].kind.beams, curves[worker.name][-1]
                if at < len(beams) and all(point["recall"] < RECALL_ENOUGH for point in curve):
                    curve.append({"beam": beams[at], **worker.ask(do="measure", k=sets.K, beam=beams[at])})
    return curves


def median_curve(curves):
    """The medians of rounds that have the same beams."""
    return [
        {"beam": points[0]["beam"]} | median_of([{name: point[name] for name in [*FIGURES, "recall"]} for point in points])
        for points in zip(*curves)
    ]


def summary_of_curves(curves, reference_curves):
    """Medians at each recall and medians of the ratios of the rounds."""
    curve = median_curve(curves)
    at = {figure: {str(recall): at_recall(curve, recall, figure) for recall in RECALLS} for figure in FIGURES}
    ratios = {
        figure: {
            str(recall): median_ratio(
                [at_recall(one, recall, figure) for one in curves],
                [at_recall(one, recall, figure) for one in reference_curves],
            )
            for recall in RECALLS
        }
        for figure in FIGURES
    }
    return {"curve": curve, "at": at, "ratios": ratios}


def measure_group(names, set_name, folder, rows):
    """Figures per contender of searching, memory and opening, each in a fresh process."""
    figures = {}
    with contextlib.ExitStack() as stack:
        workers = [
            stack.enter_context(contextlib.closing(Process(name, set_name, folder / name, 1))) for name in names
        ]
        for worker in workers:
            opened = worker.ask(do="open", k=sets.K)
            opened["resident_bytes_per_row"] = opened.pop("resident_bytes") / rows
            opened["anonymous_bytes_per_row"] = opened.pop("anonymous_bytes") / rows
            figures[worker.name] = opened
        curves = sweep(workers)
        for worker in workers:
            entry = figures[worker.name]
            entry |= summary_of_curves(curves[worker.name], curves.get(REFERENCE, []))
            if CONTENDERS[worker.name].is_ours():
                entry["default"] = median_of(
                    [worker.ask(do="measure", k=sets.K, beam=DEFAULT) for _ in range(ROUNDS)]
                )
    return figures


def measure_those_that_can(names, set_name, folder, rows, left_out):
    """measure_group(); who fails is left out, and the others are measured again."""
    while names:
        try:
            return measure_group(names, set_name, folder, rows)
        except WorkerFailed as failure:
            leave_out(left_out, failure.name, f"on {set_name} {failure}")
            names = [name for name in names if name != failure.name]
    return {}


def groups_of(names):
    """Names in groups of TOGETHER, each with the reference, where that takes part."""
    reference = [name for name in names if name == REFERENCE]
    others = [name for name in names if name != REFERENCE]
    size = TOGETHER - len(reference)
    return [reference + others[at : at + size] for at in range(0, len(others), size)] or [reference]


def measure_set(set_name, names, thread_counts, folder, rounds, left_out):
    say(f"\n{set_name}: preparing")
    rows, dims, query_count = sets.shape(set_name)
    say(f"{set_name}: {rows:,} x {dims}, {query_count:,} queries")
    builds = build_all(names, set_name, thread_counts, folder, rounds, left_out)
    searches = {}
    for group in groups_of(list(builds)):
        say(f"  searching, one thread, in turn: {', '.join(group)}")
        for name, figures in measure_those_that_can(group, set_name, folder, rows, left_out).items():
            searches.setdefault(name, {**figures, "builds": builds[name]})
    for name in builds:
        libraries.remove(folder / name)
    ordered = {name: searches[name] for name in names if name in searches}
    return {"rows": rows, "dims": dims, "queries": query_count, "libraries": ordered}


def narrowest(worker, recall):
    """The narrowest beam of a graph that reaches the recall, by doubling and halving."""

    def reaches(beam):
        return worker.ask(do="recall", k=sets.K, beam=beam)["recall"] >= recall

    high = sets.K
    while not reaches(high) and high < 1 << 12:
        high *= 2
    low = max(sets.K - 1, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high


def measure_databases(set_name, names, folder, left_out):
    """Latency of one call at one recall, whole databases and the reference in turns."""
    say(f"\nwhole databases, {set_name}: one query a call, recall {DATABASE_RECALL} or more")
    rows, dims, _ = sets.shape(set_name)
    builds = build_all(names, set_name, [2], folder, 1, left_out)
    with contextlib.ExitStack() as stack:
        workers = [
            stack.enter_context(contextlib.closing(Process(name, set_name, folder / name, 1))) for name in builds
        ]
        versions = {worker.name: worker.ask(do="open", k=sets.K)["version"] for worker in workers}
        beams = {worker.name: narrowest(worker, DATABASE_RECALL) for worker in workers}
        rounds = {worker.name: [] for worker in workers}
        for _ in range(DATABASE_ROUNDS):
            for worker in workers:
                rounds[worker.name].append(worker.ask(do="measure", k=sets.K, beam=beams[worker.name]))
    entries = {}
    for name in builds:
        p50s = [one["p50_us"] for one in rounds[name]]
        over = {other: median_ratio(p50s, [one["p50_us"] for one in rounds[other]]) for other in rounds}
        entries[name] = {
            "version": versions[name],
            "beam": beams[name],
            **median_of(rounds[name]),
            "p50_over": over,
            "builds": builds[name],
        }
        libraries.remove(folder / name)
    return {"set": set_name, "rows": rows, "dims": dims, "recall": DATABASE_RECALL, "libraries": entries}


def machine():
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return {
        "cpu": models[0] if models else "unknown",
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "at": datetime.datetime.now().isoformat(timespec="minutes"),
    }


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        prog="bench.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sets",
        default="siftsmall,mnist,sift200k,text100k,sift1m",
        help=f"of {', '.join(sets.SETS)} (default: %(default)s)",
    )
    parser.add_argument("--libs", default=",".join(SWEPT), help="contenders (default: %(default)s)")
    parser.add_argument("--databases", default=",".join(DATABASES), help="for the whole-database row (default: %(default)s)")
    parser.add_argument("--database-set", default="sift100k", help="set of that row (default: %(default)s)")
    parser.add_argument(
        "--build-threads",
        default="1,2",
        help="a set above 100,000 rows is built with the last one only (default: %(default)s)",
    )
    parser.add_argument("--build-rounds", type=int, default=1, help="medians of so many builds (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="siftsmall and a short ingest only")
    parser.add_argument("--no-databases", action="store_true", help="leave out the row of whole databases")
    parser.add_argument("--no-ingest", action="store_true", help="leave out the durable ingest beside zvec")
    parser.add_argument("--dir", help="folder for the indexes (default: a temporary one)")
    parser.add_argument("--out", default=str(RESULTS), help="folder for the results (default: bench/results)")
    return parser.parse_args(argv)


def names_in(text):
    return [name for name in text.split(",") if name]


def installed(names, left_out):
    """Those of the names whose packages are there; a line for each of the others."""
    there = []
    for name in names:
        if CONTENDERS[name].installed():
            there.append(name)
        elif name not in left_out:
            leave_out(left_out, name, f"{CONTENDERS[name].kind.package} is not installed")
    return there


def measure(arguments, set_names, folder):
    """All results; what is there after each set is kept already, should a later one fail."""
    left_out, out = {}, pathlib.Path(arguments.out)
    results = {
        "machine": machine(),
        "parameters": {"m": M, "ef_construction": EF_CONSTRUCTION, "k": sets.K},
        "sets": {},
        "left_out": left_out,
    }
    names = installed(names_in(arguments.libs), left_out)
    thread_counts = [int(count) for count in arguments.build_threads.split(",")]
    for set_name in set_names:
        try:
            counts = thread_counts[-1:] if set_name in sets.LARGE else thread_counts
            results["sets"][set_name] = measure_set(
                set_name, names, counts, folder, arguments.build_rounds, left_out
            )
            report.save(results, out)
        except sets.MissingSet as missing:
            say(f"{set_name}: left out, {missing}")
    if not arguments.no_databases:
        databases = installed(names_in(arguments.databases), left_out)
        set_name = "siftsmall" if arguments.quick else arguments.database_set
        results["databases"] = measure_databases(set_name, databases, folder, left_out)
    if not arguments.no_ingest and installed(["zvec"], left_out):
        results["ingest"] = ingest.compare(folder, 50_000 if arguments.quick else 200_000)
    return results


def main(argv=None):
    arguments = parse_arguments(argv)
    set_names = ["siftsmall"] if arguments.quick else names_in(arguments.sets)
    names = [*names_in(arguments.libs), *names_in(arguments.databases)]
    unknown = [name for name in names if name not in CONTENDERS] + [
        name for name in [*set_names, arguments.database_set] if name not in sets.SETS
    ]
    if unknown:
        print(f"bench.compare: no contender or set '{unknown[0]}'", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="omendb-bench-", dir=arguments.dir) as folder:
        results = measure(arguments, set_names, pathlib.Path(folder))
    report.write(results, pathlib.Path(arguments.out))
    return int(any(CONTENDERS[name].is_ours() for name in results["left_out"]))


if __name__ == "__main__":
    sys.exit(main())
