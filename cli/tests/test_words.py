"""Searching by words: `omen import --text-column`, `omen search --text` and its options, what they print and what they refuse."""

import json

import pytest

from omendb_cli import columns, screen, wording
from omendb_cli.failure import Usage

omendb = pytest.importorskip("omendb")

ROWS = [
    {"id": "a", "title": "Red bicycle", "body": "A bicycle for the town, in red.", "year": 2021, "v": [1, 0.1, 0]},
    {
        "id": "b",
        "title": "Blue bicycle",
        "body": "Bicycles for children are small.",
        "year": 2019,
        "v": [0.9, 0.3, 0.1],
    },
    {"id": "c", "title": "Bread knife", "body": "It cuts bread.", "year": 2020, "v": [0, 0.2, 1]},
    {"id": "d", "title": "Tent, red", "body": None, "year": 2020, "v": None},
]


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "words.omen"
    with omendb.connect(str(path)) as opened:
        table = opened.create_table(
            "docs",
            {
                "id": "string primary key",
                "title": omendb.text("simple"),
                "body": omendb.text(),
                "year": "int64",
                "v": omendb.vector(3, metric="cosine"),
            },
        )
        table.insert(ROWS)
    return path


@pytest.fixture
def answer(shop, omen):
    """`answer("--text", "red")` is the rows that the command finds."""
    return lambda *options: omen("search", shop, "docs", *options, "--json").json()["queries"][0]


def keys(rows):
    return [row["key"] for row in rows]


def test_words_find_what_the_package_finds(shop, answer):
    rows = answer("--text", "red bicycles")
    with omendb.connect(str(shop), read_only=True) as opened:
        hits = opened["docs"].search(text="red bicycles")
    assert keys(rows) == hits.ids.tolist() and [row["score"] for row in rows] == hits.scores.tolist()
    assert all(row["score"] == row["text_score"] and "distance" not in row for row in rows)
    assert rows[0]["highlights"] == {
        "title": "<b>Red</b> bicycle",
        "body": "A <b>bicycle</b> for the town, in <b>red</b>.",
    }
    assert rows[0]["body"] == ROWS[0]["body"] and rows[0]["year"] == 2021


def test_operators_are_of_query_and_words_of_text(answer):
    assert keys(answer("--query", '"red bicycle"~2 -children')) == ["a"]
    assert keys(answer("--query", "title:red -bicycle")) == ["d"]
    assert keys(answer("--query", "+bicy* +children")) == ["b"]
    assert keys(answer("--text=-bread")) == ["c"] and keys(answer("--query=-bread")) == []
    assert keys(answer("--text", "red", "--where", "year >= 2021")) == ["a"]


def test_text_columns_choose_and_weigh(answer):
    assert keys(answer("--text", "red", "--text-columns", "body")) == ["a"]
    plain = {row["key"]: row["score"] for row in answer("--text", "tent", "--text-columns", "title,body")}
    double = {row["key"]: row["score"] for row in answer("--text", "tent", "--text-columns", "title:2, body")}
    assert double["d"] == pytest.approx(2 * plain["d"])


@pytest.mark.parametrize(
    "fuse, meant",
    [
        ("rrf", "rrf"),
        ("relative", "relative"),
        ("distribution", "distribution"),
        ("filter", "filter"),
        ("vector=0.7,text=0.3", {"vector": 0.7, "text": 0.3}),
        ("rrf,vector=2,text=1,candidates=30", {"method": "rrf", "vector": 2, "text": 1, "candidates": 30}),
    ],
)
def test_both_rankings_become_one_as_fuse_says(shop, answer, fuse, meant):
    rows = answer("--vector", "1,0,0", "--text", "red knife", "--fuse", fuse)
    with omendb.connect(str(shop), read_only=True) as opened:
        hits = opened["docs"].search([1, 0, 0], text="red knife", fuse=meant)
    assert keys(rows) == hits.ids.tolist() and [row["score"] for row in rows] == hits.scores.tolist()
    assert [row["text_score"] for row in rows] == hits.text_scores.tolist()


def test_a_row_without_a_vector_has_no_distance(answer):
    found = {row["key"]: row for row in answer("--vector", "1,0,0", "--text", "red")}
    assert found["d"]["distance"] is None and found["a"]["distance"] == pytest.approx(0.005, abs=1e-3)
    assert found["c"]["text_score"] == 0 and found["c"]["highlights"] == {}


def test_like_leaves_its_own_row_out_before_offset_counts(answer):
    everything = answer("--like", "b", "--text", "bicycle")
    assert "b" not in keys(everything) and len(everything) == 2
    assert keys(answer("--like", "b", "--text", "bicycle", "--offset", 1)) == keys(everything)[1:]
    assert keys(answer("--like", "b", "-k", 1, "--offset", 1)) == [keys(answer("--like", "b"))[1]]


def test_offset_pages_through_words_vectors_and_conditions(shop, answer, omen):
    for asked in (["--text", "red bicycle bread"], ["--vector", "1,0,0"], ["--vector", "1,0,0", "--text", "red"]):
        everything = keys(answer(*asked))
        assert keys(answer(*asked, "--offset", 1, "-k", 1)) == everything[1:2], asked
        assert keys(answer(*asked, "--offset", 99)) == []
    passing = omen("search", shop, "docs", "--where", "year <= 2020", "--offset", 1, "-k", 1, "--json").json()
    assert passing["count"] == 3 and keys(passing["rows"]) == ["c"]
    assert omen("search", shop, "docs", "--where", "year <= 2020", "--offset", 5, "--json").json()["rows"] == []


def test_min_score_leaves_worse_rows_out_and_shows_scores(answer):
    rows = answer("--vector", "1,0,0", "--min-score", 0.5)
    assert keys(rows) == ["a", "b"] and rows[0]["score"] == pytest.approx(1 - rows[0]["distance"])
    scores = [row["score"] for row in answer("--text", "red bicycle")]
    assert [row["score"] for row in answer("--text", "red bicycle", "--min-score", scores[0])] == scores[:1]
    assert answer("--text", "red", "--min-score", 100) == []


def test_a_vector_file_with_several_rows_asks_with_one(shop, tmp_path, answer, refused):
    import numpy as np

    np.save(tmp_path / "q.npy", np.float32([[1, 0, 0], [0, 0, 1]]))
    asked = ["--vector-file", tmp_path / "q.npy", "--text", "red"]
    assert keys(answer(*asked, "--row", 0)) == keys(answer("--vector", "1,0,0", "--text", "red"))
    assert "choose one of the 2" in refused("search", shop, "docs", *asked, status=2)
    assert "--explain goes with one vector" in refused("search", shop, "docs", *asked[:2], "--explain", status=2)


def test_the_printed_table_has_the_scores_and_below_each_row_its_texts(shop, omen):
    ran = omen("search", shop, "docs", "--text", "red bicycles")
    assert ran.status == 0 and "\x1b" not in ran.out and "<b>" not in ran.out
    lines = [line.strip() for line in ran.out.splitlines()]
    assert lines[0].split() == ["score", "key", "year"] and lines[2:4] == [
        "title: Red bicycle",
        "body: A bicycle for the town, in red.",
    ]
    both = omen("search", shop, "docs", "--text", "red", "--vector", "0,0,1").out.splitlines()
    assert both[0].split() == ["score", "text_score", "distance", "key", "year"]
    assert "    title: Bread knife" in both  # no word of it was found: its first text, that one sees what it is
    chosen = omen("search", shop, "docs", "--text", "red", "--select", "title").out.splitlines()
    assert chosen[0].split() == ["score", "key", "title"]
    assert "no rows" in omen("search", shop, "docs", "--text", "nothing").out


def test_words_that_were_found_are_bold_on_a_terminal(shop, omen, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(
        screen, "styled", lambda text, *names, stream=None: f"<{names[0]} {text}>" if "bold" in names else text
    )
    assert (
        "body: A <bold bicycle> for the town, in <bold red>."
        in omen("search", shop, "docs", "--text", "red bicycles").out
    )


def test_marked_texts_are_cut_and_never_move_the_cursor():
    before, after = wording.BEFORE, wording.AFTER
    assert screen.marked(f"a {before}red{after} one", 20, before, after) == "a red one"
    assert screen.marked(f"a {before}red{after} one", 6, before, after) == "a red…"
    assert screen.marked(f"a {before}red", 20, before, after) == "a red"
    assert screen.marked("a\x1b[31m\nb", 20, before, after) == "a [31m b"
    assert screen.marked("", 20, before, after) == "" and screen.marked("abc", 3, before, after) == "abc"


def test_explain_prints_the_plan_and_analyze_what_happened(shop, omen):
    asked = ["search", shop, "docs", "--query", '"red bicycle" -child', "--vector", "1,0,0", "--where", "year > 2000"]
    plan = omen(*asked, "--explain")
    assert plan.status == 0 and "condition: year > 2000" in plan.out and " ms" not in plan.out
    assert " ms" in omen(*asked, "--explain", "--analyze").out
    assert "BM25 in title, body" in omen(*asked, "--explain", "--json").json()["explain"]
    assert omen("search", shop, "docs", "--like", "a", "--explain").status == 0


@pytest.mark.parametrize(
    "options, status, complaint",
    [
        (["--text", ""], 2, "--text is empty"),
        (["--query", ""], 2, "--query is empty"),
        (["--query", '"red'], 1, "this quote is never closed"),
        (["--query", "nope:red"], 1, "no text column is called 'nope'"),
        (["--text", "red", "--text-columns", "year"], 2, "text columns of 'docs' are title, body"),
        (["--text", "red", "--text-columns", "title:"], 2, "write each column once"),
        (["--text", "red", "--text-columns", "title,title:2"], 2, "write each column once"),
        (["--text", "red", "--text-columns", "title:x"], 2, "'x' is not a number"),
        (["--text", "red", "--text-columns", "title:-1"], 1, "a number above 0"),
        (["--vector", "1,0,0", "--text-columns", "title"], 2, "goes with --text or --query"),
        (["--vector", "1,0,0", "--fuse", "rrf"], 2, "goes with --text or --query"),
        (["--text", "red", "--fuse", "rrf"], 2, "give --vector, --vector-file or --like"),
        (["--text", "red", "--vector", "1,0,0", "--fuse", "best"], 2, "write distribution, relative, rrf, filter"),
        (["--text", "red", "--vector", "1,0,0", "--fuse", "rrf,relative"], 2, "write distribution, relative"),
        (["--text", "red", "--vector", "1,0,0", "--fuse", "vector=a"], 2, "'a' is not a number"),
        (["--text", "red", "--vector", "1,0,0", "--fuse", "vector=0,text=0"], 1, "not both 0"),
        (["--text", "red", "--vector", "1,0,0", "--fuse", "rrf,candidates=1.5"], 2, "a whole number"),
        (["--text", "red", "--vector", "1,0"], 1, "2 dimensions; column 'v' of 'docs' has 3"),
        (["--text", "red", "--offset", "-1"], 2, "--offset must be 0 or more"),
        (["--text", "red", "--offset", "9995"], 2, "at most 10,000; got 9995 and 10"),
        (["--vector", "1,0,0", "--radius", "1", "--offset", "10000"], 2, "at most 10,000"),
        (["--text", "red", "--min-score", "nan"], 1, "min_score is a number"),
        (["--where", "year = 2020", "--min-score", "1"], 2, "not by --where alone"),
        (["--where", "year = 2020", "--explain"], 2, "not by --where alone"),
        (["--text", "red", "--radius", "1"], 2, "--radius goes with a vector"),
        (["--text", "red", "--exact"], 2, "--exact goes with a vector"),
        (["--text", "red", "--analyze"], 2, "--analyze goes with --explain"),
        (["--text", "red", "--where", "yeer = 1"], 1, "no column 'yeer'"),
    ],
)
def test_wrong_words_are_refused_in_one_line(shop, refused, options, status, complaint):
    assert complaint in refused("search", shop, "docs", *options, status=status)


def test_text_and_query_exclude_each_other(shop, omen):
    ran = omen("search", shop, "docs", "--text", "red", "--query", "red")
    assert ran.status == 2 and "not allowed with" in ran.err


def test_a_table_without_texts_says_how_to_get_one(tmp_path, omen, refused):
    (tmp_path / "a.csv").write_text("id,title\n1,red\n")
    assert omen("import", "t", tmp_path / "a.csv", "--db", tmp_path / "a.omen").status == 0
    assert "--text-column COL" in refused("search", tmp_path / "a.omen", "t", "--text", "red", status=2)


def test_a_column_called_as_a_figure_is_left_out_by_select(tmp_path, omen, refused):
    (tmp_path / "a.csv").write_text("id,score,body\n1,7,red\n")
    assert omen("import", "t", tmp_path / "a.csv", "--db", tmp_path / "a.omen", "--text-column", "body").status == 0
    asked = ["search", tmp_path / "a.omen", "t", "--text", "red"]
    assert "leave it out by --select" in refused(*asked, status=2)
    assert omen(*asked, "--select", "body", "--json").json()["queries"][0][0]["key"] == 1


@pytest.fixture
def german(tmp_path):
    path = tmp_path / "german.csv"
    path.write_text(
        "id,title,body,code\n1,Haus,Die Häuser der Straße,A-1\n2,Rad,Ein rotes Fahrrad,B-2\n", encoding="utf-8"
    )
    return path


def test_text_columns_are_made_with_their_analyzers_and_searched(tmp_path, german, omen):
    target = tmp_path / "a.omen"
    texts = ["--text-column", "title", "--text-column", "body:german", "--type", "code=text(ngram(1,2))"]
    ran = omen("import", "docs", german, "--db", target, *texts)
    for words in (["title", "text"], ["body", "text(german)"], ["code", "text(ngram(1,2))"]):
        assert any(line.split(None, 1) == words for line in ran.out.splitlines()), words
    rows = omen("search", target, "docs", "--text", "haus", "--text-columns", "body", "--json").json()["queries"][0]
    assert keys(rows) == [1] and rows[0]["highlights"] == {"body": "Die <b>Häuser</b> der Straße"}
    assert "body text(german)" in omen("stats", target).out
    assert omen("import", "docs", german, "--db", target, "--upsert", "--text-column", "body:german").status == 0
    assert omen("import", "docs", german, "--db", target, "--upsert", "--text-column", "body").status == 0


@pytest.mark.parametrize("ending, typed", [("parquet", []), ("csv", ["--text-column", "body:german"])])
def test_an_exported_text_column_comes_back_with_its_analyzer(tmp_path, omen, ending, typed):
    with omendb.connect(str(tmp_path / "a.omen")) as opened:
        table = opened.create_table("t", {"id": "int64 primary key", "body": omendb.text("german", k1=1.5, b=0.5)})
        table.insert({"id": [1, 2], "body": ["Die Häuser", None]})
    assert omen("export", "t", tmp_path / f"t.{ending}", "--db", tmp_path / "a.omen").status == 0
    assert omen("import", "t", tmp_path / f"t.{ending}", "--db", tmp_path / "b.omen", *typed).status == 0
    with omendb.connect(str(tmp_path / "a.omen")) as one, omendb.connect(str(tmp_path / "b.omen")) as other:
        said = [opened["t"].schema.field("body").metadata for opened in (one, other)]
        assert said[1][b"omendb.analyzer"] == b"german" and (ending == "csv" or said[0] == said[1])


@pytest.mark.parametrize(
    "options, status, complaint",
    [
        (["--text-column", "body:klingon"], 1, 'there is no analyzer "klingon"; there are arabic'),
        (["--type", "body=text(klingon)"], 1, 'there is no analyzer "klingon"'),
        (["--text-column", "body:ngram(3,2)"], 1, "1 <= min <= max <= 8"),
        (["--text-column", "body:"], 2, "write COL or COL:ANALYZER"),
        (["--text-column", ":german"], 2, "write COL or COL:ANALYZER"),
        (["--text-column", ""], 2, "write COL or COL:ANALYZER"),
        (["--text-column", "nope"], 1, "no column 'nope'; the file has id, title, body, code"),
        (["--text-column", "id"], 1, "column 'id' is text; a key is string or int64"),
        (["--text-column", "body", "--vector", "body"], 2, "column 'body' holds a text"),
        (["--type", "body=text()"], 2, "text(ANALYZER)"),
    ],
)
def test_wrong_text_columns_are_refused_and_nothing_is_made(tmp_path, german, refused, options, status, complaint):
    target = tmp_path / "a.omen"
    assert complaint in refused("import", "docs", german, "--db", target, *options, status=status)
    assert not target.exists()


def test_another_analyzer_than_the_tables_is_refused(tmp_path, german, omen, refused):
    target = tmp_path / "a.omen"
    assert omen("import", "docs", german, "--db", target, "--text-column", "body:german").status == 0
    for options in (["--text-column", "body:english"], ["--type", "body=text(dutch)"], ["--text-column", "title"]):
        assert "of table 'docs' is" in refused("import", "docs", german, "--db", target, "--upsert", *options, status=2)


def test_a_text_column_that_the_table_has_not_is_named(tmp_path, german, omen, refused):
    target = tmp_path / "a.omen"
    assert omen("import", "docs", german, "--db", target).status == 0
    asked = ["import", "docs", german, "--db", target, "--upsert", "--text-column", "nope"]
    assert "no column 'nope' in table 'docs', which has id, title" in refused(*asked, status=2)


def test_numbers_are_no_texts_and_their_row_is_named(tmp_path, refused):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"id": 1, "body": "red"}) + "\n" + json.dumps({"id": 2, "body": 5}) + "\n")
    complaint = refused("import", "t", path, "--db", tmp_path / "a.omen", "--text-column", "body")
    assert "line 2, column 'body': 5 is not a text" in complaint


def test_arguments_are_read_as_they_are_written():
    assert wording.parse_columns("title:2, body") == {"title": 2.0, "body": 1.0}
    assert wording.parse_fuse("filter") == {"method": "filter"}
    assert wording.parse_fuse("vector=1,candidates=20") == {"vector": 1.0, "candidates": 20}
    assert (
        str(columns.parse_text_column("a:b:code")) == "text(code)"
        and columns.parse_text_column("a:b:code").name == "a:b"
    )
    assert str(columns.parse_type("b", "text(english)")) == "text" == str(columns.parse_type("b", "text"))
    for wrong in ("", ",", "rrf,", "candidates", "rrf=1", "vector"):
        with pytest.raises(Usage):
            wording.parse_fuse(wrong)


def test_the_help_of_search_names_its_options_with_examples(omen):
    help_text = omen("search", "--help").out
    for words in (
        "--text",
        "--query",
        "--text-columns",
        "--fuse",
        "--offset",
        "--min-score",
        "--timeout",
        "--explain",
        "--analyze",
        "-child",
    ):
        assert words in help_text
    assert "--text-column body:german" in omen("import", "--help").out
