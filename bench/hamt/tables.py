"""Results of bench.hamt.compare: CSV, JSON, Markdown with ratios beside the bars, plots."""

import csv
import json

from bench.report import markdown_table

OURS = "hamt"
LIBHAMT = ["libhamt", "libhamt-pool", "libhamt-arena"]
TEXTS = {"decimal", "words", "web2", "domains"}
# The order of the tables' columns, and their headings.
OPERATIONS = {
    "build": "build", "insert": "ins", "hit": "hit", "dependent_hit": "dep", "miss": "miss", "contains": "contains",
    "update": "upd", "erase": "del", "iterate": "iter", "persistent_insert": "p_ins", "persistent_update": "p_upd",
    "persistent_erase": "p_del", "mixed_90_10": "90/10", "mixed_50_50": "50/50", "batch_hit": "batch", "replay": "replay",
    "snapshot": "snapshot", "diff": "diff", "destroy": "destroy",
}  # fmt: skip
# Highest ratio to libhamt at which the design's goal is met; persistent ones against the arena, its best case. The second number holds for texts.
BARS = {
    "build": (0.65, 0.65), "insert": (0.60, 0.60), "hit": (0.30, 0.45), "dependent_hit": (0.65, 0.80), "miss": (0.35, 0.35),
    "update": (0.60, 0.60), "erase": (0.65, 0.65), "iterate": (0.35, 0.35), "persistent_insert": (0.60, 0.60),
    "persistent_erase": (0.75, 0.75),
}  # fmt: skip
FREEING_BARS = {"persistent_insert": 0.20}  # against the variants that use malloc or the pool
BYTES_BAR = 29  # per entry of two 8-byte words
BARS_SIZE_MIN = 1_000
BARLESS = {"collision"}  # libhamt loses keys there: its times are not those of a map


def bar_of(operation, keys):
    return BARS[operation][keys in TEXTS] if operation in BARS else None


def best(times, methods, keys, operation, size):
    """The least ns/op among the methods, or None."""
    found = [times[method, keys, operation, size][1] for method in methods if (method, keys, operation, size) in times]
    return min(found, default=None)


def against(operation):
    """{name of a comparison: the methods whose best is its reference}."""
    if operation.startswith("persistent"):
        return {"libhamt": ["libhamt-arena"], "libhamt, malloc or pool": ["libhamt", "libhamt-pool"], "immer": ["immer"]}
    return {"libhamt": LIBHAMT, "std::unordered_map": ["std::unordered_map"], "immer": ["immer"]}


COMPARISONS = ["libhamt", "libhamt, malloc or pool", "std::unordered_map", "immer"]


def ratio(times, comparison, keys, operation, size):
    ours = best(times, [OURS], keys, operation, size)
    reference = best(times, against(operation).get(comparison, []), keys, operation, size)
    return ours / reference if ours and reference else None


def bar_for(comparison, operation, keys):
    if keys in BARLESS:
        return None
    if comparison == "libhamt":
        return bar_of(operation, keys)
    return FREEING_BARS.get(operation) if comparison == "libhamt, malloc or pool" else None


def cells(times):
    """(keys, [sizes]) in the order of measuring."""
    found = {}
    for _, keys, _, size in times:
        sizes = found.setdefault(keys, [])
        if size not in sizes:
            sizes.append(size)
    return found.items()


def measured_operations(times, keys):
    present = {operation for _, cell_keys, operation, _ in times if cell_keys == keys}
    return [operation for operation in OPERATIONS if operation in present]


def shown(value, bar):
    if value is None:
        return ""
    return f"**{value:.2f}**" if bar is not None and value > bar else f"{value:.2f}"


def ratio_table(times, keys, sizes):
    operations = [operation for operation in measured_operations(times, keys) if operation != "snapshot"]
    bars = [bar_for("libhamt", operation, keys) for operation in operations]
    rows = [["bar", "libhamt", *("" if bar is None else f"{bar:.2f}" for bar in bars)]] if any(bars) else []
    for size in sizes:
        for comparison in COMPARISONS:
            ratios = [ratio(times, comparison, keys, operation, size) for operation in operations]
            if any(ratios):
                marked = [shown(one, bar_for(comparison, o, keys)) for one, o in zip(ratios, operations)]
                rows.append([f"{size:,}", comparison, *marked])
    return markdown_table(["entries", "ratio to", *(OPERATIONS[operation] for operation in operations)], rows)


def time_table(times, keys, size):
    operations = measured_operations(times, keys)
    methods = list(dict.fromkeys(method for method, k, _, s in times if (k, s) == (keys, size)))
    rows = []
    for method in methods:
        found = [best(times, [method], keys, operation, size) for operation in operations]
        rows.append([method, *("" if one is None else f"{one:.1f}" if one < 100 else f"{one:,.0f}" for one in found)])
    return markdown_table([f"{size:,}", *(OPERATIONS[operation] for operation in operations)], rows)


def figure_table(figures, keys):
    names = list(dict.fromkeys(name for _, k, _, name in figures if k == keys))
    lines = list(dict.fromkeys((size, method) for method, k, size, _ in figures if k == keys))
    rows = []
    for size, method in lines:
        found = [figures.get((method, keys, size, name)) for name in names]
        rows.append([f"{size:,}", method, *("" if one is None else f"{one:.4g}" for one in found)])
    return markdown_table(["entries", "map", *(name.replace("_", " ") for name in names)], rows)


def missed_bars(times, figures):
    """(how many bars there were to meet, a line for each that was not)."""
    total, missed = 0, []
    for keys, sizes in cells(times):
        for size in sizes:
            if keys in BARLESS or size < BARS_SIZE_MIN:
                continue
            for operation in measured_operations(times, keys):
                for comparison in COMPARISONS:
                    bar, value = bar_for(comparison, operation, keys), ratio(times, comparison, keys, operation, size)
                    if bar is None or value is None:
                        continue
                    total += 1
                    if value > bar:
                        missed.append(f"{keys} {size:,} {OPERATIONS[operation]}: {value:.2f} of {comparison}, bar {bar:.2f}")
    for (method, keys, size, name), value in figures.items():
        if (method, name) == (OURS, "used_bytes_per_entry") and keys not in TEXTS | BARLESS and size >= BARS_SIZE_MIN:
            total += 1
            if value > BYTES_BAR:
                missed.append(f"{keys} {size:,} bytes per entry: {value:.1f}, bar {BYTES_BAR}")
    return total, missed


def loss_notes(figures):
    """A line for every map that lost keys."""
    lost = {cell: value for cell, value in figures.items() if cell[3] == "lost_keys" and value}
    return [f"{method} {keys} {size:,}: lost {value:.0f} keys" for (method, keys, size, _), value in lost.items()]


def as_markdown(head, times, figures):
    total, missed = missed_bars(times, figures)
    built = "; ".join(f"{name} {value}" for name, value in head["built"].items())
    text = f"# hamt beside other maps\n\n{head['machine']['cpu']}, {head['machine']['at']}. {built}.\n\n"
    text += "Compare figures of one run only, as ratios. Below 1 hamt is faster; bold: above its bar.\n"
    if total:
        text += f"\n{total - len(missed)} of {total} bars met.\n" + "".join(f"- {line}\n" for line in missed)
    for keys, sizes in cells(times):
        text += f"\n## {keys} keys: ratios\n\n{ratio_table(times, keys, sizes)}\n### ns per operation\n"
        text += "".join(f"\n{time_table(times, keys, size)}" for size in sizes)
        text += f"\n### Memory and structure\n\n{figure_table(figures, keys)}"
    return text + "".join(f"\n- {note}" for note in head["notes"] + loss_notes(figures)) + "\n"


def write_csv(folder, times, figures):
    with (folder / "hamt.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["method", "dataset_type", "operation", "size", "total_time_ns", "ops_per_sec", "ns_per_op"])
        for (method, keys, operation, size), (total_ns, ns_per_op) in times.items():
            writer.writerow([method, keys, operation, size, total_ns, f"{1e9 / ns_per_op:.0f}", f"{ns_per_op:.3f}"])
    with (folder / "hamt_figures.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["method", "dataset_type", "size", "name", "value"])
        writer.writerows([*cell, f"{value:.6g}"] for cell, value in figures.items())


def write_json(folder, head, times, figures):
    time_rows = [dict(zip(("method", "dataset_type", "operation", "size"), cell), ns_per_op=ns) for cell, (_, ns) in times.items()]
    figure_rows = [dict(zip(("method", "dataset_type", "size", "name"), cell), value=value) for cell, value in figures.items()]
    (folder / "hamt.json").write_text(json.dumps({**head, "times": time_rows, "figures": figure_rows}, indent=1) + "\n")


def plot(pyplot, times, keys, path):
    """ns/op over the number of entries, one small drawing per operation, one line per map. As PNG and SVG."""
    operations = measured_operations(times, keys)
    columns = 4
    rows = -(-len(operations) // columns)
    drawing, axes = pyplot.subplots(rows, columns, figsize=(4.2 * columns, 3.2 * rows), squeeze=False)
    methods = list(dict.fromkeys(method for method, cell_keys, _, _ in times if cell_keys == keys))
    colours = {method: pyplot.cm.tab20(at % 20) for at, method in enumerate(methods)}
    for panel, operation in zip(axes.flat, operations):
        for method in methods:
            points = sorted((size, ns) for (m, k, o, size), (_, ns) in times.items() if (m, k, o) == (method, keys, operation))
            if points:
                width = 2.6 if method == OURS else 1.1
                panel.plot(*zip(*points), marker=".", linewidth=width, color=colours[method], label=method)
        panel.set(xscale="log", yscale="log", title=operation, xlabel="entries", ylabel="ns per operation")
        panel.grid(True, which="major", alpha=0.25)
    for panel in axes.flat[len(operations) :]:
        panel.set_visible(False)
    lines = {line.get_label(): line for panel in axes.flat for line in panel.get_lines()}
    drawing.legend(lines.values(), lines.keys(), loc="upper center", ncols=min(len(lines), 7), frameon=False)
    drawing.tight_layout(rect=(0, 0, 1, 1 - 0.5 / (rows + 0.5) * 0.5))
    for ending in ("png", "svg"):
        drawing.savefig(path.with_suffix(f".{ending}"), dpi=110)
    pyplot.close(drawing)


def plots(folder, times):
    """Names of the plots drawn; none where matplotlib is missing."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return []
    names = [f"hamt_{keys}" for keys, _ in cells(times)]
    for (keys, _), name in zip(cells(times), names):
        plot(pyplot, times, keys, folder / f"{name}.png")
    return names


def write(folder, head, times, figures):
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder, times, figures)
    write_json(folder, head, times, figures)
    text = as_markdown(head, times, figures)
    (folder / "hamt.md").write_text(text)
    drawn = plots(folder, times)
    print("\n" + text + f"\nwritten to {folder}: hamt.csv, hamt_figures.csv, hamt.json, hamt.md, plots: "
          + (", ".join(drawn) or "none (matplotlib is not installed)"))  # fmt: skip
