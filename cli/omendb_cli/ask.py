"""omen ask: describe something in your own words, get the words for it."""

import json
import os
import sys
import time

from omendb_cli import database, dictionary, screen, wording
from omendb_cli.failure import Failure, Usage

NOTHING = "none of these words is in the dictionary"
FUSE = {
    "method": "relative",
    "vector": 0.7,
    "text": 0.3,
}  # of 36 descriptions 25 find their word first; by meaning alone 21, by words alone 20


def found(table, k, **search):
    """(rows, seconds of the search). Entries that share their first word count once."""
    started_at = time.perf_counter()
    hits = table.search(k=2 * k, **search)
    seconds = time.perf_counter() - started_at
    by_words, by_meaning = "text" in search or "query" in search, "vector" in search
    marks = hits.highlight(wording.BEFORE, wording.AFTER, screen.width()) if by_words else [{}] * len(hits)
    rows, seen = [], set()
    for at in range(len(hits)):
        hit = hits[at]
        if hit["word"].lower() not in seen:
            seen.add(hit["word"].lower())
            rows.append(
                {
                    "word": hit["word"],
                    "kind": hit["kind"],
                    "definition": hit["definition"],
                    "key": str(hits.ids[at]),
                    "score": round(float(hits.scores[at]), 4),
                    "likeness": round(1 - float(hits.distances[at]), 4) if by_meaning else None,
                    "marked": marks[at].get("definition", hit["definition"]),
                }
            )
    return rows[:k], seconds


def answers(table, meaning, text, k):
    """By words and by meaning; by words alone where the meaning of none of them is known."""
    if not meaning.knows(text):
        return found(table, k, text=text)
    return found(table, k, vector=meaning.of([text])[0], text=text, fuse=FUSE)


def print_answers(text, rows, seconds):
    screen.say(
        "  " + screen.styled(f"“{text}”", "bold", "cyan") + screen.styled(f"   {screen.seconds_text(seconds)}", "dim")
    )
    columns = screen.width()
    best = rows[0]["score"] if rows else 1
    for row in rows:
        filled = screen.bar(row["score"] / best if row["likeness"] is None else row["likeness"], 8)
        word = screen.shortened(row["word"], 24).ljust(24)
        gloss = screen.marked(row["marked"], columns - 43, wording.BEFORE, wording.AFTER)
        screen.say(
            f"    {screen.styled(filled, 'green')} {screen.styled(word, 'bold')} {screen.styled(row['kind'].ljust(4), 'dim')} {gloss}"
        )
    screen.say()


def ask_lines(table, meaning, k):
    """Answers line after line until the end of the input or an empty line."""
    live = sys.stdin.isatty()
    if live:
        screen.say("Describe something; an empty line ends.")
    while True:
        try:
            line = input("> " if live else "").strip()
        except EOFError:
            return
        if not line:
            return
        rows, seconds = answers(table, meaning, line, k)
        if rows:
            print_answers(line, rows, seconds)
        else:
            screen.say(f"  {NOTHING}")


def run(arguments):
    if not 1 <= arguments.k <= 1_000:
        raise Usage(f"-k must be 1 to 1,000, got {arguments.k}")
    meaning = dictionary.load_model(arguments.dir)
    text = " ".join(arguments.words)
    path = os.path.join(arguments.dir, dictionary.DATABASE)
    with database.connect(path, read_only=True) as opened:
        table = database.open_table(opened, dictionary.TABLE, path)
        if not text:
            ask_lines(table, meaning, arguments.k)
            return
        rows, seconds = answers(table, meaning, text, arguments.k)
    if not rows:
        raise Failure(f"{NOTHING}: {text}")
    if arguments.json:
        for row in rows:
            del row["marked"]
        screen.say(json.dumps({"text": text, "seconds": round(seconds, 6), "answers": rows}, ensure_ascii=False))
    else:
        print_answers(text, rows, seconds)
