"""Search by words, by words and vectors, and what comes with it: highlights, paging, groups, reranking, explain()."""

import math
import threading

import numpy as np
import omendb
import pytest

BODIES = [
    "The quick brown fox jumps over the lazy dog",
    "A red bicycle leans against the wall",
    "Red bicycles and blue bicycles are for sale",
    "The dog sleeps beside a bicycle",
    None,
    "",
    "Grüße aus Köln: der Fluß ist naß",
]


@pytest.fixture
def db():
    with omendb.connect(":memory:") as opened:
        yield opened


@pytest.fixture
def docs(db):
    table = db.create_table(
        "docs", {"id": "int64 primary key", "body": omendb.text(), "year": "int64", "v": omendb.vector(2)}
    )
    table.insert(
        {
            "id": range(len(BODIES)),
            "body": BODIES,
            "year": [2000 + i for i in range(len(BODIES))],
            "v": np.array([[i, 0] for i in range(len(BODIES))], dtype=np.float32),
        }
    )
    return table


def ids(hits):
    return [int(key) for key in hits.ids]


# --- words ---


def test_the_row_that_matches_best_comes_first(docs):
    hits = docs.search(text="red bicycles")
    assert set(ids(hits)) == {1, 2, 3} and ids(hits)[0] == 2  # "bicycle" twice, by its stem
    assert list(hits.scores) == sorted(hits.scores, reverse=True) and all(hits.scores > 0)
    assert np.array_equal(hits.scores, hits.text_scores)
    assert all(math.isnan(distance) for distance in hits.distances)
    assert hits[0]["body"] == BODIES[2] and hits[0].score == hits[0].text_score == pytest.approx(float(hits.scores[0]))


def test_scores_are_those_of_the_formula(db):
    table = db.create_table("t", {"id": "int64 primary key", "body": omendb.text(analyzer="simple", k1=1.2, b=0.75)})
    table.insert({"id": [1, 2, 3], "body": ["a b", "a a c d", "d"]})
    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    average = 7 / 3
    wanted = {2: idf * 2 / (2 + 1.2 * (0.25 + 0.75 * 4 / average)), 1: idf / (1 + 1.2 * (0.25 + 0.75 * 2 / average))}
    hits = table.search(text="A")
    assert ids(hits) == [2, 1]
    assert list(hits.scores) == pytest.approx([wanted[2], wanted[1]], rel=1e-6)


def test_what_matches_nothing_finds_nothing(docs):
    for words in ("", " ", "the a of", "zebra", "!?", "\0"):
        assert len(docs.search(text=words)) == 0, words


def test_characters_of_any_language_match(docs):
    assert ids(docs.search(text="KÖLN")) == [6]
    assert ids(docs.search(text="koln")) == [6]


def test_fewer_than_k_only_when_fewer_match(docs):
    assert len(docs.search(text="bicycle dog", k=2)) == 2
    assert len(docs.search(text="bicycle dog", k=100)) == 4


def test_conditions_hold_for_words_too(docs):
    assert ids(docs.search(text="bicycle", where="year = 2003")) == [3]
    assert ids(docs.search(text="bicycle", where="year > ?", params=[2001])) == [2, 3]
    assert len(docs.search(text="bicycle", where="year > 3000")) == 0
    assert len(docs.search(text="bicycle", where="body is null")) == 0


def test_operators(docs):
    assert ids(docs.search(query='"red bicycle"')) == [1, 2] or ids(docs.search(query='"red bicycle"')) == [2, 1]
    assert ids(docs.search(query="+bicycle -red")) == [3]
    assert set(ids(docs.search(query="bicycl*"))) == {1, 2, 3}
    assert ids(docs.search(query="quikc~")) == [0]
    assert ids(docs.search(query="body:fox")) == [0]
    assert ids(docs.search(query="(dog AND bicycle) OR fox"))[0] in (0, 3)


@pytest.mark.parametrize("query", ['"red', "(red", "red)", "nosuch:red", "red^-1", "+", "a AND"])
def test_a_query_that_can_not_be_read_says_where(docs, query):
    with pytest.raises(omendb.QueryError):
        docs.search(query=query)


def test_words_are_never_a_syntax_error(docs):
    assert set(ids(docs.search(text='"red (bicycle AND -fox~ nosuch:'))) == {0, 1, 2, 3}


# --- what changes is seen at once ---


def test_rows_are_found_as_soon_as_they_are_there_and_never_afterwards(docs):
    docs.insert({"id": [100], "body": ["A wombat digs"], "v": [[0.0, 0.0]]})
    assert ids(docs.search(text="wombat")) == [100]
    docs.upsert({"id": [100], "body": ["A numbat digs"], "v": [[0.0, 0.0]]})
    assert ids(docs.search(text="wombat")) == [] and ids(docs.search(text="numbat")) == [100]
    docs.update({"body": "A quoll digs"}, where="id = 100")
    assert ids(docs.search(text="numbat")) == [] and ids(docs.search(text="quoll")) == [100]
    docs.delete([100])
    assert len(docs.search(text="quoll wombat numbat")) == 0
    docs.clear()
    assert len(docs.search(text="dog")) == 0
    docs.database.check()


def test_equal_texts_score_alike_whenever_they_came(db):
    table = db.create_table("t", {"id": "int64 primary key", "body": omendb.text()})
    rng = np.random.default_rng(7)
    words = [f"w{i}" for i in range(300)]
    for first in range(0, 4000, 250):
        bodies = [" ".join(rng.choice(words, 20)) for _ in range(249)]
        table.insert({"id": range(first, first + 250), "body": [*bodies, "needle in a haystack w1 w2"]})
        if first % 1000 == 0:
            table.delete(where=f"id >= {first} and id < {first + 100}")
    scores = table.search(text="needle w1", where="id % 250 = 249", k=100).scores
    assert len(scores) == 16 and len(set(scores.tolist())) == 1
    db.check()


def test_reopened_tables_answer_alike(tmp_path):
    path = tmp_path / "db.omen"
    rng = np.random.default_rng(3)
    words = [f"w{i}" for i in range(2000)]
    with omendb.connect(path) as opened:
        table = opened.create_table("t", {"id": "int64 primary key", "body": omendb.text(analyzer="simple")})
        for first in range(0, 12_000, 3000):
            table.insert({"id": range(first, first + 3000), "body": [" ".join(rng.choice(words, 30)) for _ in range(3000)]})
        table.delete(where="id % 7 = 0")
        before = table.search(text="w1 w20 w300", k=50)
        before = (ids(before), before.scores.tolist())
    for read_only in (False, True):
        with omendb.connect(path, read_only=read_only) as opened:
            after = opened["t"].search(text="w1 w20 w300", k=50)
            assert (ids(after), after.scores.tolist()) == before
            opened.check()


def test_searches_beside_a_writer_see_whole_statements(db):
    table = db.create_table("t", {"id": "int64 primary key", "body": omendb.text(analyzer="simple")})
    failures = []
    done = threading.Event()

    def search():
        while not done.is_set():
            found = len(table.search(text="alpha", k=10_000))
            if found % 10:
                failures.append(found)

    readers = [threading.Thread(target=search) for _ in range(2)]
    for reader in readers:
        reader.start()
    for first in range(0, 3000, 10):
        table.insert({"id": range(first, first + 10), "body": ["alpha beta"] * 10})
        if first % 100 == 90:
            table.delete(list(range(first - 90, first - 80)))
    done.set()
    for reader in readers:
        reader.join()
    assert not failures
    assert len(table.search(text="alpha", k=10_000)) == 2700
    db.check()


# --- several columns, analyzers ---


def test_columns_and_weights(db):
    table = db.create_table(
        "t", {"id": "int64 primary key", "title": omendb.text(), "body": omendb.text(), "tag": "string"}
    )
    table.insert({"id": [1, 2], "title": ["cats", "dogs"], "body": ["dogs", "cats"], "tag": ["cats", "cats"]})
    assert set(ids(table.search(text="cats"))) == {1, 2}
    assert ids(table.search(text="cats", text_columns=["title"])) == [1]
    assert ids(table.search(text="cats", text_columns="body")) == [2]
    assert ids(table.search(text="cats", text_columns={"title": 1, "body": 3})) == [2, 1]
    assert ids(table.search(query="title:cats")) == [1]
    for columns, error in (
        (["nosuch"], omendb.SchemaError),
        (["tag"], omendb.SchemaError),
        (["title", "title"], omendb.QueryError),
        ({"title": 0}, omendb.QueryError),
        ({"title": -1}, omendb.QueryError),
        ({"title": math.nan}, omendb.QueryError),
        ([], omendb.QueryError),
        ({"title": "2"}, omendb.QueryError),
        ([3], omendb.QueryError),
    ):
        with pytest.raises(error):
            table.search(text="cats", text_columns=columns)


def test_analyzers(db):
    def found(analyzer, body, words):
        table = db.create_table(f"t{len(list(db))}", {"id": "int64 primary key", "body": omendb.text(analyzer)})
        table.insert({"id": [1], "body": [body]})
        return len(table.search(text=words)) == 1

    assert found("german", "Die Häuser am See", "Haus") or found("german", "Häuser", "häuser")
    assert found("simple", "Running", "RUNNING") and not found("simple", "Running", "run")
    assert found("keyword", "Exactly This", "Exactly This") and not found("keyword", "Exactly This", "This")
    assert found("ngram(3)", "database", "taba")
    assert found("code", "getUserName(user_id)", "user")
    with pytest.raises(omendb.SchemaError, match="english"):
        db.create_table("bad", {"id": "int64 primary key", "body": omendb.text("klingon")})


def test_a_table_without_texts_says_so(db):
    table = db.create_table("t", {"id": "int64 primary key", "name": "string"})
    with pytest.raises(omendb.SchemaError, match="no text column"):
        table.search(text="a")


# --- words and vectors ---


def test_both_rankings_become_one(docs):
    hits = docs.search([3.0, 0.0], text="bicycle", k=3)
    assert set(ids(hits)) == {1, 2, 3}  # near and with the word
    assert all(hits.text_scores > 0) and hits.distances.tolist() == [abs(key - 3) for key in ids(hits)]
    everything = docs.search([3.0, 0.0], text="bicycle", k=10, fuse="rrf")
    assert set(ids(everything)) == set(range(7))
    assert all(not math.isnan(distance) for distance in everything.distances)
    by_rank = {key: 0.0 for key in range(7)}
    for ranking in (docs.search([3.0, 0.0], k=50), docs.search(text="bicycle", k=50)):
        for rank, key in enumerate(ids(ranking), 1):
            by_rank[key] += 1 / (60 + rank)
    assert everything.scores.tolist() == pytest.approx([by_rank[key] for key in ids(everything)], rel=1e-6)


def naive_fusion(distances, text_scores, weights=(1, 1), deviations=3):
    """Scores, each side from 0 at so many deviations below the mean to 1 above; how it would be without those ends."""
    sides = []
    for values in (-np.asarray(distances, np.float64), np.asarray(text_scores, np.float64)):
        zero, one = (values.mean() + sign * deviations * values.std() for sign in (-1, 1))
        sides.append((values - zero) / (one - zero) if one > zero else np.ones(len(values)))
    cut = [np.clip(side, 0, 1) for side in sides]
    return tuple(weights[0] * vector + weights[1] * text for vector, text in (cut, sides))


@pytest.mark.parametrize("fuse, weights", [(None, (1, 1)), ("distribution", (1, 1)), ({"vector": 0.2, "text": 0.6}, (0.2, 0.6))])
def test_without_a_word_scores_are_fused_in_standard_deviations(db, fuse, weights):
    seed = 11
    source = np.random.default_rng(seed)
    table = db.create_table("t", {"id": "int64 primary key", "body": omendb.text("simple"), "v": omendb.vector(3)})
    words = [" ".join(source.choice(list("abcdefgh"), size=source.integers(1, 9))) for _ in range(40)]
    table.insert({"id": range(40), "body": words, "v": source.normal(size=(40, 3)).astype(np.float32) ** 3})
    for number in range(20):  # each side's 50 candidates are all rows that it finds
        asked = source.normal(size=3).astype(np.float32)
        hits = table.search(asked, 40, text="a b", fuse=fuse)
        scores, unbounded = naive_fusion(hits.distances, hits.text_scores, weights)
        assert hits.scores.tolist() == pytest.approx(scores.tolist(), abs=1e-5), (seed, number)
        for before, after in zip(range(39), range(1, 40), strict=True):
            better = scores[before] - scores[after] > -1e-6
            assert better and (scores[before] - scores[after] > 1e-6 or unbounded[before] - unbounded[after] > -1e-5), (seed, number)


def test_rows_beyond_the_end_of_a_scale_keep_their_order(db):
    table = db.create_table("t", {"id": "int64 primary key", "body": omendb.text(), "v": omendb.vector(1)})
    places = [1.0, 0.0, *(1000.0 + i for i in range(48))]  # two that are near, both more than three deviations above the mean
    table.insert({"id": range(50), "body": ["bicycle"] * 50, "v": np.array(places, np.float32)[:, None]})
    hits = table.search([0.0], 2, text="bicycle")
    assert hits.scores[0] == hits.scores[1] and ids(hits) == [1, 0]
    assert ids(table.search([0.0], 5, text="bicycle", fuse={"vector": 1})) == ids(table.search([0.0], 5))


@pytest.mark.parametrize("fuse", ["relative", "distribution", {"vector": 1, "text": 1}])
def test_scores_are_scaled(docs, fuse):
    hits = docs.search([3.0, 0.0], text="bicycle", k=10, fuse=fuse)
    assert all(0 <= score <= 2 for score in hits.scores)


def test_a_weight_of_nothing_leaves_the_other_ranking(docs):
    near = ids(docs.search([5.0, 0.0], k=7))
    assert ids(docs.search([5.0, 0.0], text="bicycle", k=7, fuse={"vector": 1, "text": 0})) == near
    hits = docs.search([5.0, 0.0], text="bicycle", k=3, fuse={"vector": 0, "text": 1})
    assert set(ids(hits)) == set(ids(docs.search(text="bicycle", k=3)))


def test_text_as_a_condition(docs):
    hits = docs.search([0.0, 0.0], text="bicycle", fuse="filter", k=10)
    assert ids(hits) == [1, 2, 3]  # by distance
    assert all(hits.text_scores > 0) and list(hits.distances) == [1, 2, 3]


def test_conditions_and_radius_hold_for_both(docs):
    hits = docs.search([3.0, 0.0], text="bicycle", where="year >= 2002", k=10)
    assert min(ids(hits)) == 2
    assert set(ids(docs.search([3.0, 0.0], text="bicycle", radius=1.0))) == {2, 3, 4}


@pytest.mark.parametrize(
    "fuse",
    ["sum", 3, {"vector": -1, "text": 1}, {"vector": 0, "text": 0}, {"audio": 1}, {"method": "x"}, {"vector": math.nan},
     {"candidates": -1}, {"candidates": 20_000}],
)  # fmt: skip
def test_wrong_fusions_are_refused(docs, fuse):
    with pytest.raises(omendb.QueryError):
        docs.search([3.0, 0.0], text="bicycle", fuse=fuse)


def test_weights_are_found_by_what_is_relevant(docs):
    by_text = [([float(6 - number), 0.0], "bicycles", [1, 2, 3]) for number in range(3)]  # what is near says nothing
    by_vector = [([float(number), 0.0], "bicycle", {number: 2, 3: 0}) for number in (0, 4, 5, 6)]
    for questions, side in ((by_text, "text"), (by_vector, "vector")):
        tuned = omendb.tune_fusion(docs, questions, k=3)
        alone = {"text": tuned.ndcg_text, "vector": tuned.ndcg_vector}
        assert tuned.question_count == len(questions) and tuned.ndcg == alone[side] == pytest.approx(1)
        assert min(alone.values()) < 1 and tuned.ndcg >= tuned.ndcg_default
        assert sum(tuned.fuse.values()) == pytest.approx(1) and tuned.fuse[side] >= 0.5
        again = [docs.search(vector, 3, text=text, fuse=tuned.fuse).ids.tolist() for vector, text, _ in questions]
        assert all(set(found[: len(relevant)]) >= {key for key in relevant if key != 3 or side == "text"}
                   for found, (_, _, relevant) in zip(again, questions, strict=True))  # fmt: skip
    only = omendb.tune_fusion(docs, [([0.0, 0.0], "bicycle", [5])], where="id = 5")
    assert only.ndcg == 1 and only.fuse == {"vector": 0.5, "text": 0.5}  # all weights do: the middle


@pytest.mark.parametrize(
    "questions, complaint",
    [
        ([], "there are none"),
        ([([0.0, 0.0], "bicycle", [1]), ([0.0, 0.0], "bicycle")], "question 1 is no"),
        ([([0.0, 0.0], 3, [1])], "text of question 0 is a str, not int"),
        ([([0.0, 0.0], "bicycle", "abc")], "relevant to question 0"),
        ([([0.0, 0.0], "bicycle", 3)], "relevant to question 0"),
        ([([0.0, 0.0], "bicycle", [[1]])], "relevant to question 0"),
        ([([0.0, 0.0], "bicycle", [])], "relevant to question 0"),
        ([([0.0, 0.0], "bicycle", {1: -1})], "grade of 1 is a number from 0, not -1"),
        ([([0.0, 0.0], "bicycle", {1: 0})], "nothing is relevant to question 0"),
    ],
)
def test_questions_that_do_not_fit_are_refused(docs, questions, complaint):
    with pytest.raises(omendb.QueryError, match=complaint):
        omendb.tune_fusion(docs, questions)
    with pytest.raises(omendb.QueryError, match="has no fuse="):
        omendb.tune_fusion(docs, [([0.0, 0.0], "bicycle", [1])], fuse="rrf")


def test_a_text_goes_with_one_vector(docs):
    with pytest.raises(omendb.QueryError, match="one vector"):
        docs.search([[3.0, 0.0], [1.0, 0.0]], text="bicycle")
    with pytest.raises(omendb.QueryError, match="radius"):
        docs.search(text="bicycle", radius=1.0)
    for arguments in ({"fuse": "rrf"}, {"text_columns": ["body"]}):
        with pytest.raises(omendb.QueryError, match="goes with"):
            docs.search([3.0, 0.0], **arguments)
    with pytest.raises(omendb.QueryError, match="one of them"):
        docs.search(text="a", query="b")
    with pytest.raises(omendb.QueryError):
        docs.search(text=3)


# --- paging, least scores, groups, reranking ---


def test_pages_join_to_the_whole(docs):
    for arguments in ({"text": "bicycle dog"}, {"vector": [3.0, 0.0]}, {"vector": [3.0, 0.0], "text": "dog"}):
        whole = ids(docs.search(k=6, **arguments))
        pages = [key for offset in range(0, 6, 2) for key in ids(docs.search(k=2, offset=offset, **arguments))]
        assert pages == whole
    assert len(docs.search(text="dog", offset=100)) == 0
    for offset in (-1, 1.5, "1", 10_000):
        with pytest.raises(omendb.QueryError):
            docs.search(text="dog", offset=offset)


def test_pages_of_several_vectors(docs):
    whole = docs.search([[0.0, 0.0], [5.0, 0.0]], k=4)
    page = docs.search([[0.0, 0.0], [5.0, 0.0]], k=2, offset=2)
    assert [ids(hits) for hits in page] == [ids(hits)[2:] for hits in whole]


def test_a_least_score(docs):
    hits = docs.search(text="bicycle dog", k=10)
    least = float(hits.scores[1])
    assert ids(docs.search(text="bicycle dog", k=10, min_score=least)) == ids(hits)[:2]
    assert ids(docs.search([0.0, 0.0], min_score=-2.0)) == [0, 1, 2]
    for score in (math.nan, "1", True):
        with pytest.raises(omendb.QueryError):
            docs.search(text="dog", min_score=score)


def test_one_row_a_group(db):
    table = db.create_table(
        "t", {"id": "int64 primary key", "kind": "string", "n": "int64", "tags": "string[]", "v": omendb.vector(1)}
    )
    rows = 3000
    table.insert(
        {
            "id": range(rows),
            "kind": [None if i % 5 == 4 else f"kind {i % 5}" for i in range(rows)],
            "n": [i // 1000 for i in range(rows)],
            "v": np.arange(rows, dtype=np.float32).reshape(-1, 1),
        }
    )
    assert ids(table.search([0.0], k=10, group_by="kind")) == [0, 1, 2, 3, 4]
    assert ids(table.search([0.0], k=2, group_by="kind", offset=1)) == [1, 2]
    assert ids(table.search([0.0], k=3, group_by="n")) == [0, 1000, 2000]  # a thousand rows of one group come first
    assert [ids(hits) for hits in table.search([[0.0], [2999.0]], k=2, group_by="n")] == [[0, 1000], [2999, 1999]]
    for column, error in (("tags", omendb.SchemaError), ("v", omendb.SchemaError), ("x", omendb.SchemaError), (3, omendb.QueryError)):
        with pytest.raises(error):
            table.search([0.0], group_by=column)


def test_reranking(docs):
    seen = []

    def by_year(hits):
        seen.append(len(hits))
        return [hit["year"] for hit in hits]

    hits = docs.search(text="bicycle", k=2, rerank=by_year)
    assert ids(hits) == [3, 2] and hits.scores.tolist() == [2003, 2002] and seen == [3]
    assert hits[0].highlights["body"] == "The dog sleeps beside a <b>bicycle</b>"
    assert ids(docs.search([0.0, 0.0], k=2, offset=1, rerank=by_year)) == [5, 4]
    assert ids(docs.search(text="bicycle", k=9, min_score=2002, rerank=by_year)) == [3, 2]
    for rerank in (lambda hits: [1.0], lambda hits: [math.nan] * len(hits)):
        with pytest.raises(omendb.QueryError, match="rerank"):
            docs.search(text="bicycle", rerank=rerank)


# --- highlights ---


def test_highlights(docs):
    hits = docs.search(text="red bicycle", k=1)
    assert hits.highlights == [{"body": "<b>Red</b> <b>bicycles</b> and blue <b>bicycles</b> are for sale"}]
    assert hits.highlight("[", "]")[0]["body"].startswith("[Red] [bicycles]")
    assert docs.search([0.0, 0.0], text="fox", k=1).highlights[0]["body"].count("<b>") == 1
    with pytest.raises(omendb.QueryError, match="highlights are"):
        docs.search([0.0, 0.0]).highlights
    with pytest.raises(omendb.QueryError, match="text_scores are"):
        docs.search([0.0, 0.0]).text_scores


def test_highlights_of_long_texts_are_a_part_of_them(db):
    table = db.create_table("t", {"id": "int64 primary key", "body": omendb.text()})
    body = "ä " * 500 + "a needle lies in the haystack near another needle " + "ö " * 500
    table.insert({"id": [1], "body": [body]})
    (part,) = table.search(text="needle").highlights
    assert part["body"].count("<b>needle</b>") == 2
    assert part["body"].startswith("...") and part["body"].endswith("...") and len(part["body"]) < 220
    assert part["body"].replace("<b>", "").replace("</b>", "").strip(".") in body


# --- explain ---


def test_explain(docs):
    plan = docs.explain([3.0, 0.0], text="bicycle", where="year > 2001")
    for words in ("vector and text", "condition: year > 2001", "about 5 rows", "column 'v'", "BM25 in body", "standard deviations"):
        assert words in plan, (words, plan)
    assert " ms" not in plan
    done = docs.explain([3.0, 0.0], text="bicycle", where="year > 2001", analyze=True)
    assert " ms" in done and "5 hits" in done and "true for 5 of 7 rows" in done
    assert "so few rows need no graph" in docs.explain([3.0, 0.0])
    assert "exact= says so" in docs.explain([3.0, 0.0], exact=True)
    assert "at most 3 rows" in docs.explain(text="bicycle")
    with pytest.raises(omendb.SchemaError):
        docs.explain([3.0, 0.0], where="nosuch = 1")
    with pytest.raises(omendb.QueryError):
        docs.explain([[3.0, 0.0], [1.0, 0.0]])


def test_explain_says_which_way(db):
    table = db.create_table("t", {"id": "int64 primary key", "n": "int64", "v": omendb.vector(8)})
    rng = np.random.default_rng(1)
    rows = 5000
    table.insert({"id": range(rows), "n": np.arange(rows) % 1000, "v": rng.random((rows, 8), dtype=np.float32)})
    table._raw.wait_for_index()
    query = rng.random(8, dtype=np.float32)
    assert "walks the graph with a beam of" in table.explain(query)
    assert "beam of 77: ef= says so" in table.explain(query, ef=77)
    assert "compares with each of the 5 rows that pass" in table.explain(query, where="n = 7")
    assert "distances" in table.explain(query, analyze=True)


# --- hostile ---


def test_hostile_texts_and_queries(db):
    table = db.create_table("t", {"id": "int64 primary key", "body": omendb.text()})
    bodies = ["x" * 1_000_000, "\U0001f600 " * 10_000, "\0\0 nul", "a" * 300 + " end", "́́́", "word " * 2_000_000]
    table.insert({"id": range(len(bodies)), "body": bodies})
    assert ids(table.search(text="nul")) == [2]
    assert ids(table.search(text="end")) == [3]
    assert ids(table.search(text="word")) == [5]
    assert ids(table.search(text="x" * 500_000)) == [0]
    with pytest.raises(omendb.QueryError, match="at most"):
        table.search(text="x" * 2_000_000)
    with pytest.raises(omendb.QueryError):
        table.search(query="(" * 100_000)
    assert len(table.search(text="\ud800 end")) == 1
    db.check()
