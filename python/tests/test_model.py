"""Random statements against a dict, in one table, with reopening in between."""

import shutil
import tempfile

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

import omendb

KEYS = st.text(alphabet="abcä\0", max_size=2)
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6)
TEXT = st.none() | st.text(max_size=5).filter(
    lambda text: not any(0xD800 <= ord(character) <= 0xDFFF for character in text)
)
ROW = st.fixed_dictionaries(
    {
        "id": KEYS,
        "number": st.none() | st.integers(-(2**63), 2**63 - 1),
        "price": st.none() | st.floats(allow_nan=False),
        "flag": st.none() | st.booleans(),
        "name": TEXT,
        "tags": st.none() | st.lists(TEXT.filter(lambda text: text is not None), max_size=3),
        "extra": st.none()
        | st.dictionaries(
            st.sampled_from("kl"), st.none() | st.integers(-9, 9) | st.lists(st.booleans(), max_size=2), max_size=2
        ),
        "v": st.none() | st.lists(FINITE, min_size=3, max_size=3),
    }
)


def plain(row):
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in row.items()}


def by_list(rows):
    return rows


def by_columns(rows):
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else []


class TableAgainstDict(RuleBasedStateMachine):
    keys = Bundle("keys")

    @initialize()
    def start(self):
        self.folder = tempfile.mkdtemp(prefix="omendb-model-")
        self.db = omendb.connect(self.folder + "/db.omen", sync="off")
        self.table = self.db.create_table(
            "t",
            {
                "id": "string primary key",
                "number": "int64",
                "price": "float64",
                "flag": "bool",
                "name": "string",
                "tags": "string[]",
                "extra": "json",
                "v": omendb.vector(3),
            },
        )
        self.model = {}

    def teardown(self):
        if hasattr(self, "db"):
            self.db.close()
            shutil.rmtree(self.folder)

    @rule(target=keys, rows=st.lists(ROW, max_size=6), form=st.sampled_from([by_list, by_columns]))
    def insert(self, rows, form):
        ids = [row["id"] for row in rows]
        if len(set(ids)) < len(ids) or set(ids) & set(self.model):
            try:
                self.table.insert(form(rows))
            except omendb.ConflictError:
                return ids[0]
            raise AssertionError("a duplicate key was taken")
        assert self.table.insert(form(rows)) == len(rows)
        self.model.update((row["id"], row) for row in rows)
        return ids[0] if ids else ""

    @rule(target=keys, rows=st.lists(ROW, min_size=1, max_size=6), form=st.sampled_from([by_list, by_columns]))
    def upsert(self, rows, form):
        assert self.table.upsert(form(rows)) == len(rows)
        for row in rows:  # a replaced row arrives anew
            self.model.pop(row["id"], None)
            self.model[row["id"]] = row
        return rows[0]["id"]

    @rule(ids=st.lists(keys | KEYS, max_size=4))
    def delete(self, ids):
        assert self.table.delete(ids) == len({key for key in ids if self.model.pop(key, None) is not None})

    @rule(ids=st.lists(keys | KEYS, max_size=4))
    def get(self, ids):
        assert [None if row is None else plain(row) for row in self.table.get(ids)] == [
            self.model.get(key) for key in ids
        ]

    @rule(query=st.lists(FINITE, min_size=3, max_size=3), k=st.integers(1, 8))
    def search(self, query, k):
        found = self.table.search(query, k=k)
        target = np.asarray(query, np.float32).astype(np.float64)
        distances = {
            key: float(np.linalg.norm(np.asarray(row["v"], np.float64) - target))
            for key, row in self.model.items()
            if row["v"] is not None
        }
        nearest = sorted(distances.values())[:k]
        np.testing.assert_allclose(found.distances, nearest, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose([distances[key] for key in found.ids], nearest, rtol=1e-4, atol=1e-3)
        assert [plain(dict(hit)) for hit in found] == [self.model[key] for key in found.ids]

    @precondition(lambda self: self.model)
    @rule()
    def clear(self):
        assert self.table.clear() == len(self.model)
        self.model.clear()

    @rule()
    def reopen(self):
        before = self.db.state_hash()
        self.db.close()
        self.db = omendb.connect(self.folder + "/db.omen", sync="off")
        self.table = self.db["t"]
        assert self.db.state_hash() == before

    @rule()
    def check(self):
        self.db.check()

    @invariant()
    def rows_are_those_of_the_model(self):
        if not hasattr(self, "db"):
            return
        assert self.table.count() == len(self.model)
        rows = [plain(row) for batch in self.table.scan() for row in self.table.get(batch["id"])]
        assert {row["id"]: row for row in rows} == self.model


TestTableAgainstDict = TableAgainstDict.TestCase
