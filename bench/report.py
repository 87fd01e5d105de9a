"""Results of bench.compare as a table on the screen, Markdown, JSON and plots."""

import json

from bench.contenders import CONTENDERS, REFERENCE, SMALL_CODES
from bench.grid import markdown_table, text_table

RECALLS = ["0.9", "0.95", "0.99"]
COLOURS = {"omendb": "#d1495b", "hnswlib": "#30638e", "faiss-hnsw": "#edae49", "usearch": "#6b7b3a"}
DATABASE_BARS = {"zvec": 0.35, REFERENCE: 0.8}  # OmenDB's p50 over theirs, at most


def figure(value, pattern="{:,.0f}"):
    return "-" if value is None else pattern.format(value)


def with_ratio(value, ratio):
    if value is None:
        return "-"
    return f"{value:,.0f}" + (f" ({ratio:.2f}x)" if ratio else "")


def search_rows(measured):
    rows = []
    for name, entry in measured["libraries"].items():
        at, ratios = entry["at"], entry["ratios"]
        rows.append(
            [
                name,
                entry["version"],
                *(with_ratio(at["cpu_qps"][recall], ratios["cpu_qps"][recall]) for recall in RECALLS),
                f"{figure(at['p50_us']['0.95'])} / {figure(at['p99_us']['0.95'])}",
                f"{max(point['recall'] for point in entry['curve']):.4f}",
                f"{entry['resident_bytes_per_row']:,.0f}",
                f"{entry['anonymous_bytes_per_row']:,.0f}",
                f"{entry['open_seconds']:.3f}",
            ]
        )
    return [
        "contender",
        "version",
        "QPS@0.90",
        "QPS@0.95",
        "QPS@0.99",
        "p50/p99 us @0.95",
        "best recall",
        "RSS B/vec",
        "of it anonymous",
        "load s",
    ], rows


def recall_of_beam(entry, beam):
    """What a build is worth: the recall of its graph with one beam, the same for all."""
    return next((point["recall"] for point in entry["curve"] if point["beam"] == beam), None)


def beam_to_judge_by(measured):
    """The beam with which the reference, else the first contender, reaches 0.95."""
    libraries = measured["libraries"]
    curve = libraries.get(REFERENCE, next(iter(libraries.values())))["curve"]
    return next((point["beam"] for point in curve if point["recall"] >= 0.95), curve[-1]["beam"])


def build_rows(measured):
    rows = []
    beam = beam_to_judge_by(measured)
    for name, entry in measured["libraries"].items():
        for build in entry["builds"]:
            ratios = build["ratios"]
            rows.append(
                [
                    name,
                    str(build["threads"]),
                    f"{build['seconds']:,.1f}",
                    f"{build['cpu_seconds']:,.1f}",
                    with_ratio(build["rows_per_second"], ratios["rows_per_second"]),
                    with_ratio(build["rows_per_cpu_second"], ratios["rows_per_cpu_second"]),
                    figure(recall_of_beam(entry, beam), "{:.4f}"),
                    f"{build['disk_bytes'] / measured['rows']:,.1f}",
                ]
            )
    return [
        "contender",
        "threads",
        "wall s",
        "CPU s",
        "vectors/s",
        "vectors per CPU second",
        f"recall @ef {beam}",
        "file B/vec",
    ], rows


def code_rows(measured):
    rows = []
    for name, entry in measured["libraries"].items():
        if name in SMALL_CODES:
            best = max(entry["curve"], key=lambda point: point["recall"])
            code_bytes = entry["code_bytes_per_row"]
            rows.append(
                [
                    name,
                    figure(code_bytes, "{:,.1f}"),
                    "-" if code_bytes is None else f"1/{measured['dims'] * 4 / code_bytes:.1f}",
                    f"{best['recall']:.4f}",
                    str(best["beam"]),
                    figure(best["cpu_qps"]),
                ]
            )
    return ["contender", "code B/vec", "of the vector", "highest recall@10", "beam", "QPS there"], rows


def best_of(libraries, figure_of, ours, graphs_only=False):
    """(name, ratio to the reference) of the best of ours or of the peers; None where none has the figure."""
    found = [
        (figure_of(entry), name)
        for name, entry in libraries.items()
        if CONTENDERS[name].is_ours() == ours
        and not (graphs_only and not CONTENDERS[name].kind.is_graph)
        and figure_of(entry) is not None
    ]
    return max(found)[::-1] if found else None


def standing_rows(results):
    """The best of ours over the best peer of the same run, by their ratios to the reference."""
    rows = []
    for set_name, measured in results["sets"].items():
        libraries = measured["libraries"]
        criteria = [
            (f"QPS@{recall}", lambda entry, recall=recall: entry["ratios"]["cpu_qps"][recall], False)
            for recall in ("0.95", "0.99")
        ] + [
            (
                f"graph build, {build['threads']} threads, CPU",
                lambda entry, at=at: entry["builds"][at]["ratios"]["rows_per_cpu_second"],
                True,
            )
            for at, build in enumerate(next(iter(libraries.values()))["builds"])
        ]
        for title, figure_of, graphs_only in criteria:
            ours, peer = (best_of(libraries, figure_of, side, graphs_only) for side in (True, False))
            if ours and peer:
                shown = [f"{name} {ratio:.2f}x" for name, ratio in (ours, peer)]
                rows.append([set_name, title, *shown, f"{ours[1] / peer[1]:.2f}x"])
    return ["set", "figure", "best of OmenDB", "best peer", "ours over the peer's"], rows


def database_rows(databases):
    rows = []
    for name, entry in databases["libraries"].items():
        over = entry["p50_over"]
        rows.append(
            [
                name,
                entry["version"],
                f"{entry['recall']:.4f} @{entry['beam']}",
                f"{entry['p50_us']:,.1f} / {entry['p99_us']:,.1f}",
                *(figure(over.get(other), "{:.2f}x") for other in DATABASE_BARS),
                f"{entry['builds'][0]['seconds']:,.1f}",
            ]
        )
    bars = [f"p50 over {other}'s (bar for OmenDB: {bar})" for other, bar in DATABASE_BARS.items()]
    return ["database", "version", "recall @ef", "p50 / p99 us", *bars, "load and index s"], rows


def ingest_rows(ingest):
    reference = ingest["writers"]["zvec"]["rows_per_second"]
    rows = [
        [
            entry["label"],
            with_ratio(entry["rows_per_second"], entry["rows_per_second"] / reference),
            f"{entry['commit_p50_ms']:.2f} / {entry['commit_p99_ms']:.2f}",
            figure(entry["syncs_per_batch"], "{:.2f}"),
            "yes" if entry["searchable_at_once"] else "no",
        ]
        for entry in ingest["writers"].values()
    ]
    return ["writer", "vectors/s (ratio to zvec)", "batch p50/p99 ms", "syncs a batch", "searchable at once"], rows




def sections(results):
    """(title, note, headings, rows) of every table."""
    for name, measured in results["sets"].items():
        title = f"{name}: {measured['rows']:,} x {measured['dims']}"
        ours = measured["libraries"].get("omendb", {}).get("default")
        note = (
            "One thread, one query a call, queries per CPU second at recall@10 (median of the rounds' ratios to"
            f" {REFERENCE})."
        )
        if ours:
            note += f" OmenDB with default settings: {ours['recall']:.4f} at {ours['cpu_qps']:,.0f} queries/s."
        yield f"{title}, search", note, *search_rows(measured)
        yield (
            f"{title}, build",
            "Build of OmenDB includes a synced commit every 1,000 rows; its statements come from one more thread.",
            *build_rows(measured),
        )
        headings, rows = code_rows(measured)
        if rows:
            note = (
                "Candidates are compared again with their full vectors; a curve ends once its recall is 0.992. Bytes of"
                " OmenDB's codes are those of its memory, with what turns vectors into codes and whole blocks."
            )
            yield f"{title}, codes of a sixteenth of the vectors or less", note, headings, rows
    headings, rows = standing_rows(results)
    if rows:
        yield "OmenDB beside the best peer", f"Ratios to {REFERENCE} of this run.", headings, rows
    if "databases" in results:
        databases = results["databases"]
        title = f"whole databases, {databases['set']}: {databases['rows']:,} x {databases['dims']}"
        note = f"One query a call from Python with the narrowest beam of recall@10 {databases['recall']} or more."
        yield title, note, *database_rows(databases)
    if "ingest" in results:
        title = f"durable ingest, {results['ingest']['rows']:,} x 128 in batches of 1,000"
        yield title, "Medians of three.", *ingest_rows(results["ingest"])


def as_text(results, table):
    machine, parameters = results["machine"], results["parameters"]
    head = (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['at']}; M {parameters['m']}, "
        f"ef_construction {parameters['ef_construction']}, k {parameters['k']}. Compare figures of one run only, as ratios.\n"
        + "".join(f"Left out: {name}, {why}.\n" for name, why in results["left_out"].items())
    )
    mark = "### " if table is markdown_table else ""
    return head + "".join(
        f"\n{mark}{title}\n{note}\n\n{table(headings, rows)}" for title, note, headings, rows in sections(results)
    )


def plot(name, measured, path):
    """Recall against queries a second, one line a library: further right and higher is better."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawing, axes = pyplot.subplots(figsize=(8, 5), dpi=110)
    for library, entry in measured["libraries"].items():
        points = [(point["recall"], point["cpu_qps"]) for point in sorted(entry["curve"], key=lambda at: at["recall"])]
        axes.plot(
            *zip(*points),
            marker="o",
            markersize=4,
            label=library,
            color=COLOURS.get(library),
            linewidth=2.4 if CONTENDERS[library].is_ours() else 1.2,
        )
    lowest = min(point["recall"] for entry in measured["libraries"].values() for point in entry["curve"])
    axes.set(
        yscale="log",
        xlim=(max(0.8, lowest - 0.01), 1.001),
        xlabel="recall@10",
        ylabel="queries per CPU second, one thread",
        title=f"{name}: {measured['rows']:,} x {measured['dims']}",
    )
    axes.grid(True, which="both", alpha=0.25)
    axes.legend(frameon=False, fontsize="small", ncols=2)
    drawing.tight_layout()
    drawing.savefig(path)
    pyplot.close(drawing)


def plots(results, folder):
    """Names of the plots drawn; none where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401  (only asked for here; plot() uses it)
    except ImportError:
        return []
    for name, measured in results["sets"].items():
        plot(name, measured, folder / f"{name}.png")
    return [f"{name}.png" for name in results["sets"]]


def save(results, folder):
    """results.json, which has everything."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")


def write(results, folder):
    """Prints the tables and writes results.json, results.md and a plot per set into `folder`."""
    save(results, folder)
    print("\n" + as_text(results, text_table))
    (folder / "results.md").write_text(as_text(results, markdown_table))
    drawn = plots(results, folder)
    print(
        f"written to {folder}: results.md, results.json, {', '.join(drawn) or 'no plots (matplotlib is not installed)'}"
    )
