"""Results of bench.compare as a table on the screen, Markdown, JSON and plots."""

import json

RECALLS = ["0.9", "0.95", "0.99"]
COLOURS = {"omendb": "#d1495b", "hnswlib": "#30638e", "faiss": "#edae49", "usearch": "#6b7b3a"}
REFERENCE = "hnswlib"


def figure(value, pattern="{:,.0f}"):
    return "-" if value is None else pattern.format(value)


def with_ratio(value, reference):
    if value is None:
        return "-"
    return f"{value:,.0f}" + (f" ({value / reference:.2f}x)" if reference else "")


def search_rows(measured):
    reference = measured["libraries"].get(REFERENCE, {}).get("cpu_qps_at", {})
    rows = []
    for name, entry in measured["libraries"].items():
        call = entry["one_call"]
        rows.append(
            [
                name,
                entry["version"],
                *(with_ratio(entry["cpu_qps_at"][recall], reference.get(recall)) for recall in RECALLS),
                f"{call['p50_us']:,.0f} / {call['p99_us']:,.0f} @{call['ef']}",
                f"{entry['resident_bytes_per_row']:,.0f}",
                f"{entry['anonymous_bytes_per_row']:,.0f}",
                f"{entry['open_seconds']:.3f}",
            ]
        )
    return [
        "library",
        "version",
        "QPS@0.90",
        "QPS@0.95",
        "QPS@0.99",
        "1 call p50/p99 us @ef",
        "RSS B/vec",
        "of it anonymous",
        "load s",
    ], rows


def build_rows(measured):
    rows = []
    reference = {build["threads"]: build for build in measured["libraries"].get(REFERENCE, {}).get("builds", [])}
    for name, entry in measured["libraries"].items():
        for build in entry["builds"]:
            peer = reference.get(build["threads"], {})
            rows.append(
                [
                    name,
                    str(build["threads"]),
                    f"{build['seconds']:,.1f}",
                    with_ratio(build["rows_per_second"], peer.get("rows_per_second")),
                    with_ratio(build["rows_per_cpu_second"], peer.get("rows_per_cpu_second")),
                    f"{build['disk_bytes'] / measured['rows']:,.1f}",
                ]
            )
    return ["library", "threads", "wall s", "vectors/s", "vectors per CPU second", "file B/vec"], rows


def ingest_rows(ingest):
    reference = ingest["writers"]["zvec"]["rows_per_second"]
    rows = [
        [
            entry["label"],
            with_ratio(entry["rows_per_second"], reference),
            f"{entry['commit_p50_ms']:.2f} / {entry['commit_p99_ms']:.2f}",
            figure(entry["syncs_per_batch"], "{:.2f}"),
            "yes" if entry["searchable_at_once"] else "no",
        ]
        for entry in ingest["writers"].values()
    ]
    return ["writer", "vectors/s (ratio to zvec)", "batch p50/p99 ms", "syncs a batch", "searchable at once"], rows


def markdown_table(headings, rows):
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def text_table(headings, rows):
    widths = [max(len(line[at]) for line in [headings, *rows]) for at in range(len(headings))]
    return (
        "\n".join(
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
            for line in [headings, *rows]
        )
        + "\n"
    )


def sections(results):
    """(title, note, headings, rows) of every table."""
    for name, measured in results["sets"].items():
        title = f"{name}: {measured['rows']:,} x {measured['dims']}"
        ours = measured["libraries"].get("omendb", {}).get("default")
        note = "One thread, batch interface, queries per CPU second at recall@10 (ratio to hnswlib)."
        if ours:
            note += f" OmenDB with default settings: {ours['recall']:.4f} at {ours['cpu_qps']:,.0f} queries/s."
        yield f"{title}, search", note, *search_rows(measured)
        yield f"{title}, build", "Build of OmenDB includes a synced commit every 1,000 rows.", *build_rows(measured)
    if "ingest" in results:
        title = f"durable ingest, {results['ingest']['rows']:,} x 128 in batches of 1,000"
        yield title, "Medians of three.", *ingest_rows(results["ingest"])


def as_text(results, table):
    machine, parameters = results["machine"], results["parameters"]
    head = (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['at']}; M {parameters['m']}, "
        f"ef_construction {parameters['ef_construction']}, k {parameters['k']}. Compare figures of one run only, as ratios.\n"
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
        points = [(point["recall"], point["cpu_qps"]) for point in entry["curve"]]
        axes.plot(
            *zip(*points),
            marker="o",
            markersize=4,
            label=library,
            color=COLOURS.get(library),
            linewidth=2.4 if library == "omendb" else 1.4,
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
    axes.legend(frameon=False)
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


def write(results, folder):
    """Prints the tables and writes results.json, results.md and a plot per set into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    print("\n" + as_text(results, text_table))
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "results.md").write_text(as_text(results, markdown_table))
    drawn = plots(results, folder)
    print(
        f"written to {folder}: results.md, results.json, {', '.join(drawn) or 'no plots (matplotlib is not installed)'}"
    )
