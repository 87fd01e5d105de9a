"""One contender on one set in a process of its own. The parent asks in lines of JSON and gets lines of JSON.

Usage: python -m bench.worker CONTENDER SET PATH THREADS. Requests: {"do": "build" | "open" | "recall" | "measure" | "end", ...}.
"""

import json
import os
import sys
import time

THREAD_VARIABLES = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
WARM_UP_QUERIES = 100
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
    return sum(len(set(row) & set(wanted)) for row, wanted in zip(found, truth.tolist())) / truth.size


class Worker:
    def __init__(self, contender, set_name, path, threads):
        from bench import contenders, sets

        self.path, self.threads = path, threads
        self.set_name = set_name
        self.sets = sets
        self.contender = contenders.CONTENDERS[contender]

    def build(self, request):
        base = self.sets.load_base(self.set_name)
        library = self.contender.make(self.path, base.shape[1], self.threads)
        rows = library.prepare(base)
        wall, cpu = time.perf_counter(), time.process_time()
        library.build(rows)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        began = time.perf_counter()
        library.store()
        return {"seconds": wall, "cpu_seconds": cpu, "store_seconds": time.perf_counter() - began, "rows": len(base)}

    def open(self, request):
        """Queries and truth alone are read beside the index: the rows would be counted as its memory."""
        import gc

        queries, self.truth = self.sets.load_queries(self.set_name)
        self.queries = list(queries)
        self.library = self.contender.make(self.path, queries.shape[1], self.threads)
        gc.collect()
        before = memory_bytes()
        began = time.perf_counter()
        self.library.open()
        search = self.library.searcher(request["k"], self.library.beams[0])
        search(self.queries[0])
        seconds = time.perf_counter() - began
        for query in self.queries:
            search(query)
        after = memory_bytes()
        return {
            "open_seconds": seconds,
            "resident_bytes": after[0] - before[0],
            "anonymous_bytes": after[1] - before[1],
            "code_bytes_per_row": self.library.code_bytes(),
            "version": self.contender.version(),
        }

    def recall(self, request):
        k = request["k"]
        search = self.library.searcher(k, request["beam"])
        found = [[int(key) for key in self.library.ids(search(query))] for query in self.queries]
        return {"recall": recall_of(found, self.truth[:, :k])}

    def measure(self, request):
        """One timed run with one beam, a query a call; and its recall."""
        k = request["k"]
        search = self.library.searcher(k, request["beam"])
        for query in self.queries[:WARM_UP_QUERIES]:
            search(query)
        latencies, answers = [], []
        clock, wall, cpu = time.perf_counter_ns, time.perf_counter(), time.process_time()
        while not answers or time.perf_counter() - wall < SECONDS_MIN:
            answers = []
            for query in self.queries:
                began = clock()
                answer = search(query)
                latencies.append(clock() - began)
                answers.append(answer)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        found = [[int(key) for key in self.library.ids(answer)] for answer in answers]
        latencies.sort()
        return {
            "qps": len(latencies) / wall,
            "cpu_qps": len(latencies) / max(cpu, 1e-9),
            "p50_us": latencies[len(latencies) // 2] / 1e3,
            "p99_us": latencies[len(latencies) * 99 // 100] / 1e3,
            "recall": recall_of(found, self.truth[:, :k]),
        }

    def answer(self, request):
        return getattr(self, request["do"])(request)


def main(contender, set_name, path, threads):
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    worker = Worker(contender, set_name, path, int(threads))
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "end":
            return
        print(json.dumps(worker.answer(request)), file=answers, flush=True)


if __name__ == "__main__":
    for variable in THREAD_VARIABLES:
        os.environ[variable] = sys.argv[4]
    os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin would count as work
    main(*sys.argv[1:])
