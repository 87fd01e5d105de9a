"""Full text and hybrid search of OmenDB beside tantivy and FTS5, and beside the bars that it is to keep.

    python -m bench.text [--quick] [--only index,search,hybrid,quality,burst] [--documents N] [--rounds N] [--out FOLDER]

- index: 200,000 documents of 80 words, one thread that writes, a process for each build: documents a CPU second of the whole
  process, by the clock, and bytes of the index. `search`: 2,000 queries of two to four words of a document, any of them, the
  ten best, one call each, a latency a call.
- hybrid, quality: what fusing a search by text with one by vector costs and brings (bench/hybrid.py). burst: durable ingest
  of wide rows (bench/burst.py).

The engines take turns, round by round; a ratio is the median of the rounds' ratios. Results: a table, and
bench/results/text.json.
"""

import argparse
import gc
import importlib.metadata
import json
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

from bench import burst, hybrid, sets, text_documents
from bench.grid import text_table
from bench.text_engines import ENGINES, SEARCHED

PARTS = ["index", "search", "hybrid", "quality", "burst"]
FULL = {"documents": 200_000, "queries": 2_000, "rounds": 3, "hybrid_queries": 200, "burst_rows": 50_000}
QUICK = {"documents": 2_000, "queries": 60, "rounds": 1, "hybrid_queries": 20, "burst_rows": 2_000}
PEER = "tantivy"


def cpu_seconds():
    """Of all threads of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


# --- what the processes run ---


def index_one(name, folder, count):
    """Figures of one build; the process ends afterwards."""
    documents = text_documents.load(count)
    engine = ENGINES[name](folder)
    prepared = engine.prepare(documents)
    gc.disable()
    cpu_before, began = cpu_seconds(), time.perf_counter()
    engine.build(prepared)
    seconds = time.perf_counter() - began
    engine.finish()
    cpu = cpu_seconds() - cpu_before
    settled_seconds = time.perf_counter() - began
    reopened = ENGINES[name](folder)
    reopened.open()
    return {
        "documents_per_second": count / seconds,
        "documents_per_cpu_second": count / cpu,
        "settled_seconds": settled_seconds,
        "index_bytes_per_document": reopened.index_bytes() / count,
        **reopened.figures(),
    }


def latencies_of(engine, queries):
    search, seconds = engine.search, []
    for query in queries:
        began = time.perf_counter()
        search(query)
        seconds.append(time.perf_counter() - began)
    return seconds


def overlap(one, other):
    """How many of the ten best are the same, on average."""
    shares = [len(set(a) & set(b)) / max(len(a), len(b)) for a, b in zip(one, other, strict=True) if a or b]
    return sum(shares) / len(shares)


def search_all(names, folder, count, query_count, rounds):
    """Rounds of latencies by engine, and how far they agree with OmenDB."""
    queries = text_documents.queries(text_documents.load(count), query_count)
    engines = {name: ENGINES[name](pathlib.Path(folder) / name) for name in names}
    answers = {}
    for name, engine in engines.items():
        engine.open()
        answers[name] = [engine.ids(engine.search(query)) for query in queries]
    measured = {name: [] for name in names}
    gc.disable()
    for _ in range(rounds):
        for name, engine in engines.items():
            cpu_before = cpu_seconds()
            seconds = latencies_of(engine, queries)
            used = cpu_seconds() - cpu_before
            p50, p99 = (float(np.percentile(seconds, share)) * 1e6 for share in (50, 99))
            measured[name].append({"p50_us": p50, "p99_us": p99, "queries_per_cpu_second": len(queries) / used})
    agree = {name: overlap(answers["omendb"], answers[name]) for name in names}
    return {"rounds": measured, "overlap": agree}


def run_child(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "bench.text", "--child", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=sets.ROOT,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{arguments[:2]} ended with status {done.returncode}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def child(arguments):
    """Prints the figures as the last line."""
    part, *rest = arguments
    if part == "index":
        print(json.dumps(index_one(rest[0], rest[1], int(rest[2]))))
    elif part == "search":
        print(json.dumps(search_all(rest[0].split(","), rest[1], *map(int, rest[2:]))))
    elif part == "burst":
        print(json.dumps(burst.run(rest[0], int(rest[1]))))
    return 0


# --- parts ---


def median(values):
    return sorted(values)[len(values) // 2]


def medians(rounds):
    return {key: median([one[key] for one in rounds]) for key in rounds[0]}


def ratios(ours, theirs):
    """Medians of the rounds' ratios, figure by figure."""
    keys = [key for key in ours[0] if all(one.get(key) for one in theirs)]
    return {key: median([a[key] / b[key] for a, b in zip(ours, theirs, strict=True)]) for key in keys}


def installed(names):
    for name in names:
        if ENGINES[name].installed():
            yield name
        else:
            print(f"left out: {ENGINES[name].package} is not installed (bench/requirements.txt)", flush=True)


def measure_index(sizes, folder):
    rounds = {name: [] for name in installed(ENGINES)}
    for _ in range(sizes["rounds"]):
        for name, measured in rounds.items():
            place = pathlib.Path(folder) / name
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            measured.append(run_child(["index", name, place, sizes["documents"]]))
    over = {name: ratios(rounds["omendb"], measured) for name, measured in rounds.items()}
    return {"engines": {name: medians(measured) for name, measured in rounds.items()}, "ours_over": over}


def measure_search(sizes, folder):
    names = [name for name in SEARCHED if (pathlib.Path(folder) / name).is_dir()]
    arguments = ["search", ",".join(names), folder, sizes["documents"], sizes["queries"], sizes["rounds"]]
    found = run_child(arguments)
    rounds = found["rounds"]
    over = {name: ratios(rounds["omendb"], measured) for name, measured in rounds.items()}
    engines = {name: {**medians(measured), "overlap": found["overlap"][name]} for name, measured in rounds.items()}
    return {"engines": engines, "ours_over": over}


def measure_burst(sizes, folder):
    rounds = []
    for _ in range(sizes["rounds"]):
        place = tempfile.mkdtemp(dir=folder)
        rounds.append(run_child(["burst", place, sizes["burst_rows"]]))
        shutil.rmtree(place)
    return medians(rounds)


def measure(parts, sizes):
    results = {"sizes": sizes, "versions": versions()}
    with tempfile.TemporaryDirectory(prefix="omendb-bench-") as folder:
        if {"index", "search"} & set(parts):
            results["documents"] = text_documents.shape(text_documents.load(sizes["documents"]))
            results["documents"]["origin"] = "WordNet" if text_documents.wordnet_folder() else "made-up words"
            print(describe_documents(results["documents"]), flush=True)
            results["index"] = measure_index(sizes, folder)
            show(*index_table(results["index"]))
        if "search" in parts:
            results["search"] = measure_search(sizes, folder)
            show(*search_table(results["search"]))
        if "hybrid" in parts:
            results["hybrid"] = hybrid.measure_latency(sizes["hybrid_queries"], sizes["rounds"])
            show("hybrid search, 10,747 x 768 with text and label", *hybrid.latency_table(results["hybrid"]))
        if "quality" in parts:
            results["quality"] = hybrid.measure_quality(sizes["hybrid_queries"])
            show("nDCG@10 of hybrid search", *hybrid.quality_table(results["quality"]))
        if "burst" in parts:
            results["burst"] = measure_burst(sizes, folder)
            show("durable ingest", *burst.table(results["burst"]))
    return results


def versions():
    found = {}
    for package in ("omendb", "tantivy", "scikit-learn"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


# --- tables ---


def show(title, headings, rows):
    print(f"\n{title}\n{text_table(headings, rows)}", flush=True)


def describe_documents(shape):
    growth = ", ".join(f"{terms:,} in {words:,}" for words, terms in shape["growth"])
    return (
        f"{shape['documents']:,} documents made of {shape['origin']}: {shape['words_per_document']:.1f} words and"
        f" {shape['bytes_per_document']:.0f} bytes each; different words: {growth}"
    )


def figure(value, pattern):
    return "-" if value is None else pattern.format(value)


def index_table(measured):
    rows = []
    for name, entry in measured["engines"].items():
        over = measured["ours_over"][name]
        rows.append([
            name,
            f"{entry['documents_per_cpu_second']:,.0f}",
            f"{over['documents_per_cpu_second']:.2f}x",
            f"{entry['documents_per_second']:,.0f}",
            f"{over['documents_per_second']:.2f}x",
            f"{entry['settled_seconds']:.2f}",
            f"{entry['index_bytes_per_document']:.1f}",
            figure(over.get("index_bytes_per_document"), "{:.2f}x"),
            figure(entry.get("segments"), "{:.0f}"),
        ])
    ours = "ours over it"
    headings = ["engine", "docs/CPU s", ours, "docs/s", ours, "all done s", "index B/doc", ours, "segments"]
    return "indexing, one thread that writes", headings, rows


def search_table(measured):
    rows = [
        [
            name,
            f"{entry['p50_us']:,.0f}",
            f"{measured['ours_over'][name]['p50_us']:.2f}x",
            f"{entry['p99_us']:,.0f}",
            f"{measured['ours_over'][name]['p99_us']:.2f}x",
            f"{entry['queries_per_cpu_second']:,.0f}",
            f"{entry['overlap']:.3f}",
        ]
        for name, entry in measured["engines"].items()
    ]
    headings = ["engine", "p50 us", "ours over it", "p99 us", "ours over it", "queries/CPU s", "same of ten best"]
    return "searching, ten best of any of 2 to 4 words, a query a call", headings, rows


def bars(results):
    """(what, measured, least or most, kept) of everything that was measured."""
    found = []

    def bar(what, value, least=None, most=None):
        kept = value >= least if least is not None else value <= most
        wanted = f">= {least:,}" if least is not None else f"<= {most:,}"
        found.append([what, f"{value:.3f}" if value < 1_000 else f"{value:,.0f}", wanted, "kept" if kept else "MISSED"])

    if PEER in results.get("index", {}).get("engines", {}):
        over = results["index"]["ours_over"][PEER]
        bar(f"docs a CPU second over {PEER}'s", over["documents_per_cpu_second"], least=0.9)
        bar(f"index bytes over {PEER}'s", over["index_bytes_per_document"], most=1.2)
    for name, over in results.get("search", {}).get("ours_over", {}).items():
        if name in (PEER, f"{PEER}-one-segment"):
            bar(f"p50 over {name}'s", over["p50_us"], most=0.9)
            bar(f"p99 over {name}'s", over["p99_us"], most=0.9)
    if results.get("hybrid"):
        bar("hybrid p50 over the sum of both", results["hybrid"]["fused_over_sum"], most=1.3)
        bar("the same with a filter", results["hybrid"]["filtered_fused_over_sum"], most=1.3)
    for name, entry in (results.get("quality") or {}).items():
        single = max(entry["text"], entry["vector"])
        for fused in (hybrid.DEFAULT, "tuned"):
            bar(f"nDCG, {fused} over the better single, {name}", entry[fused] / single, least=1)
    if "burst" in results:
        bar("rows a second, durable", results["burst"]["rows_per_second"], least=15_000)
    return ["bar", "measured", "wanted", ""], found


def main(argv):
    if argv[:1] == ["--child"]:
        return child(argv[1:])
    parser = argparse.ArgumentParser(prog="python -m bench.text", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke run of seconds")
    parser.add_argument("--only", default=",".join(PARTS), help="which of " + ",".join(PARTS))
    parser.add_argument("--documents", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--out", type=pathlib.Path, default=sets.ROOT / "bench" / "results")
    options = parser.parse_args(argv)
    parts = options.only.split(",")
    if not set(parts) <= set(PARTS):
        print(f"--only takes {','.join(PARTS)}, not {options.only}", file=sys.stderr)
        return 2
    sizes = dict(QUICK if options.quick else FULL)
    sizes |= {name: value for name in ("documents", "rounds") if (value := getattr(options, name)) is not None}
    results = measure(parts, sizes)
    results["bars"] = bars(results)[1]
    show("bars", *bars(results))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "text.json").write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
