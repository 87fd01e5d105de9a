"""Statements that are played to a table and to its model, questions that are asked of both, and what must hold of the answers."""

import itertools
import math

import omendb

from text_oracle.model import Model
from text_oracle.texts import Texts

TEXT_COLUMNS = {"title": (1.4, 0.75), "body": (0.9, 0.4)}
RELATIVE_ERROR = 1e-5
CONDITIONS = (
    ("year >= {}", lambda values, year: values["year"] >= year),
    ("year < {} and tag = 'a'", lambda values, year: values["year"] < year and values["tag"] == "a"),
    ("tag in ('b', 'c') or year = {}", lambda values, year: values["tag"] in ("b", "c") or values["year"] == year),
    ("body is null or year > {}", lambda values, year: values["body"] is None or values["year"] > year),
)


def near(one, other):
    return math.isclose(one, other, rel_tol=RELATIVE_ERROR, abs_tol=1e-12)


class Script:
    """A table, its model, and a source of chance."""

    def __init__(self, random, path, rows_max=3_000, **texts):
        self.random, self.path, self.rows_max = random, path, rows_max
        self.texts = Texts(random, **texts)
        self.model = Model(TEXT_COLUMNS)
        self.next_key = 0
        self.database = omendb.connect(path, sync="off")
        columns = {name: omendb.text("simple", k1=k1, b=b) for name, (k1, b) in TEXT_COLUMNS.items() if name != "body"}
        columns["body"] = omendb.text("simple")  # with the constants by default
        self.table = self.database.create_table(
            "t", {"id": "int64 primary key", "year": "int64", "tag": "string", **columns}
        )
        self.kept = []  # hits of earlier versions, and what they must go on to say

    def close(self):
        self.kept.clear()
        self.database.close()

    # --- statements ---

    def row(self, key):
        random = self.random
        title = self.texts.make() if random.random() < 0.5 else None
        return {
            "id": key,
            "year": random.randint(1990, 2020),
            "tag": random.choice("abc"),
            "title": title,
            "body": self.texts.make(),
        }

    def condition(self):
        """(as text, as a function), true for any share of the rows."""
        text, function = self.random.choice(CONDITIONS)
        year = self.random.randint(1990, 2020)
        return text.format(year), lambda values: function(values, year)

    def insert(self):
        count = self.random.choice([1, 1, 2, 5, 20, 60, 150, 400, 1_000])
        rows = [self.row(self.next_key + at) for at in range(count)]
        self.next_key += count
        assert self.table.insert(rows) == count
        self.model.write(rows)

    def some_keys(self, count_max):
        """Of rows that live, and a few that do not."""
        known = list(self.model.rows)
        keys = self.random.sample(known, min(len(known), self.random.randint(1, count_max)))
        return keys + [self.random.randint(-100, self.next_key - 1)]

    def upsert(self):
        rows = [self.row(key) for key in dict.fromkeys(self.some_keys(self.random.choice([1, 10, 300])))]
        assert self.table.upsert(rows) == len(rows)
        self.model.write(rows)

    def delete(self):
        keys = self.some_keys(self.random.choice([1, 10, 300]))
        assert self.table.delete(keys) == self.model.erase(keys)

    def delete_where(self):
        text, function = self.condition()
        text = f"({text}) and id % 3 = 0"
        keys = self.model.where(lambda values: function(values) and values["id"] % 3 == 0)
        removed = self.table.delete(where=text)
        assert removed == self.model.erase(keys), f"delete({text!r}) removed {removed} rows"

    def update(self):
        text, function = self.condition()
        values = {"body": self.texts.make()} if self.random.random() < 0.4 else {"tag": self.random.choice("abc")}
        if "body" in values:
            text = f"({text}) and id % 40 = 1"
        every = 40 if "body" in values else 1

        def passes(given):
            return function(given) and (every == 1 or math.fmod(given["id"], every) == 1)

        updated = self.table.update(values, where=text)
        assert updated == self.model.update(values, passes), f"update({values}, {text!r}) wrote {updated} rows"

    def clear(self):
        assert self.table.clear() == len(self.model.rows)
        self.model.rows.clear()

    def checkpoint(self):
        self.database.checkpoint()

    def reopen(self):
        self.close()
        self.database = omendb.connect(self.path, sync="off")
        self.table = self.database["t"]

    def step(self):
        """One statement; its name."""
        weights = {
            self.insert: 8 if len(self.model.rows) < self.rows_max else 1,
            self.upsert: 4, self.delete: 3, self.delete_where: 2, self.update: 3, self.checkpoint: 1, self.reopen: 1, self.clear: 0.1,
        }
        (statement,) = self.random.choices(list(weights), weights=list(weights.values()))
        statement()
        return statement.__name__

    # --- questions ---

    def weights(self):
        """(what search() takes, column -> weight)."""
        kind = self.random.randrange(5)
        if kind == 0:
            weights = {"title": self.random.choice([0.25, 2, 3.7]), "body": self.random.choice([1, 0.5])}
            return weights, weights
        if kind == 1:
            return "body", {"body": 1}
        if kind == 2:
            return ["title"], {"title": 1}
        return None, {"title": 1, "body": 1}

    def ask(self):
        """One question to both."""
        text_columns, weights = self.weights()
        question = self.texts.question()
        arguments = {"text": question, "k": self.random.choice([1, 3, 10, 50, 1_000, 9_000])}
        expected = self.model.scores(question, weights)
        if text_columns is not None:
            arguments["text_columns"] = text_columns
        if self.random.random() < 0.4:
            arguments["where"], passes = self.condition()
            expected = {key: score for key, score in expected.items() if passes(self.model.rows[key].values)}
        if self.random.random() < 0.3:
            arguments["offset"] = self.random.choice([1, 5, 100, 1_000])
        least = self.least_score(expected) if self.random.random() < 0.3 else None
        if least is not None:
            arguments["min_score"] = least
            expected = {key: score for key, score in expected.items() if score >= least}
        order = self.scanned()
        hits = self.table.search(**arguments)
        try:
            self.compare(hits, expected, arguments["k"], arguments.get("offset", 0))
            self.compare_equal_texts(hits, weights)
            if order == self.scanned():  # nothing was moved in the background meanwhile, to give space back
                self.compare_ties(hits, order)
        except AssertionError as error:
            raise AssertionError(f"search({arguments}): {error}") from error
        if len(hits) and self.random.random() < 0.1:
            self.keep(hits)

    def least_score(self, expected):
        """A number between two scores that are apart; None where there is no such place."""
        ordered = sorted(set(expected.values()))
        apart = [(low, high) for low, high in itertools.pairwise(ordered) if high - low > 1e-3 * high]
        return sum(self.random.choice(apart)) / 2 if apart else None

    def scanned(self):
        """Keys in the order of a scan."""
        keys = self.table.scan(select=["id"]).read_all()["id"].to_pylist()
        assert len(keys) == len(self.model.rows) and self.model.rows.keys() >= set(keys), "other rows live"
        return keys

    def compare(self, hits, expected, k, offset):
        ids, scores = hits.ids.tolist(), hits.scores.tolist()
        best = sorted(expected.items(), key=lambda item: -item[1])[offset : offset + k]
        assert len(ids) == len(best), f"{len(ids)} hits, {len(best)} expected"
        assert len(set(ids)) == len(ids), "a row is there twice"
        assert scores == hits.text_scores.tolist(), "scores are those of the text"
        for at, (key, score, (wanted, wanted_score)) in enumerate(zip(ids, scores, best, strict=True)):
            assert key in expected, f"hit {at}: row {key} does not match"
            assert near(score, expected[key]), f"hit {at}: row {key} has {score!r}, expected {expected[key]!r}"
            assert near(score, wanted_score), f"hit {at}: row {key} with {score!r}, expected row {wanted} with {wanted_score!r}"
        assert all(one >= other for one, other in itertools.pairwise(scores)), "best first"

    def compare_equal_texts(self, hits, weights):
        """Whenever they came: equal to the last bit."""
        first_of = {}
        for key, score in zip(hits.ids.tolist(), hits.scores.tolist(), strict=True):
            counts = self.model.rows[key].counts
            same = tuple(tuple(sorted(counts[column].items())) for column in weights)
            first = first_of.setdefault(same, (key, score))
            assert first[1] == score, f"rows {first[0]} and {key} have the same words, but {first[1]!r} and {score!r}"

    @staticmethod
    def compare_ties(hits, order):
        place = {key: at for at, key in enumerate(order)}
        ranked = zip(hits.ids.tolist(), hits.scores.tolist(), strict=True)
        for (one, score), (other, next_score) in itertools.pairwise(ranked):
            assert score > next_score or place[one] < place[other], f"rows {one} and {other} tie in the wrong order"

    # --- earlier hits ---

    def keep(self, hits):
        bodies = [self.model.rows[key].values["body"] for key in hits.ids.tolist()]
        self.kept.append((hits, hits.ids.tolist(), hits.scores.tolist(), bodies))
        if len(self.kept) > 8:
            self.compare_kept(*self.kept.pop(0))

    @staticmethod
    def compare_kept(hits, ids, scores, bodies):
        assert hits.ids.tolist() == ids and hits.scores.tolist() == scores
        assert [hit["body"] for hit in hits] == bodies, "hits say what stood there when they were found"

    def check(self):
        """That what is on disk and in memory agrees with the rows, and that earlier hits still say the same."""
        for kept in self.kept:
            self.compare_kept(*kept)
        self.database.check()
