"""What recall= gives: the recall of queries from outside, and the beam chosen beside the narrowest that would have done.

python -m bench.recall --sets siftsmall,mnist,sift100k
"""

import argparse
import tempfile

import numpy as np
import omendb

from bench import sets

TARGETS = [0.9, 0.95, 0.99]
KS = [1, 10, 100]
BATCH_ROWS = 1_000


def filled(database, data, storage):
    column = omendb.vector(data.base.shape[1], storage=storage)
    table = database.create_table("bench", {"id": "int64 primary key", "v": column})
    for start in range(0, len(data.base), BATCH_ROWS):
        part = data.base[start : start + BATCH_ROWS]
        table.insert({"id": np.arange(start, start + len(part)), "v": part})
    table._wait_for_index()
    return table


class Judge:
    """Recall of the set's queries by the distance of their k-th true neighbour."""

    def __init__(self, table, data, k):
        self.table, self.queries, self.k = table, data.queries, k
        self.ends = table.search(self.queries, k=k, exact=True).distances.reshape(-1, k)[:, -1:]
        self.known = {}

    def of(self, **options):
        found = self.table.search(self.queries, k=self.k, **options).distances.reshape(-1, self.k)
        return float((found <= self.ends * (1 + 1e-6)).mean())

    def at(self, ef):
        if ef not in self.known:
            self.known[ef] = self.of(ef=ef)
        return self.known[ef]

    def narrowest(self, recall):
        """By doubling and halving; recall rises with the beam but for a hit or two."""
        high = max(self.k, 8)
        while self.at(high) < recall and high < 1 << 15:
            high *= 2
        low = high // 2
        while high - low > max(1, high // 50):
            middle = (low + high) // 2
            low, high = (low, middle) if self.at(middle) >= recall else (middle, high)
        return max(self.k, high)


def measure(name, storage):
    data = sets.SETS[name]()
    with tempfile.TemporaryDirectory(prefix="omen-recall-") as folder, omendb.connect(f"{folder}/bench.omen") as opened:
        table = filled(opened, data, storage)
        index = table.stats()["indexes"]["v"]
        print(
            f"{name}: {len(data.base):,} x {data.base.shape[1]}, {index['storage']}, {len(data.queries)} queries; calibrated with"
            f" {index['calibration_queries']} of {index['calibrated_rows']:,} rows"
        )
        for k in KS:
            judge = Judge(table, data, k)
            for target in TARGETS:
                chosen = index["ef"][target] if k == 10 else None
                needed = judge.narrowest(target)
                width = f"ef {chosen:>4} ({chosen / needed:.2f} x)" if chosen else ""
                print(f"  k {k:>3}  recall {target:<4}  measured {judge.of(recall=target):.4f}  narrowest {needed:>4}  {width}", flush=True)
            if k == 10:
                print(f"  k  10  default      measured {judge.of():.4f}  expected {index['recall']:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default="siftsmall,mnist,sift100k", help=f"of {', '.join(sets.SETS)} (default: %(default)s)")
    parser.add_argument("--storage", default="auto", help="of the vectors (default: %(default)s)")
    arguments = parser.parse_args()
    for name in arguments.sets.split(","):
        measure(name, arguments.storage)


if __name__ == "__main__":
    main()
