"""The plot of `omen bench ann` and `omen tune`: recall against queries a second, by matplotlib where it is installed."""

import importlib.util
import os

from omendb_cli.failure import Failure, Usage

ENDINGS = (".png", ".svg")


def check(path: str) -> None:
    """Said before the long work: what would keep the plot from being drawn after it."""
    if os.path.splitext(path)[1].lower() not in ENDINGS:
        raise Usage(f"--plot {path}: plots are {' and '.join(ENDINGS)} files")
    if importlib.util.find_spec("matplotlib") is None:
        raise Failure("--plot needs matplotlib, which is not installed: pip install matplotlib")
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise Failure(f"--plot {path}: there is no folder {folder}")


def draw(figures: dict, path: str) -> None:
    """One line for one thread, one for all threads if measured: right and up is better; settings off the frontier are pale."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawing, axes = pyplot.subplots(figsize=(8, 5), dpi=110)
    points = sorted(figures["points"], key=lambda point: point["recall_at_k"])
    frontier = [point for point in points if point["frontier"]]
    for name, label, colour in (
        ("queries_per_second", "batch, 1 thread", "#d1495b"),
        ("batch_queries_per_second", f"batch, {figures.get('threads')} threads", "#30638e"),
    ):
        if name not in points[0]:
            continue
        axes.scatter([p["recall_at_k"] for p in points], [p[name] for p in points], color=colour, alpha=0.35, s=18)
        axes.plot(
            [p["recall_at_k"] for p in frontier], [p[name] for p in frontier], color=colour, marker="o", label=label
        )
    for point in frontier:
        place = (point["recall_at_k"], point["queries_per_second"])
        axes.annotate(point["setting"], place, textcoords="offset points", xytext=(4, -11), fontsize=7)
    title = f"{os.path.basename(figures['file'])}: {figures['rows']:,} x {figures['dims']}, {figures['metric']}"
    axes.set(yscale="log", xlabel=f"recall@{figures['k']}", ylabel="queries a second", title=title)
    axes.grid(True, which="both", alpha=0.25)
    axes.legend(frameon=False)
    drawing.tight_layout()
    drawing.savefig(path)
    pyplot.close(drawing)
