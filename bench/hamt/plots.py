"""Pictures of a run of bench.hamt.compare: per operation ns over entries, one line per map, and one of the bytes per entry. SVG and PNG.

    python -m bench.hamt.plots [--keys random,words] [--operations hit,build] [--out FOLDER] [bench/results]

compare draws them all by itself; this draws those of a run again, or some of them elsewhere.
"""

import argparse
import json
import pathlib
import sys
from statistics import mean

from bench.hamt import RESULTS

BYTES = "bytes_per_entry"
MEASURED_BYTES = ("heap_bytes_per_entry", "used_bytes_per_entry")  # what malloc gave out, else what the map says (a pool of its own)
# Families share a colour and differ by dashes; what is not named is grey.
STYLES = {
    "hamt": ("#d1495b", "-"), "hamt-view": ("#d1495b", "--"), "hamt-string": ("#d1495b", ":"),
    "libhamt": ("#30638e", "-"), "libhamt-pool": ("#30638e", "--"), "libhamt-arena": ("#30638e", ":"),
    "immer": ("#3a7d44", "-"), "immer-unsafe": ("#3a7d44", "--"),
    "absl::flat_hash_map": ("#c77d0a", "-"), "boost::unordered_flat_map": ("#c77d0a", "--"),
    "std::unordered_map": ("#7b4b94", "-"), "std::unordered_map-string": ("#7b4b94", ":"),
    "GHashTable": ("#1b998b", "-"), "hsearch": ("#1b998b", "--"),
    "std::map": ("#8d6e63", "-"), "std::map-string": ("#8d6e63", ":"), "boost-avl": ("#8d6e63", "--"),
}  # fmt: skip
OTHER = ("#888888", "-")
WIDTHS = {"hamt": 3.0}
LABEL_STEP = 0.045  # of the height of the axes, between two labels


def curves(results, keys, operation):
    """{map: [(entries, value)]} in the order of measuring; of BYTES the first of MEASURED_BYTES that the map has."""
    if operation == BYTES:
        rows = [(one["name"], one["value"], one) for one in results["figures"] if one["name"] in MEASURED_BYTES]
        rows.sort(key=lambda row: -MEASURED_BYTES.index(row[0]))
    else:
        rows = [(operation, one["ns_per_op"], one) for one in results["times"] if one["operation"] == operation]
    found = {}
    for _, value, one in rows:
        if one["dataset_type"] == keys and value > 0:
            found.setdefault(one["method"], {})[one["size"]] = value
    return {method: sorted(points.items()) for method, points in found.items()}


def spread(heights):
    """The heights of labels, from the lowest up, moved to LABEL_STEP apart: those that would overlap are centred where they were."""
    groups = []
    for height in sorted(heights):
        groups.append([height])
        while len(groups) > 1 and mean(groups[-1]) - mean(groups[-2]) < LABEL_STEP * (len(groups[-1]) + len(groups[-2])) / 2:
            groups[-2:] = [groups[-2] + groups[-1]]
    return [mean(group) + LABEL_STEP * (at - (len(group) - 1) / 2) for group in groups for at in range(len(group))]


def label(axes, ends):
    """The names of the lines to the right of the axes, each joined to the last point of its line, in its colour."""
    to_axes = (axes.transData + axes.transAxes.inverted()).transform
    ends = sorted((to_axes(point)[1], point, method) for method, point in ends.items())
    for (_, point, method), height in zip(ends, spread([end[0] for end in ends])):
        colour, _ = STYLES.get(method, OTHER)
        to_label = {"arrowstyle": "-", "color": colour, "linewidth": 0.5, "alpha": 0.6, "relpos": (0, 0.5)}
        axes.annotate(method, point, (1.03, height), textcoords="axes fraction", annotation_clip=False, color=colour, va="center",
                      fontsize=9, fontweight="bold" if method in WIDTHS else "normal", arrowprops=to_label)  # fmt: skip


def scale(axes, operation):
    """Logarithmic with plain numbers; bytes from zero on."""
    from matplotlib import ticker

    numbers = ticker.FuncFormatter(lambda value, _: f"{value:,.10g}")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(numbers)
    axes.minorticks_off()
    if operation == BYTES:
        axes.set_ylim(bottom=0)
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(numbers)
    axes.minorticks_off()


def draw(pyplot, results, keys, operation, path):
    """One picture as SVG and PNG."""
    drawing, axes = pyplot.subplots(figsize=(8, 4.8))
    found = curves(results, keys, operation)
    for method, points in found.items():
        colour, dashes = STYLES.get(method, OTHER)
        axes.plot(*zip(*points), color=colour, linestyle=dashes, linewidth=WIDTHS.get(method, 1.3), marker="o", markersize=3,
                  zorder=3 if method in WIDTHS else 2)  # fmt: skip
    name, unit = ("bytes per entry", "bytes, from malloc or else in use") if operation == BYTES else (operation, "ns per operation")
    axes.set(title=f"{name}, {keys} keys", xlabel="entries", ylabel=unit)
    scale(axes, operation)
    axes.grid(True, which="major", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    label(axes, {method: points[-1] for method, points in found.items()})
    drawing.savefig(path.with_suffix(".svg"), bbox_inches="tight", metadata={"Date": None})
    drawing.savefig(path.with_suffix(".png"), bbox_inches="tight", dpi=110)
    pyplot.close(drawing)


def write(results, folder, keys=(), operations=()):
    """Names of the pictures drawn, `hit-random` and the like; none where matplotlib is missing."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return []
    # Text stays text, and the same figures give the same file.
    pyplot.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "hamt", "font.family": ["DejaVu Sans", "sans-serif"]})
    folder.mkdir(parents=True, exist_ok=True)
    measured = dict.fromkeys((one["dataset_type"], one["operation"]) for one in results["times"])
    pairs = [*measured, *((kind, BYTES) for kind in dict.fromkeys(kind for kind, _ in measured))]
    wanted = [(kind, what) for kind, what in pairs if (not keys or kind in keys) and (not operations or what in operations)]
    for kind, what in wanted:
        draw(pyplot, results, kind, what, folder / f"{what}-{kind}")
    return [f"{what}-{kind}" for kind, what in wanted]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=pathlib.Path, nargs="?", default=RESULTS, help="the folder that compare wrote")
    parser.add_argument("--keys", type=lambda text: text.split(","), default=[], help="comma-separated; default all of the run")
    parser.add_argument("--operations", type=lambda text: text.split(","), default=[], help=f"comma-separated; default all, and {BYTES}")
    parser.add_argument("--out", type=pathlib.Path, help="default: plots/ in the folder of the results")
    options = parser.parse_args()
    results = json.loads((options.results / "hamt.json").read_text())
    drawn = write(results, options.out or options.results / "plots", options.keys, options.operations)
    print(", ".join(drawn) or "nothing was drawn: no such keys or operations, or no matplotlib (bench/requirements.txt)")
    return 0 if drawn else 1


if __name__ == "__main__":
    sys.exit(main())
