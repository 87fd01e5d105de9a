"""The rows of a table, and the BM25 of their texts, counted anew for every question.

score(row) = sum over columns and words of weight * idf * tf / (tf + k1 * (1 - b + b * length / average)),
idf = ln(1 + (N - n + 0.5) / (n + 0.5)). N: live rows with a word in the column, n: those with this word, average: words of a
live row that has any. (Robertson, Walker 1994; the idf as Lucene has it, which leaves the factor k1 + 1 out; lengths exact.)
"""

import math
from collections import Counter

from text_oracle.texts import tokens


class Row:
    def __init__(self, values, text_columns):
        self.values = values
        self.counts = {name: Counter(tokens(values[name])) for name in text_columns}
        self.lengths = {name: counts.total() for name, counts in self.counts.items()}


class Model:
    """`text_columns`: name -> (k1, b)."""

    def __init__(self, text_columns):
        self.text_columns = text_columns
        self.rows = {}  # by key

    def write(self, rows):
        for values in rows:
            self.rows[values["id"]] = Row(values, self.text_columns)

    def erase(self, keys):
        return sum(self.rows.pop(key, None) is not None for key in keys)

    def where(self, condition):
        return [key for key, row in self.rows.items() if condition(row.values)]

    def update(self, values, condition):
        keys = self.where(condition)
        self.write([{**self.rows[key].values, **values} for key in keys])
        return len(keys)

    def scores(self, question, weights):
        """Key -> score of every row that has one of the words."""
        found = {}
        for column, weight in weights.items():
            k1, b = self.text_columns[column]
            with_words = [row for row in self.rows.values() if row.lengths[column]]
            if not with_words:
                continue
            average = sum(row.lengths[column] for row in with_words) / len(with_words)
            for word in tokens(question):
                having = [row for row in with_words if word in row.counts[column]]
                idf = math.log(1 + (len(with_words) - len(having) + 0.5) / (len(having) + 0.5))
                for row in having:
                    frequency = row.counts[column][word]
                    norm = k1 * (1 - b + b * row.lengths[column] / average)
                    key = row.values["id"]
                    found[key] = found.get(key, 0) + weight * idf * frequency / (frequency + norm)
        return found
