"""What bench.filtered asks: rows with columns to be chosen by, conditions over them, and the exact answers.

Every share of the rows is chosen in every shape: by columns that have nothing to do with the vectors, and by the number of the
nearest of 20 k-means centres, of a query's own centre and its next (correlated) or of those farthest from it (anti-correlated).
"""

import json

import numpy as np

from bench import hybrid, sets

K = 10
CENTRES = 20
QUERIES = 200
LABELS = {"half": 2, "fifth": 5, "tenth": 10, "twentyfifth": 25, "hundredth": 100, "thousandth": 1000}
SHARES = {"half": 0.5, "fifth": 0.2, "tenth": 0.1, "twentyfifth": 0.04, "hundredth": 0.01, "thousandth": 0.001}
SHAPES = ["=", "range", "IN", "JSON path", "element"]
SCHEMA = {
    "id": "int64 primary key",
    **{f"eq_{name}": "int64" for name in LABELS},
    "other_fifth": "int64",
    "x": "float64",
    "n": "int64",
    "meta": "json",
    "tags": "string[]",
    "centre": "int64",
}


def beir():
    """10,747 sentences, embedded; queries are rows of the set, moved a little so that they are none."""
    base = hybrid.sentence_vectors()
    random = np.random.default_rng(3)
    queries = base[random.choice(len(base), QUERIES, replace=False)]
    queries = queries + random.standard_normal(queries.shape).astype(np.float32) * 0.01
    return base, queries / np.linalg.norm(queries, axis=1, keepdims=True)


def vectors_of(name):
    """(rows, queries), float32; Euclidean, which orders beir's unit vectors as their cosine does."""
    if name == "beir":
        return beir()
    return sets.load_base(name), sets.load_queries(name)[0][:QUERIES]


def squared_distances(rows, others):
    return (others * others).sum(axis=1)[None, :] - 2 * (rows @ others.T) + (rows * rows).sum(axis=1)[:, None]


def nearest_centres(rows, centres):
    return np.concatenate(
        [squared_distances(part, centres).argmin(axis=1) for part in np.array_split(rows, len(rows) // 50_000 + 1)]
    )


def k_means(base, random):
    sample = base[random.choice(len(base), min(len(base), 20_000), replace=False)]
    centres = sample[random.choice(len(sample), CENTRES, replace=False)]
    for _ in range(12):
        of = nearest_centres(sample, centres)
        centres = np.stack([sample[of == c].mean(axis=0) if (of == c).any() else centres[c] for c in range(CENTRES)])
    return centres


class Cell:
    """A condition for each query (its text and parameters), and which rows pass it."""

    def __init__(self, group, share, shape, condition, mask):
        self.group, self.share, self.shape = group, share, shape
        self.condition, self.mask = condition, mask

    @property
    def name(self):
        return f"{self.group}, {self.shape}, {100 * self.share:g} %"


class FilteredSet:
    def __init__(self, name, seed=9):
        self.name = name
        self.base, self.queries = vectors_of(name)
        random = np.random.default_rng(seed)
        count = len(self.base)
        draw = lambda labels: random.integers(0, labels, count)  # noqa: E731
        self.numbers = {f"eq_{name}": draw(labels) for name, labels in LABELS.items()}
        self.numbers |= {"other_fifth": draw(5), "x": random.random(count), "n": draw(10_000)}
        self.members = {name: draw(labels) for name, labels in LABELS.items()}
        self.elements = {name: draw(labels) for name, labels in LABELS.items()}
        centres = k_means(self.base, random)
        self.numbers["centre"] = nearest_centres(self.base, centres)
        self.order = squared_distances(self.queries, centres).argsort(axis=1)  # centres of each query, nearest first
        self.distances = None

    def batches(self, size=20_000):
        for start in range(0, len(self.base), size):
            rows = slice(start, min(start + size, len(self.base)))
            members = {name: labels[rows].tolist() for name, labels in self.members.items()}
            elements = {name: labels[rows].tolist() for name, labels in self.elements.items()}
            names = list(LABELS)
            yield (
                {"id": np.arange(rows.start, rows.stop, dtype=np.int64), "v": self.base[rows]}
                | {name: values[rows] for name, values in self.numbers.items()}
                | {
                    "meta": [
                        json.dumps(dict(zip(names, map(str, row), strict=True))) for row in zip(*members.values(), strict=True)
                    ],
                    "tags": [[f"{n}{v}" for n, v in zip(names, row, strict=True)] for row in zip(*elements.values(), strict=True)],
                }
            )

    # --- conditions ---

    def random_cells(self):
        for name, share in SHARES.items():
            texts = {
                "=": (f"eq_{name} = 0", self.numbers[f"eq_{name}"] == 0),
                "range": (f"x >= 0.1 and x < {0.1 + share!r}", self.between(0.1, 0.1 + share)),
                "IN": (f"n in ({', '.join(str(7 * i % 10_000) for i in range(int(10_000 * share)))})", self.one_of(share)),
                "JSON path": (f"meta->>'{name}' = '0'", self.members[name] == 0),
                "element": (f"'{name}0' in tags", self.elements[name] == 0),
            }
            for shape, (text, mask) in texts.items():
                yield Cell("random", share, shape, lambda _, text=text: (text, None), lambda _, mask=mask: mask)
        both = (self.numbers["eq_fifth"] == 0) & (self.numbers["other_fifth"] == 0)
        yield Cell("random", 0.04, "AND", lambda _: ("eq_fifth = 0 and other_fifth = 0", None), lambda _: both)

    def between(self, low, high):
        return (self.numbers["x"] >= low) & (self.numbers["x"] < high)

    def one_of(self, share):
        return np.isin(self.numbers["n"], [7 * i % 10_000 for i in range(int(10_000 * share))])

    def centre_cells(self):
        for group, sign in (("correlated", 1), ("anti-correlated", -1)):
            order = self.order[:, ::sign]
            for count in (10, 4, 1):
                yield Cell(
                    group,
                    count / CENTRES,
                    "centre IN" if count > 1 else "centre =",
                    lambda q, order=order, count=count: (f"centre in ({', '.join(map(str, order[q, :count]))})", None),
                    lambda q, order=order, count=count: np.isin(self.numbers["centre"], order[q, :count]),
                )
            yield Cell(
                group,
                0.1 / CENTRES,
                "centre AND =",
                lambda q, order=order: ("centre = :centre and eq_tenth = 0", {"centre": int(order[q, 0])}),
                lambda q, order=order: (self.numbers["centre"] == order[q, 0]) & (self.numbers["eq_tenth"] == 0),
            )

    def cells(self):
        return [*self.random_cells(), *self.centre_cells()]

    # --- truth ---

    def bounds(self, cell):
        """For each query the distance of the last of its K neighbours that pass, and how many there are (at most K)."""
        if self.distances is None:
            parts = np.array_split(self.base, len(self.base) // 100_000 + 1)
            self.distances = np.hstack([squared_distances(self.queries, part) for part in parts])
        bounds, counts = [], []
        for q in range(len(self.queries)):
            passing = self.distances[q, cell.mask(q)]
            counts.append(min(K, len(passing)))
            bounds.append(np.partition(passing, K - 1)[K - 1] if len(passing) >= K else np.inf)
        return np.array(bounds), np.array(counts)

    def recall(self, q, ids, cell, bound, count):
        """Share of the neighbours that were found; an answer that does not pass is an error, not a miss."""
        if not cell.mask(q)[ids].all():
            raise RuntimeError(f"{self.name}, {cell.name}, query {q}: a row that does not pass was returned")
        return 1.0 if count == 0 else min(1.0, (self.distances[q, ids] <= bound * (1 + 1e-5) + 1e-6).sum() / count)
