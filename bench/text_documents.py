"""Documents and queries of bench.text, made from a seed.

A document is about 80 words (500 bytes) of English: explanations of WordNet that follow each other in its files, where those
of one subject stand together, from a place that is drawn. So words have the frequencies, lengths, endings and bursts of real
text, which decide what a stemmer, a dictionary and lists of postings cost. 117,000 explanations are read about ten times for
200,000 documents, and would then bring no new word any more; real text goes on bringing them, names and numbers above all. So
every twentieth word is replaced by one that is made up from its rank, and ranks have so heavy a tail that new ones go on
coming: with those of WordNet this comes to about 44 sqrt(n) different words in n (175,000 in 16 million), as Heaps' law has
it for English (Manning, Raghavan, Schuetze: Introduction to Information Retrieval, 5.1.1). A word that came once in a
document comes again more often than chance has it. Where WordNet is not installed all words are made up, with Zipf's
frequencies; the tables say so.
"""

import hashlib
import pathlib
import random
import re

from bench import sets

SEED = 20
WORDS_MEAN, WORDS_DEVIATION, WORDS_MIN = 80, 20, 20
RARE_SHARE = 0.05
RARE_TAIL, RARE_SHIFT = 0.35, 200  # a rare word has a rank above r with the chance (1 + r / RARE_SHIFT) ** -RARE_TAIL
RARE_RANK_MAX = 1 << 50
REPEATED_SHARE = 0.3  # of the rare words of a document: the same once more
MADE_UP_WORDS = 60_000
FREQUENT_WORDS = 60  # not asked for
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
WORDNET_FILES = ("data.noun", "data.verb", "data.adj", "data.adv")
WORD = re.compile(r"[a-z]{3,}")  # that is asked for
ANY_WORD = re.compile(r"\w+")


def wordnet_folder():
    """Debian's wordnet-base, or wherever the demo of the package finds it; None where it is not installed."""
    try:
        from omendb_cli import failure, wordnet
    except ImportError:
        return None
    try:
        return pathlib.Path(wordnet.find_folder())
    except failure.Failure:
        return None


def made_up_word(rank):
    """A name, or for every fifth rank a number below 100,000."""
    if rank % 5 == 0:
        return str(rank // 5 % 100_000)
    word = ""
    rank += len(SYLLABLES)
    while rank:
        rank, syllable = divmod(rank, len(SYLLABLES))
        word += SYLLABLES[syllable]
    return word


def read_explanations(folder):
    """The words of each, in the order of the files."""
    explanations = []
    for name in WORDNET_FILES:
        with open(folder / name, encoding="latin-1") as file:
            lines = [line.partition(" | ")[2].strip() for line in file if not line.startswith("  ")]
        explanations += [f"{line}.".split() for line in lines if line]
    return explanations


def made_up_explanations(source, count=20_000):
    words = [made_up_word(7 * rank + 1) for rank in range(MADE_UP_WORDS)]
    totals = [0.0]
    for rank in range(1, MADE_UP_WORDS):
        totals.append(totals[-1] + 1 / rank)
    return [source.choices(words, cum_weights=totals, k=source.randint(5, 20)) for _ in range(count)]


def with_rare_words(source, words):
    """Some of the words replaced."""
    rare = 0
    for at in range(len(words)):
        if source.random() >= RARE_SHARE:
            continue
        if not rare or source.random() >= REPEATED_SHARE:
            rare = min(int(RARE_SHIFT * ((1 - source.random()) ** (-1 / RARE_TAIL) - 1)), RARE_RANK_MAX)
        words[at] = made_up_word(rare)
    return words


def make(count, seed=SEED):
    """(documents, what they are made of)."""
    source = random.Random(seed)
    folder = wordnet_folder()
    explanations = read_explanations(folder) if folder else made_up_explanations(source)
    documents = []
    for _ in range(count):
        length = max(WORDS_MIN, round(source.gauss(WORDS_MEAN, WORDS_DEVIATION)))
        at = source.randrange(len(explanations))
        words = []
        while len(words) < length:
            words += explanations[at % len(explanations)]
            at += source.randint(1, 5)
        documents.append(" ".join(with_rare_words(source, words[:length])))
    return documents, "WordNet's explanations" if folder else "made-up words"


def load(count):
    """The same, kept in the user's cache folder; a change of this file makes it anew."""
    origin = "wordnet" if wordnet_folder() else "made-up"
    source = hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()[:12]
    path = sets.cache_folder() / f"documents-{origin}-{count}-{source}.txt"
    if not path.is_file():
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text("\n".join(make(count)[0]), encoding="utf-8")
        unfinished.replace(path)
    return path.read_text(encoding="utf-8").split("\n")


def words_of(document):
    return WORD.findall(document.lower())


def queries(documents, count, seed=SEED + 1):
    """Two to four different words of one document, none of the most frequent ones."""
    source = random.Random(seed)
    counts = {}
    for document in source.sample(documents, min(len(documents), 2_000)):
        for word in words_of(document):
            counts[word] = counts.get(word, 0) + 1
    frequent = set(sorted(counts, key=lambda word: -counts[word])[:FREQUENT_WORDS])
    found = []
    while len(found) < count:
        words = sorted(set(words_of(source.choice(documents))) - frequent)
        if len(words) >= 4:
            found.append(" ".join(source.sample(words, source.randint(2, 4))))
    return found


def shape(documents):
    """Figures of the set: words and bytes a document, and different words in the first tenth, half, and all of it."""
    seen, growth, word_count = set(), [], 0
    marks = [len(documents) // 10, len(documents) // 2, len(documents)]
    for at, document in enumerate(documents, 1):
        words = ANY_WORD.findall(document.lower())
        word_count += len(words)
        seen.update(words)
        if at in marks:
            growth.append((word_count, len(seen)))
    return {
        "documents": len(documents),
        "words_per_document": word_count / len(documents),
        "bytes_per_document": sum(len(document.encode()) for document in documents) / len(documents),
        "growth": growth,
    }
