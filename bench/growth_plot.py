"""Draws the growth of a table, as index_bench measured it: queries a second at recall 0.95 and rows linked a second, over its rows.

build/index_bench --only growth | tee growth.txt
python -m bench.growth_plot growth.txt growth.png
"""

import csv
import sys

CURVES = {"queries_per_second": "queries a second at recall@10 0.95", "rows_per_second": "rows linked a second"}


def read(lines):
    """{column: values} of the lines that begin with `csv,`."""
    rows = list(csv.DictReader(line.removeprefix("csv,") for line in lines if line.startswith("csv,")))
    return {name: [float(row[name]) for row in rows] for name in rows[0]} if rows else {}


def plot(columns, path):
    """A panel for each of CURVES, from zero, so that a fall looks as large as it is."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawing, panels = pyplot.subplots(1, len(CURVES), figsize=(10, 4), dpi=110)
    for axes, (name, title) in zip(panels, CURVES.items(), strict=True):
        axes.plot([rows / 1e6 for rows in columns["rows"]], columns[name], marker="o", linewidth=2.4)
        axes.set(title=title, xlabel="million rows", ylim=(0, None))
        axes.grid(True, alpha=0.25)
    drawing.tight_layout()
    drawing.savefig(path)
    pyplot.close(drawing)


def main(arguments):
    if len(arguments) != 2:
        return __doc__
    with open(arguments[0], encoding="utf-8") as file:
        columns = read(file)
    if not columns:
        return f"no csv lines in {arguments[0]}"
    plot(columns, arguments[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
