"""One library on one set in a process of its own, pinned to its cores. The parent asks in lines of JSON and gets lines of JSON.

Usage: python -m bench.worker LIBRARY SET PATH THREADS. Requests: {"do": "build" | "open" | "measure" | "one_by_one" | "end", ...}.
"""

import json
import os
import sys
import time

THREAD_VARIABLES = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
WARM_UP_QUERIES = 10
SECONDS_MIN = 0.2  # of one timed run: a small set of queries is repeated


def memory_bytes():
    """(resident, of it not backed by a file) bytes of this process, as the kernel counts."""
    figures = {}
    with open("/proc/self/status") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name in ("VmRSS", "RssAnon"):
                figures[name] = int(rest.split()[0]) * 1024
    return figures["VmRSS"], figures["RssAnon"]


def recall_of(found, truth):
    return sum(len(set(row) & set(wanted)) for row, wanted in zip(found.tolist(), truth.tolist())) / truth.size


class Worker:
    def __init__(self, library, set_name, path, threads):
        from bench import libraries, sets

        self.path, self.threads = path, threads
        self.set_name = set_name
        self.sets = sets
        self.library_class = libraries.LIBRARIES[library]

    def load_queries(self):
        """Queries and truth alone: the base would be counted as the library's memory."""
        self.queries, self.truth = self.sets.load_queries(self.set_name)

    def build(self, request):
        base = self.sets.load_base(self.set_name)
        library = self.library_class(self.path, base.shape[1], self.threads)
        wall, cpu = time.perf_counter(), time.process_time()
        library.build(base)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        began = time.perf_counter()
        library.store()
        return {"seconds": wall, "cpu_seconds": cpu, "store_seconds": time.perf_counter() - began, "rows": len(base)}

    def open(self, request):
        import gc

        self.load_queries()
        self.library = self.library_class(self.path, self.queries.shape[1], self.threads)
        gc.collect()
        before = memory_bytes()
        began = time.perf_counter()
        self.library.open()
        self.library.search_one(self.queries[0], request["k"], 16)
        seconds = time.perf_counter() - began
        self.library.search(self.queries, request["k"], 64)
        after = memory_bytes()
        return {
            "seconds": seconds,
            "resident_bytes": after[0] - before[0],
            "anonymous_bytes": after[1] - before[1],
            "version": self.library_class.version(),
        }

    def measure(self, request):
        """One timed run at one ef; recall of the run."""
        search, k, ef = self.library.search, request["k"], request["ef"]
        if request.get("default"):

            def search(queries, k, _):
                return self.library.search_default(queries, k)

        search(self.queries[:WARM_UP_QUERIES], k, ef)
        runs, wall, cpu = 0, time.perf_counter(), time.process_time()
        while runs == 0 or time.perf_counter() - wall < SECONDS_MIN:
            found = search(self.queries, k, ef)
            runs += 1
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        count = runs * len(self.queries)
        return {
            "qps": count / wall,
            "cpu_qps": count / max(cpu, 1e-9),
            "recall": recall_of(found[:, :k], self.truth[:, :k]),
        }

    def one_by_one(self, request):
        """Latencies of single calls."""
        k, ef, latencies = request["k"], request["ef"], []
        for query in self.queries[:WARM_UP_QUERIES]:
            self.library.search_one(query, k, ef)
        for at in range(request["calls"]):
            query = self.queries[at % len(self.queries)]
            began = time.perf_counter_ns()
            self.library.search_one(query, k, ef)
            latencies.append(time.perf_counter_ns() - began)
        latencies.sort()
        return {"p50_us": latencies[len(latencies) // 2] / 1e3, "p99_us": latencies[len(latencies) * 99 // 100] / 1e3}

    def answer(self, request):
        return getattr(self, request["do"])(request)


def main(library, set_name, path, threads):
    worker = Worker(library, set_name, path, int(threads))
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "end":
            return
        print(json.dumps(worker.answer(request)), flush=True)


if __name__ == "__main__":
    for variable in THREAD_VARIABLES:
        os.environ[variable] = sys.argv[4]
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[4])])
    main(*sys.argv[1:])
