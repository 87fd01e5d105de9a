"""Search by meaning with vectors of your own: a dozen sentences, word vectors from the words they share, no model to download.

With a sentence model, `embed` would be one call to it; nothing else here changes.
"""

import numpy as np

import omendb

SENTENCES = """
The cat sleeps on the warm sofa
A kitten plays with a ball of wool
Dogs and cats are popular pets
The stock market fell sharply today
Investors sold shares after the bank report
The central bank raised interest rates
The spacecraft landed on the moon
Astronauts trained for the moon mission
The telescope discovered a distant planet
Fresh bread bakes in a hot oven
The baker sells bread and warm cakes
Add sugar and flour to the cakes
""".strip().splitlines()
STOP_WORDS = set("a the and on of with in to are for after".split())


def words_of(text):
    return [word.rstrip("s") for word in text.lower().split() if word not in STOP_WORDS]


def learn(sentences, dims=6):
    """Latent semantic analysis in three lines of NumPy: (words, their vectors)."""
    words = sorted({word for sentence in sentences for word in words_of(sentence)})
    counts = np.array([[words_of(sentence).count(word) for word in words] for sentence in sentences], dtype=np.float64)
    _, strengths, directions = np.linalg.svd(counts / np.sqrt(counts.sum(axis=0)), full_matrices=False)
    return words, (directions[:dims].T * strengths[:dims]).astype(np.float32)


def embed(text, words, vectors):
    known = [vectors[words.index(word)] for word in words_of(text) if word in words]
    return np.sum(known, axis=0, dtype=np.float32)


def main():
    words, vectors = learn(SENTENCES)
    db = omendb.connect(":memory:")
    notes = db.create_table(
        "notes", {"id": "int64 primary key", "text": "string", "v": omendb.vector(vectors.shape[1], metric="cosine")}
    )
    notes.insert([{"id": at, "text": text, "v": embed(text, words, vectors)} for at, text in enumerate(SENTENCES)])
    for question in ("pet kitten", "bank investors", "moon spacecraft", "baker oven"):
        print(f"\n{question}")
        for hit in notes.search(embed(question, words, vectors), k=3):
            print(f"  {hit.score:5.2f}  {hit['text']}")


if __name__ == "__main__":
    main()
