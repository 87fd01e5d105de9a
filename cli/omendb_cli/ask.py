"""omen ask: describe something in your own words, get the words for it."""

import json
import os
import sys
import time

from omendb_cli import database, dictionary, screen
from omendb_cli.failure import Failure, Usage


def answers(table, meaning, text, k):
    """(rows, seconds of the search). Entries that share their first word count once."""
    vector = meaning.of([text])[0]
    started_at = time.perf_counter()
    hits = table.search(vector, k=2 * k)
    seconds = time.perf_counter() - started_at
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
                    "likeness": round(1 - float(hits.distances[at]), 4),
                }
            )
    return rows[:k], seconds


def print_answers(text, rows, seconds):
    screen.say(
        "  " + screen.styled(f"“{text}”", "bold", "cyan") + screen.styled(f"   {screen.seconds_text(seconds)}", "dim")
    )
    columns = screen.width()
    for row in rows:
        filled = screen.bar(row["likeness"], 8)
        word = screen.shortened(row["word"], 24).ljust(24)
        gloss = screen.shortened(row["definition"], columns - 43)
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
        if not meaning.knows(line):
            screen.say("  none of these words is in the dictionary")
            continue
        print_answers(line, *answers(table, meaning, line, k))


def run(arguments):
    if not 1 <= arguments.k <= 1_000:
        raise Usage(f"-k must be 1 to 1,000, got {arguments.k}")
    meaning = dictionary.load_model(arguments.dir)
    text = " ".join(arguments.words)
    if text and not meaning.knows(text):
        raise Failure(f"none of these words is in the dictionary: {text}")
    path = os.path.join(arguments.dir, dictionary.DATABASE)
    with database.connect(path, read_only=True) as opened:
        table = database.open_table(opened, dictionary.TABLE, path)
        if not text:
            ask_lines(table, meaning, arguments.k)
            return
        rows, seconds = answers(table, meaning, text, arguments.k)
    if arguments.json:
        screen.say(json.dumps({"text": text, "seconds": round(seconds, 6), "answers": rows}, ensure_ascii=False))
    else:
        print_answers(text, rows, seconds)
