"""Results of bench.hamt.compare: CSV, JSON, Markdown with the bounds and ratios, plots."""

import csv
import json

from bench.hamt import gate, plots
from bench.grid import markdown_table

OURS = "hamt"
COMPARISONS = ["libhamt", "libhamt, malloc or pool", "std::unordered_map", "immer"]  # of gate.BEST_OF
# The order of the tables' columns, and their headings.
OPERATIONS = {
    "build": "build", "insert": "ins", "hit": "hit", "dependent_hit": "dep", "miss": "miss", "contains": "contains",
    "update": "upd", "erase": "del", "iterate": "iter", "persistent_insert": "p_ins", "persistent_update": "p_upd",
    "persistent_erase": "p_del", "mixed_90_10": "90/10", "mixed_50_50": "50/50", "batch_hit": "batch", "replay": "replay",
    "persistent_chain": "chain", "snapshot": "snapshot", "diff": "diff", "destroy": "destroy",
}  # fmt: skip
# Likewise of memory and structure, whatever the map that says them first.
FIGURES = {
    "used_bytes_per_entry": "bytes used", "heap_bytes_per_entry": "from malloc", "reserved_bytes_per_entry": "reserved",
    "resident_bytes_per_entry": "resident", "depth_average": "depth", "depth_maximum": "deepest",
    "bitmap_utilisation": "bitmap use", "collision_rate": "collisions", "load_factor": "load factor", "lost_keys": "lost keys",
}  # fmt: skip


def best(times, methods, keys, operation, size):
    """The least ns/op among the methods, or None."""
    found = [times[method, keys, operation, size][1] for method in methods if (method, keys, operation, size) in times]
    return min(found, default=None)


def ratio(times, others, keys, operation, size):
    """Ours over the best of the others, or None."""
    ours, reference = best(times, [OURS], keys, operation, size), best(times, others, keys, operation, size)
    return ours / reference if ours and reference else None


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


def ratio_table(times, keys, sizes):
    operations = [operation for operation in measured_operations(times, keys) if operation != "snapshot"]
    rows = []
    for size in sizes:
        for comparison in COMPARISONS:
            ratios = [ratio(times, gate.BEST_OF[comparison], keys, operation, size) for operation in operations]
            if any(ratios):
                rows.append([f"{size:,}", comparison, *("" if one is None else f"{one:.2f}" for one in ratios)])
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
    present = {name for _, kind, _, name in figures if kind == keys}
    names = [name for name in FIGURES if name in present]
    rows = []
    for size, method in dict.fromkeys((size, method) for method, kind, size, _ in figures if kind == keys):
        found = [figures.get((method, keys, size, name)) for name in names]
        rows.append([f"{size:,}", method, *("" if one is None else f"{one:.4g}" for one in found)])
    return markdown_table(["entries", "map", *(FIGURES[name] for name in names)], rows)


def loss_notes(figures):
    """A line for every map that lost keys."""
    lost = {cell: value for cell, value in figures.items() if cell[3] == "lost_keys" and value}
    return [f"{method} {keys} {size:,}: lost {value:.0f} keys" for (method, keys, size, _), value in lost.items()]


def as_markdown(results, times, figures):
    built = "; ".join(f"{name} {value}" for name, value in results["built"].items())
    text = f"# hamt beside other maps\n\n{results['machine']['cpu']}, {results['machine']['at']}. {built}.\n\n"
    text += "Compare figures of one run only, as ratios. Below 1 hamt is faster.\n"
    lines = gate.judged(gate.numbers_of(results))
    if lines:
        text += "\n## Bounds\n\nBold: over the bound that must be held; italics: over the goal alone. "
        text += f"{gate.summary(lines)}\n\n{gate.tables(lines, markdown=True)}"
    for keys, sizes in cells(times):
        text += f"\n## {keys} keys: ratios\n\n{ratio_table(times, keys, sizes)}\n### ns per operation\n"
        text += "".join(f"\n{time_table(times, keys, size)}" for size in sizes)
        text += f"\n### Memory (bytes per entry) and structure\n\n{figure_table(figures, keys)}"
    return text + "".join(f"\n- {note}" for note in results["notes"] + loss_notes(figures)) + "\n"


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


def with_rows(head, times, figures):
    """What hamt.json holds."""
    time_rows = [dict(zip(("method", "dataset_type", "operation", "size"), cell), ns_per_op=ns) for cell, (_, ns) in times.items()]
    figure_rows = [dict(zip(("method", "dataset_type", "size", "name"), cell), value=value) for cell, value in figures.items()]
    return {**head, "times": time_rows, "figures": figure_rows}


def write(folder, head, times, figures):
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder, times, figures)
    results = with_rows(head, times, figures)
    (folder / "hamt.json").write_text(json.dumps(results, indent=1) + "\n")
    text = as_markdown(results, times, figures)
    (folder / "hamt.md").write_text(text)
    print(f"\n{text}\nwritten to {folder}: hamt.csv, hamt_figures.csv, hamt.json, hamt.md", flush=True)
    drawn = plots.write(results, folder / "plots")
    print(f"{len(drawn)} plots in {folder / 'plots'}" if drawn else "no plots: matplotlib is not installed")
