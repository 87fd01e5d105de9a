"""What a search by text finds, beside what people judged to be relevant."""

import collections
import gzip
import json
import math
import os
import pathlib

import pytest

omendb = pytest.importorskip("omendb")

K = 10
# nDCG@10 of a BM25 as Lucene has it, with Porter's stemmer, k1 0.9 and b 0.4.
LEAST = {"ir_cranfield": 0.355, "ir_cacm": 0.447, "ir_npl_vaswani": 0.436}


def data_folder(name):
    given = os.environ.get("OMENDB_TEST_DATA")
    folder = pathlib.Path(given) if given else pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"
    if not (folder / name).is_dir():
        pytest.skip(f"the data set {name} is neither in OMENDB_TEST_DATA nor in ../shared/data")
    return folder / name


def read_lines(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def read_judgements(path):
    """Query -> document -> grade above 0."""
    judged = collections.defaultdict(dict)
    for line in path.read_text().splitlines():
        query, document, grade = line.split("\t")
        if grade.lstrip("-").isdigit() and int(grade) > 0:
            judged[query][document] = int(grade)
    return judged


def ndcg(ranked, grades):
    """Jaervelin, Kekaelaeinen 2002, gains as they are, the discount log2(1 + rank)."""
    gained = sum(grades.get(document, 0) / math.log2(rank + 2) for rank, document in enumerate(ranked[:K]))
    ideal = sum(grade / math.log2(rank + 2) for rank, grade in enumerate(sorted(grades.values(), reverse=True)[:K]))
    return gained / ideal


@pytest.mark.parametrize("name", list(LEAST))
def test_what_people_judged_relevant_is_found_as_well_as_by_lucene(name):
    folder = data_folder(name)
    documents = read_lines(folder / "corpus.jsonl.gz")
    judged = read_judgements(folder / "qrels.tsv")
    with omendb.connect(":memory:") as database:
        table = database.create_table("t", {"id": "string primary key", "body": omendb.text()})
        table.insert({
            "id": [document["_id"] for document in documents],
            "body": [f"{document['title']} {document['text']}".strip() for document in documents],
        })
        found = [
            ndcg(table.search(text=query["text"], k=K).ids.tolist(), judged[query["_id"]])
            for query in read_lines(folder / "queries.jsonl")
            if judged[query["_id"]]
        ]
    mean = sum(found) / len(found)
    print(f"{name}: nDCG@{K} {mean:.4f} over {len(found)} queries")
    assert mean >= LEAST[name]
