"""The demo's dictionary: WordNet's entries, their vectors, and the table that holds them."""

import os

import numpy as np
import pyarrow as pa

from omendb_cli import meaning
from omendb_cli.failure import Failure

DATABASE, MODEL, TABLE = "words.omen", "meaning.npz", "words"
INGEST_ROWS = 1_000


def training_terms(entries):
    """What the words' vectors are learned from: each entry with its words, its gloss, and those of its broader and related entries."""
    texts = []
    for entry in entries:
        words = meaning.terms(" ".join(entry.words))
        text = words * 2 + meaning.terms(entry.definition) * 2 + meaning.terms(" ".join(entry.examples))
        for number in entry.broader[:2]:
            text += meaning.terms(" ".join(entries[number].words[:2])) + meaning.terms(entries[number].definition)
        for number in entry.related[:3]:
            text += meaning.terms(" ".join(entries[number].words[:2]))
        texts.append(text)
    return texts


def document_terms(entries):
    """What an entry's own vector is made of: mostly its definition, then its words, its examples, and the word above it."""
    texts = []
    for entry in entries:
        text = (
            meaning.terms(" ".join(entry.words[:3]))
            + meaning.terms(entry.definition) * 3
            + meaning.terms(" ".join(entry.examples))
        )
        for number in entry.broader[:1]:
            text += meaning.terms(" ".join(entries[number].words[:2]))
        texts.append(text)
    return texts


def learn(entries, dims):
    return meaning.learn(training_terms(entries), document_terms(entries), dims)


def create(database, dims):
    import omendb

    return database.create_table(
        TABLE,
        {
            "id": "string primary key",
            "word": "string",
            "kind": "string",
            "subject": "string",
            "synonyms": "string[]",
            "definition": omendb.text(),
            "v": omendb.vector(dims, metric="cosine"),
        },
    )


def batches(entries, vectors):
    """Arrow tables of INGEST_ROWS rows."""
    dims = vectors.shape[1]
    for start in range(0, len(entries), INGEST_ROWS):
        part = entries[start : start + INGEST_ROWS]
        flat = pa.array(np.ascontiguousarray(vectors[start : start + INGEST_ROWS]).reshape(-1))
        yield pa.table(
            {
                "id": [entry.key for entry in part],
                "word": [entry.words[0] for entry in part],
                "kind": [entry.kind for entry in part],
                "subject": [entry.subject for entry in part],
                "synonyms": pa.array([entry.words[1:] for entry in part], pa.list_(pa.string())),
                "definition": [entry.definition for entry in part],
                "v": pa.FixedSizeListArray.from_arrays(flat, dims),
            }
        )


def load_model(folder):
    path = os.path.join(folder, MODEL)
    if not os.path.isfile(path) or not os.path.isdir(os.path.join(folder, DATABASE)):
        raise Failure(f"{folder}: no demo there; make it with: omen demo --dir {folder}")
    try:
        return meaning.Meaning.load(path)
    except (ValueError, KeyError, OSError) as error:
        raise Failure(f"{path}: damaged ({error}); make it again with: omen demo --dir {folder}") from None
