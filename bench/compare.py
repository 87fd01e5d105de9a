"""OmenDB beside hnswlib, faiss and usearch in one run: build, search at equal recall, memory, reopening; durable ingest beside zvec.

    python -m bench.compare                      all sets (about 40 minutes on two cores)
    python -m bench.compare --quick              siftsmall and a short ingest (about 3 minutes)
    python -m bench.compare --sets mnist --libs omendb,hnswlib

Each library runs in processes of its own pinned to their cores. Searching: one thread; for every ef each library in
turn, three rounds, medians; queries a second at a recall are interpolated between two ef, logarithmically. Time a set
takes: siftsmall 1 min, mnist 6, sift200k 12, sift1m 30. Results: bench/results/ (table, JSON, plots). Compare only
figures of one run, as ratios.
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

BEAMS = [10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640]
RECALLS = [0.90, 0.95, 0.99]
RECALL_ENOUGH = 0.992
ROUNDS = 3
CALLS = 1_000
RESULTS = pathlib.Path(__file__).resolve().parent / "results"


class WorkerFailed(Exception):
    pass


class Process:
    """A worker process and the conversation with it."""

    def __init__(self, library, set_name, path, threads):
        self.library = library
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", library, set_name, str(path), str(threads)],
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
            raise WorkerFailed(f"{self.library} ended with status {self.process.wait()} at {request['do']}")
        return json.loads(line)

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def say(text):
    print(text, flush=True)


def build(library, set_name, path, threads):
    """Figures of one build; the stored index stays at `path`."""
    libraries.remove(path)
    with contextlib.closing(Process(library, set_name, path, threads)) as worker:
        figures = worker.ask(do="build")
    figures |= {
        "threads": threads,
        "rows_per_second": figures["rows"] / figures["seconds"],
        "rows_per_cpu_second": figures["rows"] / figures["cpu_seconds"],
        "disk_bytes": libraries.disk_bytes(path),
    }
    say(
        f"  {library:8} build, {threads} threads: {figures['seconds']:7.1f} s, {figures['rows_per_second']:8,.0f} vectors/s"
    )
    return figures


def median_of(rounds):
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def sweep(workers):
    """{library: [figures at each ef]}; at every ef the libraries take turns, round by round."""
    curves = {worker.library: [] for worker in workers}
    for ef in BEAMS:
        active = [
            worker
            for worker in workers
            if not curves[worker.library] or curves[worker.library][-1]["recall"] < RECALL_ENOUGH
        ]
        rounds = {worker.library: [] for worker in active}
        for _ in range(ROUNDS):
            for worker in active:
                rounds[worker.library].append(worker.ask(do="measure", k=sets.K, ef=ef))
        for library, measured in rounds.items():
            curves[library].append({"ef": ef, **median_of(measured)})
    return curves


def at_recall(curve, recall, figure):
    """`figure` where the curve reaches `recall`: log-linear between two points; the first point's where that is above already; None where
    the curve never gets there."""
    for before, after in zip(curve, curve[1:]):
        if before["recall"] < recall <= after["recall"]:
            share = (recall - before["recall"]) / (after["recall"] - before["recall"])
            return math.exp(math.log(before[figure]) * (1 - share) + math.log(after[figure]) * share)
    return curve[0][figure] if curve[0]["recall"] >= recall else None


def beam_for(curve, recall):
    return next((point["ef"] for point in curve if point["recall"] >= recall), curve[-1]["ef"])


def measure_searches(names, set_name, folder, rows):
    """Figures per library of searching, memory and opening, each in a fresh process with one core."""
    figures = {}
    with contextlib.ExitStack() as stack:
        workers = []
        for name in names:
            worker = stack.enter_context(contextlib.closing(Process(name, set_name, folder / name, 1)))
            opened = worker.ask(do="open", k=sets.K)
            figures[name] = {
                "version": opened["version"],
                "open_seconds": opened["seconds"],
                "resident_bytes_per_row": opened["resident_bytes"] / rows,
                "anonymous_bytes_per_row": opened["anonymous_bytes"] / rows,
            }
            workers.append(worker)
        curves = sweep(workers)
        for worker in workers:
            curve = curves[worker.library]
            ef = beam_for(curve, 0.95)
            entry = figures[worker.library]
            entry["curve"] = curve
            entry["one_call"] = {
                "ef": ef,
                **median_of([worker.ask(do="one_by_one", k=sets.K, ef=ef, calls=CALLS) for _ in range(ROUNDS)]),
            }
            for figure in ("qps", "cpu_qps"):
                entry[f"{figure}_at"] = {str(recall): at_recall(curve, recall, figure) for recall in RECALLS}
            if worker.library == "omendb":
                entry["default"] = median_of(
                    [worker.ask(do="measure", k=sets.K, ef=0, default=True) for _ in range(ROUNDS)]
                )
    return figures


def measure_set(set_name, names, thread_counts, folder):
    say(f"\n{set_name}: preparing")
    rows, dims, query_count = sets.shape(set_name)
    say(f"{set_name}: {rows:,} x {dims}, {query_count:,} queries")
    builds = {name: [] for name in names}
    for threads in thread_counts:  # the last one's index is searched
        for name in names:
            builds[name].append(build(name, set_name, folder / name, threads))
    say(f"  searching, one thread, {len(names)} libraries in turn")
    searches = measure_searches(names, set_name, folder, rows)
    for name in names:
        searches[name]["builds"] = builds[name]
        libraries.remove(folder / name)
    return {"rows": rows, "dims": dims, "queries": query_count, "libraries": searches}


def machine():
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return {
        "cpu": models[0] if models else "unknown",
        "cores": os.cpu_count(),
        "at": datetime.datetime.now().isoformat(timespec="minutes"),
    }


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        prog="bench.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sets", default="siftsmall,mnist,sift1m", help=f"of {', '.join(sets.SETS)} (default: %(default)s)"
    )
    parser.add_argument("--libs", default=",".join(libraries.LIBRARIES), help="default: %(default)s")
    parser.add_argument(
        "--build-threads",
        default="1,2",
        help="a set above 100,000 rows is built with the last one only (default: %(default)s)",
    )
    parser.add_argument("--quick", action="store_true", help="siftsmall and a short ingest only")
    parser.add_argument("--no-ingest", action="store_true", help="leave out the durable ingest beside zvec")
    parser.add_argument("--dir", help="folder for the indexes (default: a temporary one)")
    parser.add_argument("--out", default=str(RESULTS), help="folder for the results (default: bench/results)")
    return parser.parse_args(argv)


def main(argv=None):
    arguments = parse_arguments(argv)
    set_names = ["siftsmall"] if arguments.quick else arguments.sets.split(",")
    names = arguments.libs.split(",")
    unknown = [name for name in names if name not in libraries.LIBRARIES] + [
        name for name in set_names if name not in sets.SETS
    ]
    if unknown:
        print(f"bench.compare: no library or set '{unknown[0]}'", file=sys.stderr)
        return 2
    thread_counts = [int(count) for count in arguments.build_threads.split(",")]
    results = {
        "machine": machine(),
        "parameters": {"m": libraries.M, "ef_construction": libraries.EF_CONSTRUCTION, "k": sets.K},
        "sets": {},
    }
    with tempfile.TemporaryDirectory(prefix="omendb-bench-", dir=arguments.dir) as folder:
        for set_name in set_names:
            try:
                counts = thread_counts[-1:] if set_name in sets.LARGE else thread_counts
                results["sets"][set_name] = measure_set(set_name, names, counts, pathlib.Path(folder))
            except sets.MissingSet as missing:
                say(f"{set_name}: left out, {missing}")
        if not arguments.no_ingest:
            results["ingest"] = ingest.compare(pathlib.Path(folder), 50_000 if arguments.quick else 200_000)
    report.write(results, pathlib.Path(arguments.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
