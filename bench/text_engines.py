"""Who indexes and searches the documents of bench.text: OmenDB, tantivy and SQLite's FTS5, each with the same documents, in the
same order.

An engine is built in one process, one thread that writes, and opened in another. All stem English words (Porter2; FTS5:
Porter) and keep positions. Stop words: OmenDB's `english` leaves some out; `tantivy` is set up to leave out the same ones,
`tantivy-en_stem` keeps all, as its `en_stem` does, and so does FTS5. BM25 has k1 1.2 and b 0.75 everywhere, because tantivy
has no others; its lengths are rounded, ours are not.
"""

import functools
import importlib.util
import pathlib
import re

K1, B = 1.2, 0.75
COMMIT_ROWS = 10_000  # of one statement of OmenDB; the others commit once, at the end
MIB = 1 << 20
WORD = re.compile(r"[a-z']+")


class Engine:
    """`module` is what must be importable."""

    module = package = ""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    @classmethod
    def installed(cls):
        return importlib.util.find_spec(cls.module) is not None

    def prepare(self, documents):
        """What build() takes, made before the clock starts."""
        raise NotImplementedError

    def build(self, prepared):
        """Returns when everything can be found and survives the end of the process."""
        raise NotImplementedError

    def finish(self):
        """Waits for what goes on behind, and closes."""

    def open(self):
        raise NotImplementedError

    def index_bytes(self):
        """Of the index alone: terms, postings, positions, lengths. After open()."""
        raise NotImplementedError

    def search(self, words):
        """What one call returns, for the ten best of those that have any of the words."""
        raise NotImplementedError

    def ids(self, answer):
        """Numbers of the documents; outside the measured time."""
        return answer

    def figures(self):
        """What else is worth to be known, by name."""
        return {}


class Omendb(Engine):
    """A durable table: the texts and the log are written as well."""

    module = package = "omendb"
    indexed = True

    def column(self):
        import omendb

        return omendb.text("english", k1=K1, b=B) if self.indexed else "string"

    def prepare(self, documents):
        import pyarrow

        return [
            pyarrow.table({
                "id": pyarrow.array(range(start, min(start + COMMIT_ROWS, len(documents))), pyarrow.int64()),
                "body": pyarrow.array(documents[start : start + COMMIT_ROWS]),
            })
            for start in range(0, len(documents), COMMIT_ROWS)
        ]

    def build(self, prepared):
        import omendb

        self.database = omendb.connect(self.folder / "db", threads=1)
        self.table = self.database.create_table("t", {"id": "int64 primary key", "body": self.column()})
        for part in prepared:
            self.table.insert(part)

    def finish(self):
        self.database.checkpoint()
        self.database.close()

    def open(self):
        import omendb

        self.database = omendb.connect(self.folder / "db", threads=1)
        self.table = self.database["t"]

    def index_bytes(self):
        return self.table.stats()["disk_bytes"]["text.body"] if self.indexed else 0

    def search(self, words):
        return self.table.search(text=words, k=10).ids

    def ids(self, answer):
        return answer.tolist()


class OmendbWithoutIndex(Omendb):
    """The same table with a column of strings: what is not the index."""

    indexed = False


@functools.cache
def stop_words():
    """The words that OmenDB's `english` leaves out, found by asking it: of the words below those that find no row."""
    import omendb

    listed = WORD.findall(ENGLISH_FUNCTION_WORDS)
    with omendb.connect(":memory:") as database:
        table = database.create_table("t", {"id": "int64 primary key", "body": omendb.text("english")})
        table.insert({"id": list(range(len(listed))), "body": listed})
        return [word for word in listed if not len(table.search(text=word, k=1))]


class Tantivy(Engine):
    """A writer of one thread with 128 MB as tantivy has it by default, and one commit at the end. Positions are indexed,
    texts not stored; the number of a document is, to compare what is found, and does not count as index.
    """

    module = package = "tantivy"
    heap_bytes = 128 * MIB
    leaves_stop_words = True

    def analyzer(self):
        import tantivy

        filters = [tantivy.Filter.remove_long(40), tantivy.Filter.lowercase()]
        if self.leaves_stop_words:
            filters.append(tantivy.Filter.custom_stopword(stop_words()))
        builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        for one in [*filters, tantivy.Filter.stemmer("english")]:
            builder = builder.filter(one)
        return builder.build()

    def make(self):
        import tantivy

        schema = tantivy.SchemaBuilder().add_integer_field("id", stored=True)
        schema = schema.add_text_field("body", stored=False, tokenizer_name="bench", index_option="position").build()
        folder = self.folder / "tantivy"
        folder.mkdir(exist_ok=True)
        self.index = tantivy.Index(schema, path=str(folder))
        self.index.register_tokenizer("bench", self.analyzer())

    def prepare(self, documents):
        import tantivy

        stop_words()  # asked for now, remembered later
        return [tantivy.Document(id=at, body=document) for at, document in enumerate(documents)]

    def build(self, prepared):
        self.make()
        self.writer = self.index.writer(heap_size=self.heap_bytes, num_threads=1)
        for document in prepared:
            self.writer.add_document(document)
        self.writer.commit()

    def finish(self):
        self.writer.wait_merging_threads()

    def open(self):
        self.make()
        self.searcher = self.index.searcher()

    def index_bytes(self):
        files = [file for file in (self.folder / "tantivy").iterdir() if file.suffix not in (".store", ".fast", ".lock")]
        return sum(file.stat().st_size for file in files)

    def search(self, words):
        return self.searcher.search(self.index.parse_query(words, ["body"]), 10, count=False).hits

    def ids(self, answer):
        return [self.searcher.doc(address)["id"][0] for _, address in answer]

    def figures(self):
        return {"segments": self.searcher.num_segments}


class TantivyOneSegment(Tantivy):
    """So much memory that nothing is written before the commit: one segment."""

    heap_bytes = 2_000 * MIB


class TantivyEnStem(Tantivy):
    leaves_stop_words = False


class Fts5(Engine):
    """Contentless, in one transaction."""

    module = package = "sqlite3"

    @classmethod
    def installed(cls):
        import sqlite3

        options = sqlite3.connect(":memory:").execute("pragma compile_options").fetchall()
        return ("ENABLE_FTS5",) in options

    def prepare(self, documents):
        return list(enumerate(documents))

    def path(self):
        return self.folder / "fts5.db"

    def build(self, prepared):
        import sqlite3

        self.connection = sqlite3.connect(self.path())
        self.connection.execute("create virtual table t using fts5(body, content='', tokenize='porter unicode61')")
        self.connection.executemany("insert into t(rowid, body) values (?, ?)", prepared)
        self.connection.commit()

    def finish(self):
        self.connection.close()

    def open(self):
        import sqlite3

        self.connection = sqlite3.connect(self.path())

    def index_bytes(self):
        return self.path().stat().st_size

    def search(self, words):
        asked = " OR ".join(words.split())
        return self.connection.execute("select rowid from t where t match ? order by rank limit 10", (asked,)).fetchall()

    def ids(self, answer):
        return [row for (row,) in answer]


ENGINES = {
    "omendb": Omendb,
    "omendb-no-index": OmendbWithoutIndex,
    "tantivy": Tantivy,
    "tantivy-one-segment": TantivyOneSegment,
    "tantivy-en_stem": TantivyEnStem,
    "fts5": Fts5,
}
SEARCHED = ["omendb", "tantivy", "tantivy-one-segment", "tantivy-en_stem"]


ENGLISH_FUNCTION_WORDS = """
a about above after again against all also am an and any are aren't as at be because been before being below between
both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each either else ever
every few for from further get got had hadn't has hasn't have haven't having he he'd he'll he's her here here's hers
herself him himself his how however i i'd i'll i'm i've if in into is isn't it it's its itself just let's like made make
many may me might more most much must mustn't my myself neither no nor not now of off on once one only or other ought
our ours ourselves out over own per same shall shan't she she'd she'll she's should shouldn't since so some such than
that that's the their theirs them themselves then there there's these they they'd they'll they're they've this those
through to too under until up upon us very was wasn't we we'd we'll we're we've were weren't what what's when when's
where where's whether which while who who's whom whose why will with within without won't would wouldn't yet you you'd
you'll you're you've your yours yourself yourselves
"""
