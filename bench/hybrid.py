"""What it costs to fuse a search by text with one by vector, and what it brings. Run by bench.text.

Cost: 10,747 real sentences with embeddings of 768 dimensions and a label (beir_bge768). Queries are rows of the set, asked
with their own text and vector; the search by text, the one by vector, and the fused one take turns, query by query.

Quality needs judgements of what is relevant:
- cranfield, cacm, npl: queries and judgements by people. They have no embeddings, so documents and queries get vectors from
  their words by latent semantic analysis (Deerwester et al. 1990: a truncated singular value decomposition of tf-idf, 200
  dimensions, cosine), made of nothing but the documents. It is a weaker searcher than BM25 on some and a stronger one on
  others, and errs otherwise.
- beir-label: sentences of the set above as queries, which are then deleted from it; relevant is what has the same one of 20
  labels (which collection a question comes from). The vectors are of a good model, and the measure favours them: a word says
  little of a label.
- beir-item: known items. A query is a third of the words of a sentence, and a vector that lies between that of the sentence
  and that of its nearest neighbour of another row, nearer to the latter (weights 0.4 and 0.6); relevant is the sentence
  alone. So each side alone has lost something.

Each query is asked with every fusion. "tuned" are the weights that omendb.tune_fusion chooses by one half of a set's queries
(the first, third, ...), asked of the other half, and the other way round. The gain is that of a fusion over the side that is
better on all queries of the set, with an interval of 95 % by drawing queries again (paired bootstrap).
"""

import gzip
import json
import math
import random
import time

import numpy as np

from bench import datasets

K = 10
METHODS = ["rrf", "relative", "distribution"]
DEFAULT = "distribution"
DRAWN = 2_000  # times, of a bootstrap
LATENT_DIMS = 200
COLLECTIONS = {"cranfield": "ir_cranfield", "cacm": "ir_cacm", "npl": "ir_npl_vaswani"}


def median(values):
    return sorted(values)[len(values) // 2]


def read_lines(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def missing(name):
    """Whether a set is not there; says so."""
    if (datasets.data_dir() / name).is_dir():
        return False
    print(f"left out: the data set {name} is neither in OMENDB_TEST_DATA nor in ../shared/data", flush=True)
    return True


# --- the sentences with embeddings ---


def sentence_vectors():
    """Of length 1, float32."""
    vectors = np.load(datasets.data_dir() / "beir_bge768" / "vectors_f16.npy").astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Sentences:
    """beir_bge768 as a table in memory, all rows in the graph."""

    def __init__(self):
        import omendb

        folder = datasets.data_dir() / "beir_bge768"
        self.vectors = sentence_vectors()
        self.rows = read_lines(folder / "meta.jsonl.gz")
        self.texts = [row["text"] for row in self.rows]
        self.labels = [row["dataset"] for row in self.rows]
        self.query_rows = np.load(folder / "groundtruth.npz")["query_rows"].tolist()
        self.database = omendb.connect(":memory:")
        self.table = self.database.create_table(
            "t",
            {"id": "int64 primary key", "label": "string", "body": omendb.text(), "v": omendb.vector(768, "cosine")},
        )
        ids = np.arange(len(self.rows), dtype=np.int64)
        self.table.insert({"id": ids, "label": self.labels, "body": self.texts, "v": self.vectors})
        self.table._wait_for_index()


# --- cost ---


def time_call(search, *arguments, **options):
    began = time.perf_counter()
    search(*arguments, **options).ids  # noqa: B018  (what a caller looks at first)
    return time.perf_counter() - began


def latency_round(sentences, rows, filtered):
    """p50 of each search in microseconds."""
    search = sentences.table.search
    seconds = {"text": [], "vector": [], "fused": []}
    for row in rows:
        vector, text = sentences.vectors[row], sentences.texts[row]
        where = {"where": "label = ?", "params": [sentences.labels[row]]} if filtered else {}
        seconds["text"].append(time_call(search, text=text, k=K, **where))
        seconds["vector"].append(time_call(search, vector, K, **where))
        seconds["fused"].append(time_call(search, vector, K, text=text, **where))
    return {name: float(np.median(values)) * 1e6 for name, values in seconds.items()}


def measure_latency(query_count, rounds):
    """p50 in microseconds of each search, with and without a condition on the label; None where the set is missing."""
    if missing("beir_bge768"):
        return None
    sentences = Sentences()
    rows = sentences.query_rows[:query_count]
    results = {}
    for prefix, filtered in (("", False), ("filtered_", True)):
        latency_round(sentences, rows, filtered)
        measured = [latency_round(sentences, rows, filtered) for _ in range(rounds)]
        results |= {f"{prefix}{name}_p50_us": median([one[name] for one in measured]) for name in measured[0]}
        results[f"{prefix}fused_over_sum"] = median([one["fused"] / (one["text"] + one["vector"]) for one in measured])
    sentences.database.close()
    return results


def latency_table(measured):
    if measured is None:
        return ["left out"], []
    rows = [
        [
            title,
            *(f"{measured[f'{prefix}{name}_p50_us']:,.0f}" for name in ("text", "vector", "fused")),
            f"{measured[f'{prefix}fused_over_sum']:.2f}x",
        ]
        for prefix, title in (("", "all rows"), ("filtered_", "where label = ?"))
    ]
    return ["", "text p50 us", "vector p50 us", "fused p50 us", "fused over their sum"], rows


# --- quality ---


def ndcg(ranked, grades):
    gained = sum(grades.get(key, 0) / math.log2(rank + 2) for rank, key in enumerate(ranked[:K]))
    ideal = sum(grade / math.log2(rank + 2) for rank, grade in enumerate(sorted(grades.values(), reverse=True)[:K]))
    return gained / ideal


def ndcg_of_fused(table, questions, fuse):
    return [ndcg(table.search(vector, K, text=text, fuse=fuse).ids.tolist(), grades) for vector, text, grades in questions]


def ndcg_of_tuned(table, questions):
    """Of each question, with weights chosen by the half of them that it is not in."""
    import omendb

    found = [0.0] * len(questions)
    for half in (0, 1):
        weights = omendb.tune_fusion(table, questions[1 - half :: 2], k=K).fuse
        found[half::2] = ndcg_of_fused(table, questions[half::2], weights)
    return found


def gain(fused, alone, seed=0):
    """[low, mean, high] of the difference."""
    differences = np.asarray(fused) - np.asarray(alone)
    drawn = np.random.default_rng(seed).choice(differences, (DRAWN, len(differences))).mean(axis=1)
    return [float(value) for value in (np.percentile(drawn, 2.5), differences.mean(), np.percentile(drawn, 97.5))]


def ndcg_of_all(table, questions):
    """Means over (vector, text, grades), and the gains of the default and of tuned weights over the better side."""
    found = {
        "text": [ndcg(table.search(text=text, k=K).ids.tolist(), grades) for _, text, grades in questions],
        "vector": [ndcg(table.search(vector, K).ids.tolist(), grades) for vector, _, grades in questions],
    }
    better = max(found.values(), key=sum)
    for method in METHODS:
        found[method] = ndcg_of_fused(table, questions, method)
    found["tuned"] = ndcg_of_tuned(table, questions)
    gains = {"default_gain": gain(found[DEFAULT], better), "tuned_gain": gain(found["tuned"], better)}
    return {"queries": len(questions), **{name: sum(values) / len(values) for name, values in found.items()}, **gains}


def label_questions(sentences, rows):
    """Deletes the rows."""
    sentences.table.delete(rows)
    kept = sorted(set(range(len(sentences.labels))) - set(rows))
    questions = []
    for row in rows:
        grades = {other: 1 for other in kept if sentences.labels[other] == sentences.labels[row]}
        if grades:
            questions.append((sentences.vectors[row], sentences.texts[row], grades))
    return questions


def item_questions(sentences, rows, seed=4):
    source = random.Random(seed)
    questions = []
    for row in rows:
        words = sentences.texts[row].split()
        kept = sorted(source.sample(range(len(words)), max(1, len(words) // 3)))
        near = sentences.vectors @ sentences.vectors[row]
        near[row] = -1
        vector = 0.4 * sentences.vectors[row] + 0.6 * sentences.vectors[int(near.argmax())]
        vector = (vector / np.linalg.norm(vector)).astype(np.float32)
        questions.append((vector, " ".join(words[at] for at in kept), {row: 1}))
    return questions


def latent_vectors(documents, questions):
    """Those of the documents and those of the questions; None without scikit-learn."""
    try:
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError:
        print("left out: scikit-learn is not installed (requirements.txt)", flush=True)
        return None
    weigh = TfidfVectorizer(sublinear_tf=True, stop_words="english")
    counted = weigh.fit_transform(documents)
    reduce = TruncatedSVD(LATENT_DIMS, random_state=0).fit(counted)
    return reduce.transform(counted).astype(np.float32), reduce.transform(weigh.transform(questions)).astype(np.float32)


def collection_quality(name):
    """None where something is missing."""
    import omendb

    folder = datasets.data_dir() / name
    documents, queries = read_lines(folder / "corpus.jsonl.gz"), read_lines(folder / "queries.jsonl")
    texts = [f"{document['title']} {document['text']}".strip() for document in documents]
    vectors = latent_vectors(texts, [query["text"] for query in queries])
    if vectors is None:
        return None
    grades = {query["_id"]: {} for query in queries}
    for line in (folder / "qrels.tsv").read_text().splitlines():
        query, document, grade = line.split("\t")
        if grade.isdigit() and int(grade) > 0:
            grades[query][document] = int(grade)
    with omendb.connect(":memory:") as database:
        columns = {"id": "string primary key", "body": omendb.text(), "v": omendb.vector(LATENT_DIMS, "cosine")}
        table = database.create_table("t", columns)
        table.insert({"id": [document["_id"] for document in documents], "body": texts, "v": vectors[0]})
        table._wait_for_index()
        questions = [
            (vector, query["text"], grades[query["_id"]])
            for query, vector in zip(queries, vectors[1], strict=True)
            if grades[query["_id"]]
        ]
        return ndcg_of_all(table, questions)


def measure_quality(query_count):
    """nDCG@10 by set and by searcher."""
    results = {}
    for name, folder in COLLECTIONS.items():
        measured = None if missing(folder) else collection_quality(folder)
        if measured:
            results[name] = measured
    if not missing("beir_bge768"):
        sentences = Sentences()
        rows = sentences.query_rows[:query_count]
        results["beir-item"] = ndcg_of_all(sentences.table, item_questions(sentences, rows))
        results["beir-label"] = ndcg_of_all(sentences.table, label_questions(sentences, rows))
        sentences.database.close()
    return results


def quality_table(measured):
    names = ["text", "vector", *METHODS, "tuned"]
    rows = [
        [
            name,
            str(entry["queries"]),
            *(f"{entry[searcher]:.4f}" for searcher in names),
            *("{1:+.3f} ({0:+.3f} to {2:+.3f})".format(*entry[gained]) for gained in ("default_gain", "tuned_gain")),
        ]
        for name, entry in measured.items()
    ]
    return ["set", "queries", *names, f"{DEFAULT} over the better side", "tuned over it"], rows
