"""Search by words, by vectors, by both, and under conditions: the plants, animals and foods of the dictionary WordNet.

python examples/words_and_vectors.py          needs Debian's wordnet-base and scikit-learn
python examples/words_and_vectors.py FOLDER   draws two plots into FOLDER as well (needs matplotlib): latency.png, how long a search takes
                                              under conditions that leave few or many rows, and quality.png, how good each ranking is
"""

import os
import pathlib
import re
import sys
import time

import numpy as np

import omendb

WORDNET = pathlib.Path(os.environ.get("WNSEARCHDIR", "/usr/share/wordnet"))
SUBJECTS = {5: "animal", 13: "food", 20: "plant"}  # numbers as in lexnames(5)
DIMS, SHOWN = 128, 3
SHARES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]  # of the rows that a condition leaves
TIMED, ASKED, BEST = 20, 300, 10
RANKINGS = {
    "words": {},
    "vector": {},
    "rrf": {"fuse": "rrf"},
    "relative": {"fuse": "relative"},
    "distribution": {"fuse": "distribution"},
    "0.3 vector, 0.7 words": {"fuse": {"vector": 0.3, "text": 0.7}},
    "filter": {"fuse": "filter"},
}


def read_nouns(path):
    """Columns of the entries: words, subject, definition, and the address of the entry above ("dog" of "poodle")."""
    entries = {"word": [], "subject": [], "definition": [], "above": []}
    for line in path.read_text(encoding="latin-1").splitlines():
        head, _, gloss = line.partition(" | ")
        fields = head.split()
        if not line.startswith(" ") and int(fields[1]) in SUBJECTS:
            above = re.search(r" @i? (\d+) n", head)
            entries["word"].append(fields[4].replace("_", " "))
            entries["subject"].append(SUBJECTS[int(fields[1])])
            entries["definition"].append(gloss.split('; "')[0].strip())
            entries["above"].append(above.group(1) if above else fields[0])
    return entries


def learn(texts):
    """What makes vectors of texts, by latent semantic analysis. With a sentence model it would be one call to that."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(sublinear_tf=True, min_df=2, stop_words="english")
    model = make_pipeline(words, TruncatedSVD(DIMS, random_state=1)).fit(texts)
    return lambda texts: model.transform(texts).astype(np.float32)


def load(db, entries, vectors):
    words = db.create_table(
        "words",
        {
            "id": "int64 primary key",
            "word": omendb.text("simple"),
            "subject": "string",
            "definition": omendb.text("english"),
            "dice": "float64",
            "v": omendb.vector(DIMS, metric="cosine"),
        },
    )
    count = len(vectors)
    rows = {name: entries[name] for name in ("word", "subject", "definition")}
    words.insert({"id": np.arange(count), **rows, "dice": np.random.default_rng(1).random(count), "v": vectors})
    print(f"{count:,} entries")
    while words.stats()[
        "tail_rows"
    ]:  # searches are right at once; what is measured here is how fast they are in the long run
        time.sleep(0.05)
    return words


def show(title, hits):
    print(f"\n{title}")
    for hit, parts in zip(hits, hits.highlight("[", "]", length=70)):
        print(f"  {hit.score:6.3f}  {hit['word']:24} {parts.get('definition', hit['definition'][:70])}")


def look_around(words, embed):
    show("by words: red berries", words.search(text="red berries", k=SHOWN))
    asked = '"long bill" +bird -extinct'
    show(f"a phrase, a word that must be there and one that must not: {asked}", words.search(query=asked, k=SHOWN))
    asked = "shrub* definition:hedg*^2 boxwod~1"
    show(f"beginnings, a column, a weight, and a word that is misspelled: {asked}", words.search(query=asked, k=SHOWN))

    asked = "flightless birds of New Zealand"
    vector, columns = embed([asked])[0], {"word": 2, "definition": 1}
    show(f"by both: {asked}", words.search(vector, text=asked, text_columns=columns, k=SHOWN))
    show("the same, the next page", words.search(vector, text=asked, text_columns=columns, k=SHOWN, offset=SHOWN))
    asked = "grows in cold water"
    vector = embed([asked])[0]
    condition = "subject = ? and definition not like '%Australia%'"
    hits = words.search(vector, text=asked, fuse="relative", where=condition, params=["animal"], min_score=0.2, k=SHOWN)
    show(f"by both, animals only, and none that scores below 0.2: {asked}", hits)
    print("\nhow that went:")
    print(words.explain(vector, text=asked, fuse="relative", where=condition, params=["animal"], k=SHOWN, analyze=True))


def latencies(words, texts, vectors):
    """{ranking: milliseconds (median) for each of SHARES}."""
    asked = list(zip(texts, vectors))[:TIMED]
    ways = {
        "words": lambda text, vector, **where: words.search(text=text, **where),
        "vector": lambda text, vector, **where: words.search(vector, **where),
        "both": lambda text, vector, **where: words.search(vector, text=text, **where),
    }
    measured = {}
    for name, search in ways.items():
        measured[name] = []
        for share in SHARES:
            seconds = []
            for text, vector in asked:
                started_at = time.perf_counter()
                search(text, vector, where="dice < ?", params=[share])
                seconds.append(time.perf_counter() - started_at)
            measured[name].append(1e3 * np.median(seconds))
    return measured


def qualities(words, entries, vectors):
    """{ranking: how many of the BEST entries found for a definition stand below the same entry as the one that it defines}."""
    above = np.array(entries["above"])
    names, sizes = np.unique(above, return_counts=True)
    families = names[sizes > BEST]  # there is a full list to be found
    asked = np.random.default_rng(2).permutation(np.flatnonzero(np.isin(above, families)))[:ASKED]
    measured = {}
    for name, options in RANKINGS.items():
        right = 0
        for own in asked:
            search = dict(options)
            if name != "words":
                search["vector"] = vectors[own]
            if name != "vector":
                search |= {"text": entries["definition"][own], "text_columns": "definition"}
            found = [key for key in words.search(k=BEST + 1, **search).ids if key != own][:BEST]
            right += np.sum(above[found] == above[own])
        measured[name] = right / (BEST * len(asked))
    return measured


def draw(folder, milliseconds, shares_right):
    try:
        import matplotlib
    except ImportError:
        sys.exit("the plots need matplotlib, which is not installed: pip install matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    drawing, axes = pyplot.subplots(figsize=(7, 4), dpi=110, layout="constrained")
    for name, values in milliseconds.items():
        axes.plot(SHARES, values, marker="o", label=name)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="share of the rows for which the condition is true",
        ylabel="milliseconds a search (median)",
    )
    axes.grid(True, which="both", alpha=0.25)
    axes.legend(frameon=False)
    drawing.savefig(folder / "latency.png")

    drawing, axes = pyplot.subplots(figsize=(7, 4), dpi=110, layout="constrained")
    bars = axes.barh(list(shares_right), list(shares_right.values()), color="#30638e")
    axes.bar_label(bars, fmt="%.3f", padding=3)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.set(xlabel=f"share of the {BEST} best that are of the same family")
    drawing.savefig(folder / "quality.png")
    pyplot.close("all")
    print(f"\ndrawn: {folder / 'latency.png'}, {folder / 'quality.png'}")


def main(folder=None):
    if not (WORDNET / "data.noun").is_file():
        sys.exit(f"{WORDNET}: no dictionary there: apt-get install wordnet-base (WNSEARCHDIR names another place)")
    entries = read_nouns(WORDNET / "data.noun")
    embed = learn(entries["definition"])
    vectors = embed(entries["definition"])
    with omendb.connect(":memory:") as db:
        words = load(db, entries, vectors)
        look_around(words, embed)

        some = np.random.default_rng(3).permutation(len(vectors))[:TIMED]
        texts = [" ".join(entries["definition"][at].split()[:5]) for at in some]
        milliseconds = latencies(words, texts, embed(texts))
        print("\nmilliseconds a search (median) under conditions that leave a share of the rows")
        print("  " + " " * 8 + "".join(f"{share:>8.1%}" for share in SHARES))
        for name, values in milliseconds.items():
            print(f"  {name:8}" + "".join(f"{value:8.2f}" for value in values))

        shares_right = qualities(words, entries, vectors)
        print(f"\nshare of the {BEST} best for a definition that are of the same family")
        for name, share in shares_right.items():
            print(f"  {name:24} {share:.3f}")
    if folder:
        draw(pathlib.Path(folder), milliseconds, shares_right)


if __name__ == "__main__":
    main(*sys.argv[1:2])
