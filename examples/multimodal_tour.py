# %% [markdown]
# # A tour: one table with vectors, texts and metadata
#
# Artifacts, animals and plants of the dictionary WordNet: of each a word and a definition (text), a subject, a length and a
# date (metadata), and a vector made from the definition. It is searched by each of them and by all together, and measured.
#
# Run the cells one after another in an editor that knows `# %%` (VS Code, PyCharm, Spyder, Jupytext), or the file as it is:
# `python examples/multimodal_tour.py`, about 20 seconds. It needs scikit-learn and Debian's wordnet-base; with matplotlib
# three plots are drawn into the folder `tour` (`TOUR_FOLDER` names another one; `TOUR_ROWS` takes fewer rows).

# %%
import os
import pathlib
import sys
import time

import numpy as np

import omendb

WORDNET = pathlib.Path(os.environ.get("WNSEARCHDIR", "/usr/share/wordnet"))
FOLDER = pathlib.Path(os.environ.get("TOUR_FOLDER", "tour"))
ROWS = int(os.environ.get("TOUR_ROWS", "25000"))
SUBJECTS = {5: "animal", 6: "artifact", 20: "plant"}  # numbers as in lexnames(5)
DIMS, K, ASKED = 96, 10, 100

if not (WORDNET / "data.noun").is_file():
    sys.exit(f"{WORDNET}: no dictionary there: apt-get install wordnet-base (WNSEARCHDIR names another place)")
try:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
except ImportError:
    sys.exit("the vectors need scikit-learn, which is not installed: pip install scikit-learn")

# %% [markdown]
# ## The rows
# Every line of `data.noun` is an entry: its address, the number of its subject, how many words it has, the words, and behind
# a bar what it means. Shuffled, so that fewer rows are a fair sample.

# %%
words, subjects, definitions = [], [], []
for line in (WORDNET / "data.noun").read_text(encoding="latin-1").splitlines():
    head, _, gloss = line.partition(" | ")
    fields = head.split()
    if not line.startswith(" ") and int(fields[1]) in SUBJECTS:
        words.append(fields[4].replace("_", " "))
        subjects.append(SUBJECTS[int(fields[1])])
        definitions.append(gloss.split('; "')[0].strip())
chosen = np.random.default_rng(1).permutation(len(words))[:ROWS]
words, subjects, definitions = ([column[at] for at in chosen] for column in (words, subjects, definitions))
print(f"{len(words):,} entries, the first: {words[0]} ({subjects[0]}): {definitions[0]}")

# %% [markdown]
# The vectors are those of latent semantic analysis: weighted counts of words, reduced to 96 dimensions. With a sentence model
# the two lines below would be one call to that; everything else stays as it is.

# %%
model = make_pipeline(TfidfVectorizer(sublinear_tf=True, min_df=2, stop_words="english"), TruncatedSVD(DIMS, random_state=1))
vectors = model.fit_transform(definitions).astype(np.float32)


def embed(texts):
    return model.transform(texts).astype(np.float32)


# %% [markdown]
# ## The table
# One schema, one insert, one transaction: everything or nothing. `embed=` lets a search take words for the vector, too.
# Searches find new rows at once; here they wait for the graph, because what is measured below is the state of every day.

# %%
db = omendb.connect(":memory:")
table = db.create_table(
    "entries",
    {
        "id": "int64 primary key",
        "word": omendb.text("simple"),
        "definition": omendb.text("english"),
        "subject": "string",
        "letters": "int64",
        "dice": "float64",  # a number by chance, to leave any share of the rows out
        "v": omendb.vector(DIMS, metric="cosine", embed=embed, source="definition"),
    },
)
count = len(words)
began = time.perf_counter()
table.insert(
    {
        "id": np.arange(count),
        "word": words,
        "definition": definitions,
        "subject": subjects,
        "letters": [len(word) for word in words],
        "dice": np.random.default_rng(2).random(count),
        "v": vectors,
    }
)
print(f"inserted and searchable after {time.perf_counter() - began:.2f} s")
while table.stats()["tail_rows"]:
    time.sleep(0.05)
print(f"all of them in the graph after {time.perf_counter() - began:.2f} s")


def show(title, hits):
    print(f"\n{title}")
    for hit, parts in zip(hits, hits.highlight("[", "]", length=60)):
        print(f"  {hit.score:6.3f}  {hit['word']:20.20} {hit['subject']:9} {parts.get('definition', hit['definition'][:60])}")


# %% [markdown]
# ## Searches
# By words, with operators; by both under a condition; and how the engine went about that.

# %%
show("words: red berries", table.search(text="red berries", k=3))
show('operators: "long bill" +bird -extinct', table.search(query='"long bill" +bird -extinct', k=3))
asked = "a large bird that can not fly"
where, params = "subject = ? and letters <= ?", ["animal", 12]
show(f"words and vector, where {where}: {asked}", table.search(asked, text=asked, k=3, where=where, params=params))
print("\n" + table.explain(embed([asked])[0], text=asked, where=where, params=params, k=3, analyze=True))

# %% [markdown]
# ## How two rankings become one
# The numbers of both sides do not compare: a BM25 score has no upper end and is 0 for most rows, a cosine lies close to that of
# its neighbours. That is why each is scaled by its own mean and deviation among the candidates before they are added
# (`fuse="distribution"`, the default). Below, what the candidates of one search score on each side.

# %%
hits = table.search(asked, text=asked, k=100, fuse={"candidates": 100})
cosines, bm25 = 1 - hits.distances, hits.text_scores
scaled = {"cosine": (cosines - cosines.mean()) / cosines.std(), "BM25": (bm25 - bm25.mean()) / bm25.std()}
for name, raw in (("cosine", cosines), ("BM25", bm25)):
    print(f"{name:7} {raw.min():6.2f} to {raw.max():6.2f}; in deviations {scaled[name].min():+.1f} to {scaled[name].max():+.1f}")

# %% [markdown]
# ## Recall and time
# `recall=` says which share of the true nearest is wanted; the engine chooses the width of its walk by what it has measured
# with the table's own rows. `ef=` sets that width by hand. The truth comes from `exact=True`, which compares with every row;
# a row counts as found where it is no farther than the last of the true ones, since many are equally far.

# %%
asked_rows = np.random.default_rng(3).permutation(count)[:ASKED]
queries = embed([" ".join(definitions[row].split()[:5]) for row in asked_rows])
known = np.linalg.norm(queries, axis=1) > 0  # one of the words at least
asked_rows, queries = asked_rows[known], queries[known]
farthest = [table.search(query, K, exact=True).distances[-1] for query in queries]


def timed(search):
    """(Hits of each query, milliseconds of the median)."""
    found, seconds = [], []
    for query in queries:
        started_at = time.perf_counter()
        found.append(search(query))
        seconds.append(time.perf_counter() - started_at)
    return found, 1e3 * float(np.median(seconds))


def recall_of(found):
    return float(np.mean([np.mean(hits.distances <= limit + 1e-6) for hits, limit in zip(found, farthest)]))


print("\n    ef  recall@10  ms")
curve = []
for ef in (10, 16, 32, 64, 128, 256):
    found, milliseconds = timed(lambda query, ef=ef: table.search(query, K, ef=ef))
    curve.append((ef, recall_of(found), milliseconds))
    print(f"  {ef:4}  {curve[-1][1]:9.3f}  {milliseconds:.3f}")
found, milliseconds = timed(lambda query: table.search(query, K))
default = (recall_of(found), milliseconds)
print(f"  none  {default[0]:9.3f}  {milliseconds:.3f}  (recall 0.95 is wanted)")

# %% [markdown]
# ## Conditions and time
# How long does a search take that may only find a share of the rows? Where few pass they are compared one by one, where many
# pass the graph is walked.

# %%
SHARES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
text_of = {query.tobytes(): definitions[row] for query, row in zip(queries, asked_rows)}
WAYS = {
    "vector": lambda query, **options: table.search(query, K, **options),
    "words": lambda query, **options: table.search(text=text_of[query.tobytes()], k=K, **options),
    "both": lambda query, **options: table.search(query, K, text=text_of[query.tobytes()], **options),
}
latencies = {}
print("\nmilliseconds a search, by the share of rows that pass\n  " + " " * 8 + "".join(f"{share:>8.1%}" for share in SHARES))
for way, search in WAYS.items():
    latencies[way] = [
        timed(lambda query, share=share: search(query, where="dice < ?", params=[share]))[1] for share in SHARES
    ]
    print(f"  {way:8}" + "".join(f"{value:8.3f}" for value in latencies[way]))

# %% [markdown]
# ## The plots

# %%
try:
    import matplotlib
except ImportError:
    print("\ndone, but for the plots: matplotlib is not installed (pip install matplotlib)")
    sys.exit()
if "ipykernel" not in sys.modules:
    matplotlib.use("Agg")
from matplotlib import pyplot

FOLDER.mkdir(parents=True, exist_ok=True)


def save(drawing, name):
    drawing.savefig(FOLDER / name)
    print(f"drawn: {FOLDER / name}")


drawing, axes = pyplot.subplots(figsize=(7, 4), dpi=110, layout="constrained")
axes.plot([recall for _, recall, _ in curve], [1e3 * milliseconds for *_, milliseconds in curve], marker="o", label="ef=")
for ef, recall, milliseconds in curve:
    axes.annotate(str(ef), (recall, 1e3 * milliseconds), textcoords="offset points", xytext=(-6, 5), ha="right")
axes.plot(default[0], 1e3 * default[1], marker="*", markersize=12, linestyle="none", label="default")
axes.set(xlabel=f"recall@{K}", ylabel="microseconds a search (median)", ylim=(0, 1.15e3 * max(milliseconds for *_, milliseconds in curve)))
axes.legend(frameon=False, loc="lower left")
save(drawing, "recall.png")

drawing, axes = pyplot.subplots(figsize=(7, 4), dpi=110, layout="constrained")
for way, values in latencies.items():
    axes.plot(SHARES, values, marker="o", label=way)
axes.set(xscale="log", yscale="log", xlabel="share of the rows that pass the condition", ylabel="milliseconds a search (median)")
axes.legend(frameon=False)
save(drawing, "conditions.png")

drawing, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4), dpi=110, layout="constrained")
left.scatter(cosines, bm25, s=12)
left.set(xlabel="cosine", ylabel="BM25", title="candidates of one search")
right.hist(scaled.values(), bins=24, range=(-3, 3), label=list(scaled))
right.set(xlabel="standard deviations from the mean", ylabel="candidates", title="as they are added")
right.legend(frameon=False)
save(drawing, "scores.png")
pyplot.close("all")
