"""Vectors for short texts: latent semantic analysis of words, then weighted sums of words.

Deerwester et al. 1990 factor the matrix of texts and words; we take the words' side only, because whole texts of ten
words lose their rare words in it. Every word vector is scaled to length one after the mean of all was taken off (Mu
and Viswanath 2018, "All-but-the-Top", with the mean alone), and a text is the sum of its words weighed by rarity
(Arora et al. 2017, with idf as weight). Measured by reading the answers: "someone who studies stars" finds
astronomers, where plain LSA finds students.
"""

import functools
import re

import numpy as np

from omendb_cli.failure import Failure

WORD = re.compile(r"[a-z]+")
STOP_WORDS = frozenset(
    """
    a about above after again all also am an and any are as at be because been before being below between both but
    by can could did do does doing down during each either else etc ever every few for from further had has have
    having he her here him his how i if in into is it its itself just like made make makes many may me might more
    most much must my no nor of off on one only onto or other others our out over own rather same she should so
    some something somebody someone such than that the their them then there these they this those through thus to
    too toward towards under until up upon us very via was we were what when where whether which while who whom
    whose why will with within would you your act acting especially usually relating characterized pertaining
    quality state used use using genus kind type certain
    """.split()
)
SUFFIXES = [
    ("ies", "y"),
    ("sses", "ss"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("xes", "x"),
    ("ings", ""),
    ("ing", ""),
    ("ed", ""),
    ("s", ""),
]
KEPT_ENDINGS = ("ss", "us", "is")
STEM_LENGTH_MIN = 3
TEXTS_OF_WORD_MIN = 2
TINY = 1e-9


@functools.lru_cache(maxsize=None)
def stem(word):
    """`word` without its inflection: plural, -ing, -ed, a final e. Crude on purpose: the same for texts and queries is all that counts."""
    if not word.endswith(KEPT_ENDINGS):
        for suffix, replacement in SUFFIXES:
            if word.endswith(suffix) and len(word) - len(suffix) + len(replacement) >= STEM_LENGTH_MIN:
                word = word[: len(word) - len(suffix)] + replacement
                if (
                    suffix in ("ing", "ings", "ed")
                    and len(word) > STEM_LENGTH_MIN
                    and word[-1] == word[-2]
                    and word[-1] not in "lsz"
                ):
                    word = word[:-1]
                break
    return word[:-1] if word.endswith("e") and len(word) > STEM_LENGTH_MIN else word


def terms(text):
    return [stem(word) for word in WORD.findall(text.lower()) if word not in STOP_WORDS and len(word) > 1]


def unit(matrix):
    return matrix / (np.linalg.norm(matrix, axis=1, keepdims=True) + TINY)


class Meaning:
    """Word vectors and weights; `of` turns texts into unit vectors of float32."""

    def __init__(self, words, weights, vectors):
        self.words = words
        self.weights = weights
        self.vectors = vectors
        self.places = {word: place for place, word in enumerate(words)}

    def of(self, texts):
        """One unit row a text; a row of zeros where no word of it is known."""
        rows = np.zeros((len(texts), self.vectors.shape[1]), dtype=np.float32)
        for row, text in enumerate(texts):
            places, counts = np.unique(
                [self.places[term] for term in terms(text) if term in self.places], return_counts=True
            )
            if len(places):
                places = places.astype(np.int64)
                rows[row] = ((1 + np.log(counts)) * self.weights[places]) @ self.vectors[places]
        return unit(rows).astype(np.float32)

    def knows(self, text):
        return any(term in self.places for term in terms(text))

    def save(self, path):
        np.savez(path, words=np.array(self.words), weights=self.weights, vectors=self.vectors)

    @staticmethod
    def load(path):
        with np.load(path, allow_pickle=False) as stored:
            return Meaning(stored["words"].tolist(), stored["weights"], stored["vectors"])


def learn(training, documents, dims, seed=7):
    """(Meaning, unit vectors of `documents`). Both are lists of term lists; the words' vectors come from `training` alone.

    Cost: about 15 s for 117,000 texts and 192 dimensions on two cores.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.utils.extmath import randomized_svd
    except ImportError:
        raise Failure("the demo needs scikit-learn for its vectors: pip install scikit-learn") from None
    vectorizer = TfidfVectorizer(analyzer=list, sublinear_tf=True, min_df=TEXTS_OF_WORD_MIN, dtype=np.float32)
    matrix = vectorizer.fit_transform(training)
    dims = min(dims, min(matrix.shape) - 1)
    _, strengths, components = randomized_svd(matrix, dims, n_iter=2, n_oversamples=10, random_state=seed)
    vectors = unit(components.T * np.sqrt(strengths / strengths[0]))
    vectors = unit(vectors - vectors.mean(axis=0)).astype(np.float32)
    meaning = Meaning(vectorizer.get_feature_names_out().tolist(), vectorizer.idf_.astype(np.float32), vectors)
    rows = vectorizer.transform(documents) @ vectors
    return meaning, unit(rows - rows.mean(axis=0)).astype(np.float32)
