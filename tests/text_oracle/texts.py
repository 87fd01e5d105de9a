"""Words and texts from a seed. `simple` and a lower-cased \\w+ cut them alike: words have ASCII letters and digits only, and what stands
between them holds a space or is a hyphen."""

import re
import string

import numpy as np

SEPARATORS = (" ", " ", " ", " ", ", ", ". ", "-", "\n", " (", "! ")
WORD = re.compile(r"\w+")


def tokens(text):
    return [] if text is None else [word.lower() for word in WORD.findall(text)]


def make_words(random, count):
    """Different words, one letter to a dozen."""
    alphabet = string.ascii_lowercase * 3 + string.digits
    words = {}
    while len(words) < count:
        words["".join(random.choices(alphabet, k=random.choice([1, 2, 3, 4, 5, 6, 7, 8, 12])))] = None
    return list(words)


class Texts:
    """Texts whose word of rank r is as frequent as 1 / r, with bursts of one word, nulls, empty ones, and ones that were there before."""

    def __init__(self, random, word_count=400, length_max=30):
        self.random, self.length_max = random, length_max
        self.words = make_words(random, word_count)
        self.ranks = np.cumsum(1 / np.arange(1, word_count + 1)).tolist()
        self.earlier = []

    def some_words(self, count):
        return self.random.choices(self.words, cum_weights=self.ranks, k=count)

    def spelled(self, word):
        return self.random.choice([word, word, word, word.upper(), word.capitalize()])

    def make(self):
        random = self.random
        kind = random.random()
        if kind < 0.08:
            return random.choice([None, None, "", " ", "?!"])
        if kind < 0.2 and self.earlier:
            return random.choice(self.earlier)
        words = self.some_words(random.randint(1, self.length_max))
        if kind < 0.35:
            words += words[:1] * random.randint(1, 20)
            random.shuffle(words)
        text = "".join(self.spelled(word) + random.choice(SEPARATORS) for word in words)
        self.earlier.append(text)
        return text

    def question(self):
        """Plain words: frequent, rare, unknown ones, and the same twice."""
        random = self.random
        words = self.some_words(random.randint(1, 4)) + random.choices(self.words, k=random.randint(0, 3))
        if random.random() < 0.2:
            words += words[:1] * random.randint(1, 2)
        if random.random() < 0.1:
            words.append("notthere" + random.choice(self.words))
        random.shuffle(words)
        return " ".join(self.spelled(word) for word in words)
