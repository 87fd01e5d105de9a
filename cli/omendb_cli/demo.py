"""omen demo: real data in, searched by words and by meaning, the writer killed, reopened, nothing lost. All figures are measured here."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np

from omendb_cli import ask, crash_writer, database, dictionary, screen, wordnet
from omendb_cli.failure import Failure

DESCRIPTIONS = [
    "fear of spiders",
    "a baby cat",
    "dried grapes",
    "a group of wolves",
    "pleasure in the misfortune of others",
    "the killing of a king",
]
PHRASES = '+bird -extinct "long bill"'
BOTH = "a horse with black and white stripes"
SUBJECT, OF_SUBJECT = "food", "green leaves"
QUICK_SUBJECTS = {5, 12, 13, 14, 19, 26}  # animals, feelings, food, groups, phenomena, states
QUICK_DESCRIPTIONS = 4
DIMS, QUICK_DIMS = 192, 96
RECALL_QUERIES = 500
CRASH_TABLE = "crash_test"
ACKNOWLEDGED_MIN, ACKNOWLEDGED_MAX = 30, 90
WRITER_SECONDS_MAX = 60


def step(number, text):
    screen.heading(f"{number}. {text}")


def prepare_folder(folder):
    """An empty place for the demo's files; only files of a former demo are removed."""
    mine = {dictionary.DATABASE, dictionary.MODEL}
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise Failure(f"{folder}: is a file; name another place with --dir")
    found = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    if found - mine:
        raise Failure(f"{folder}: holds other files ({sorted(found - mine)[0]}); name another place with --dir")
    shutil.rmtree(os.path.join(folder, dictionary.DATABASE), ignore_errors=True)
    os.makedirs(folder, exist_ok=True)
    return os.path.join(folder, dictionary.DATABASE), os.path.join(folder, dictionary.MODEL)


def read_dictionary(arguments):
    step(1, "A dictionary: WordNet")
    started_at = time.monotonic()
    entries = wordnet.read_entries(wordnet.find_folder(arguments.wordnet), QUICK_SUBJECTS if arguments.quick else None)
    screen.say(
        f"   {len(entries):,} meanings of English words read in {screen.seconds_text(time.monotonic() - started_at)}"
    )
    return entries


def learn_meaning(entries, model_path, dims):
    step(2, "A vector for every meaning: latent semantic analysis of the definitions")
    started_at = time.monotonic()
    with screen.Spinner("factoring the matrix of words and definitions, some 20 seconds"):
        meaning, vectors = dictionary.learn(entries, dims)
    meaning.save(model_path)
    screen.say(
        f"   {len(meaning.words):,} words, {vectors.shape[1]} dimensions, in {screen.seconds_text(time.monotonic() - started_at)}"
    )
    return meaning, vectors


def ingest(opened, entries, vectors):
    step(3, f"Into OmenDB: a commit every {dictionary.INGEST_ROWS:,} rows, each on disk before it is acknowledged")
    table = dictionary.create(opened, vectors.shape[1])
    with screen.Progress("inserting", len(entries)) as progress:
        for batch in dictionary.batches(entries, vectors):
            table.insert(batch)
            progress.advance(batch.num_rows)
        rate, seconds = progress.rate(), progress.seconds()
    screen.say(f"   {len(entries):,} rows in {screen.seconds_text(seconds)}: {rate:,.0f} rows/s, searchable at once")
    return table


def wait_for_graph(table):
    """Watches the fresh rows move into the graph; searches would be right meanwhile, only slower."""
    waiting = table.stats()["tail_rows"]
    if table.stats().get("flat"):
        screen.say("   so few rows are searched exactly, without a graph")
        return
    started_at, first = time.monotonic(), waiting
    with screen.Progress("building the graph behind it", first) as progress:
        while waiting:
            time.sleep(0.05)
            left = table.stats()["tail_rows"]
            progress.advance(max(0, waiting - left))
            waiting = left
    screen.say(f"   the graph caught up {screen.seconds_text(time.monotonic() - started_at)} later, in the background")


def search(table, meaning, descriptions):
    step(4, "Searching by words, by meaning, and by both")
    screen.say("   by meaning: the vectors nearest to that of a description\n")
    for text in descriptions:
        ask.print_answers(text, *ask.found(table, 5, vector=meaning.of([text])[0]))
    screen.say("   by words: a word that must be there, one that must not, a phrase; ranked by BM25\n")
    ask.print_answers(PHRASES, *ask.found(table, 5, query=PHRASES))
    screen.say("   by both: two rankings become one\n")
    ask.print_answers(BOTH, *ask.answers(table, meaning, BOTH, 5))
    search_subject(table, meaning)


def search_subject(table, meaning):
    """A search by both among the entries of one subject, and how it went."""
    asked = {
        "vector": meaning.of([OF_SUBJECT])[0],
        "text": OF_SUBJECT,
        "fuse": ask.FUSE,
        "where": f"subject = '{SUBJECT}'",
    }
    screen.say(f"   by both, where {asked['where']}, and what explain(analyze=True) says of it\n")
    ask.print_answers(OF_SUBJECT, *ask.found(table, 5, **asked))
    for line in table.explain(k=10, analyze=True, **asked).rstrip().splitlines():
        screen.say("    " + screen.styled(screen.shortened(line, screen.width() - 4), "dim"))


def call_seconds(search, questions):
    """Of each call of `search`, one after another."""
    alone = []
    for question in questions:
        started_at = time.perf_counter()
        search(question)
        alone.append(time.perf_counter() - started_at)
    return alone


def measure_recall(table, meaning, entries):
    step(5, "How good, how fast")
    examples = [
        example
        for entry in entries
        for example in entry.examples
        if len(example.split()) >= 4 and meaning.knows(example)
    ]
    sentences = random.Random(7).sample(examples, min(RECALL_QUERIES, len(examples)))
    queries = meaning.of(sentences)
    table.search(queries[:10], k=10)
    started_at = time.perf_counter()
    found = [list(hits.ids) for hits in table.search(queries, k=10, threads=1)]
    seconds = time.perf_counter() - started_at
    started_at = time.perf_counter()
    wanted = [list(hits.ids) for hits in table.search(queries, k=10, exact=True, threads=1)]
    exact_seconds = time.perf_counter() - started_at
    right = sum(len(set(row) & set(truth)) for row, truth in zip(found, wanted))
    recall = right / max(1, sum(map(len, wanted)))
    alone = call_seconds(lambda query: table.search(query, k=10), queries)
    by_words = call_seconds(lambda text: table.search(text=text, k=10), sentences)
    by_both = call_seconds(lambda pair: table.search(pair[0], text=pair[1], k=10), list(zip(queries, sentences)))
    screen.say(f"   {len(queries)} example sentences as queries, the 10 nearest of {table.count():,} each, one thread")
    screen.say(f"   recall@10  {recall:.3f} against comparing with every row")
    screen.say(
        f"   speed      {len(queries) / seconds:,.0f} queries/s; comparing with every row {len(queries) / exact_seconds:,.0f}/s"
    )
    half, most = (screen.seconds_text(np.percentile(alone, share)) for share in (50, 99))
    screen.say(f"   one call   {half} (median), {most} (99 of 100)")
    words, both = (screen.seconds_text(np.median(seconds)) for seconds in (by_words, by_both))
    screen.say(f"   by words   {words} (median) for the words of such a sentence; by both {both}")


def kill_writer(path):
    """Number of batches that the writer acknowledged before SIGKILL struck."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "omendb_cli.crash_writer", path, CRASH_TABLE],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wanted = random.randint(ACKNOWLEDGED_MIN, ACKNOWLEDGED_MAX)
    acknowledged = 0
    try:
        with screen.Progress("another process inserts", wanted * crash_writer.BATCH_ROWS) as progress:
            for line in writer.stdout:
                acknowledged = int(line) + 1
                progress.advance(crash_writer.BATCH_ROWS)
                if acknowledged >= wanted or progress.seconds() > WRITER_SECONDS_MAX:
                    break
        time.sleep(random.random() * 0.02)  # anywhere in its work, not just after an acknowledgement
        writer.send_signal(signal.SIGKILL)
        rest, complaint = writer.communicate()
    finally:
        writer.kill()
        writer.wait()
    if not acknowledged:
        raise Failure(
            f"the writer did not start: {complaint.strip().splitlines()[-1] if complaint.strip() else writer.returncode}"
        )
    for line in rest.splitlines(keepends=True):  # a last line without its end was cut by the kill
        acknowledged = int(line) + 1 if line.endswith("\n") else acknowledged
    return acknowledged


def compare_batches(table, acknowledged):
    """Rows of acknowledged batches that are gone or differ."""
    wrong = 0
    for number in range(acknowledged):
        batch = crash_writer.batch(number)
        rows = table.get(batch["id"].tolist())
        for expected, row in zip(batch["v"], rows):
            wrong += row is None or not np.array_equal(np.asarray(row["v"], dtype=np.float32), expected)
        wrong += crash_writer.BATCH_ROWS - len(rows)
    return wrong


def crash(path, word_count):
    step(6, "kill -9 in the middle of an ingest")
    with database.connect(path) as opened:
        crash_writer.create(opened, CRASH_TABLE)
    acknowledged = kill_writer(path)
    rows = acknowledged * crash_writer.BATCH_ROWS
    screen.say(f"   writer killed by SIGKILL after it had acknowledged {acknowledged} commits, {rows:,} rows")
    started_at = time.monotonic()
    with database.connect(path) as opened:
        table = opened[CRASH_TABLE]
        count = table.count()
        screen.say(f"   reopened in {screen.seconds_text(time.monotonic() - started_at)}: {count:,} rows")
        wrong = compare_batches(table, acknowledged)
        partial = count % crash_writer.BATCH_ROWS
        lost_words = word_count - opened[dictionary.TABLE].count()
        with screen.Spinner("checking every byte"):
            opened.check()
        opened.drop_table(CRASH_TABLE)
    if wrong or partial or lost_words:
        raise Failure(
            f"rows lost or changed: {wrong}; rows of a commit that is not whole: {partial}; words lost: {lost_words}"
        )
    screen.say(
        screen.styled(
            f"   every one of the {rows:,} acknowledged rows is there, byte for byte; no commit is half there;", "green"
        )
    )
    screen.say(screen.styled("   check(): every checksum, key and graph link is sound", "green"))


def sum_up(path, folder):
    step(7, "What it takes")
    with database.connect(path, read_only=True) as opened:
        figures = opened[dictionary.TABLE].stats()
        rows = figures["rows"]
    for label in ("memory", "disk"):
        size = figures[f"{label}_bytes"]
        named = (
            {name: value for name, value in size.items() if name != "total"}
            if isinstance(size, dict)
            else {label: size}
        )
        total = sum(named.values())
        screen.say(f"   {label}: {screen.bytes_text(total)}, {total / rows:,.0f} bytes a row")
        screen.parts(named, indent=5)
        if label == "memory":
            screen.say(
                "   (the process's own; vectors and texts are mapped from their files and live in the page cache)"
            )
    screen.heading("Yours to try")
    for command in (
        f'omen ask {folder} "a fear of high places"',
        f"omen ask {folder}",
        f"omen search {path} {dictionary.TABLE} --like arachnophobia.n.1 -k 5",
        f"omen search {path} {dictionary.TABLE} --query '{PHRASES}' --where \"kind = 'noun'\"",
        f"omen stats {path}",
        f"omen export {dictionary.TABLE} words.jsonl --db {path}",
    ):
        screen.say(f"   {command}")


def run(arguments):
    started_at = time.monotonic()
    wordnet.find_folder(arguments.wordnet)
    path, model_path = prepare_folder(arguments.dir)
    entries = read_dictionary(arguments)
    meaning, vectors = learn_meaning(entries, model_path, QUICK_DIMS if arguments.quick else DIMS)
    with database.connect(path, create=True) as opened:
        table = ingest(opened, entries, vectors)
        wait_for_graph(table)
        search(table, meaning, DESCRIPTIONS[:QUICK_DESCRIPTIONS] if arguments.quick else DESCRIPTIONS)
        measure_recall(table, meaning, entries)
    crash(path, len(entries))
    sum_up(path, arguments.dir)
    screen.say()
    screen.say(
        f"Done in {screen.seconds_text(time.monotonic() - started_at)}; the files are in {os.path.abspath(arguments.dir)}"
    )
    if arguments.interactive:
        with database.connect(path, read_only=True) as opened:
            ask.ask_lines(opened[dictionary.TABLE], meaning, 8)
