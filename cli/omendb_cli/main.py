"""The door of `omen`: arguments in, exit status out. Heavy modules are imported by the one command that runs."""

import argparse
import importlib
import os
import sys

from omendb_cli.failure import Failure, Stopped, Usage

EXAMPLES = """examples:
  omen demo                                          see it work on a real dictionary
  omen import docs articles.csv --db shop.omen       a new table, its columns read from the file
  omen import v base.fvecs --db shop.omen --metric cosine
  omen search shop.omen docs --text 'red bicycle'    rows that have these words, best first
  omen search shop.omen docs --like a17 -k 5         rows nearest to a row
  omen search shop.omen v --vector-file query.npy    rows nearest to vectors of a file
  omen stats shop.omen                               rows, memory, disk
  omen export docs docs.parquet --db shop.omen
  omen tune shop.omen docs                           what recall costs on this table, and what to set
  omen bench ann sift-128-euclidean.hdf5             recall, speed and memory with your own vectors

exit status: 0 done, 1 it failed (one line on stderr says why), 2 the command line is wrong, 130 stopped by Ctrl-C
"""
INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended


def add_json(parser):
    parser.add_argument("--json", action="store_true", help="print one JSON document for machines")


def add_demo(commands):
    parser = commands.add_parser(
        "demo",
        help="search a dictionary by words and by meaning, kill the writer, reopen (a minute or two)",
        description="Loads the 117,000 entries of WordNet, searches them by words, by meaning and by both, measures "
        "recall, kills its own writer in the middle of an ingest and shows that nothing is lost.",
    )
    parser.add_argument("--dir", default="omen-demo", help="folder for the demo's files (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="17,000 entries only (animals, food, feelings ...)")
    parser.add_argument("--interactive", action="store_true", help="go on with `omen ask` at the end")
    parser.add_argument("--wordnet", default=None, metavar="DIR", help="where data.noun and its siblings are")
    parser.set_defaults(module="demo")


def add_ask(commands):
    parser = commands.add_parser(
        "ask",
        help="describe something, get words for it (after `omen demo`)",
        epilog='example: omen ask omen-demo "a fear of high places"',
    )
    parser.add_argument("dir", help="the demo's folder")
    parser.add_argument("words", nargs="*", help="a description; without it, reads lines")
    parser.add_argument("-k", type=int, default=8, help="how many answers (default: %(default)s)")
    add_json(parser)
    parser.set_defaults(module="ask")


def add_import(commands):
    parser = commands.add_parser(
        "import",
        help="put a file's rows into a table",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Reads csv, tsv, jsonl, parquet, npy, fvecs, bvecs, ivecs or hdf5, and the vectors and labels of saved indexes of\n"
        "hnswlib (hnsw) and faiss (faiss), as the name's ending says. A table that does not exist is created; its columns are\n"
        "read from the file's first rows and printed. Rows go in by chunks; a chunk goes in completely or not at all.",
        epilog="examples:\n  omen import docs articles.jsonl --db shop.omen --key id --vector embedding --metric cosine\n"
        "  omen import docs more.csv --db shop.omen --upsert --type year=int64\n"
        "  omen import docs articles.csv --db shop.omen --text-column title:simple --text-column body:german\n"
        "  omen import sift sift-128-euclidean.hdf5 --db sift.omen\n"
        "  omen import items items.hnsw --db shop.omen --metric cosine      the file of an hnswlib index does not say its metric",
    )
    parser.add_argument("table")
    parser.add_argument("file")
    parser.add_argument("--db", required=True, metavar="DIR", help="the database's directory, created if absent")
    parser.add_argument("--key", metavar="COL", help="primary key (default: id, key or _id; else rows are numbered)")
    parser.add_argument(
        "--vector", action="append", default=[], metavar="COL", help="this column holds vectors (may be repeated)"
    )
    parser.add_argument(
        "--text-column",
        action="append",
        default=[],
        metavar="COL[:ANALYZER]",
        help="this column holds texts that `omen search --text` finds (may be repeated); ANALYZER is a language, simple, "
        "keyword, code or ngram(N) (default: english)",
    )
    parser.add_argument("--dims", type=int, help="dimensions that the vectors must have (default: the file's)")
    parser.add_argument(
        "--metric", choices=["l2", "cosine", "ip", "l1"], help="of a new table's vectors (default: the file's, else l2)"
    )
    parser.add_argument("--dataset", metavar="NAME", help="which dataset of an HDF5 file (default: train)")
    parser.add_argument(
        "--type", action="append", default=[], metavar="COL=TYPE", help="a column's type, where the guess is wrong"
    )
    parser.add_argument("--upsert", action="store_true", help="replace rows whose key exists")
    parser.add_argument("--first-key", type=int, metavar="N", help="number rows from N where the file has no key")
    parser.add_argument(
        "--chunk-rows", type=int, default=None, metavar="N", help="rows per statement (default: about 4 MiB)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N rows")
    add_json(parser)
    parser.set_defaults(module="importing")


def add_export(commands):
    parser = commands.add_parser(
        "export",
        help="write a table's rows to a file",
        description="Writes csv, jsonl, parquet (all columns) or npy, fvecs (one vector column), as the ending says.",
        epilog="example: omen export docs docs.parquet --db shop.omen --select id,title",
    )
    parser.add_argument("table")
    parser.add_argument("file")
    parser.add_argument("--db", required=True, metavar="DIR")
    parser.add_argument("--select", metavar="COL,COL", help="only these columns")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    add_json(parser)
    parser.set_defaults(module="exporting")


def add_search(commands):
    parser = commands.add_parser(
        "search",
        help="rows that have words, rows nearest to a vector, both in one ranking, or those of a condition",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Searches TABLE by words (BM25 over its text columns), by a vector, or by both, whose rankings become one.\n"
        "--where leaves rows out of any of these; alone it prints the first rows for which it is true.",
        epilog="examples:\n"
        "  omen search shop.omen docs --text 'red bicycle'\n"
        "  omen search shop.omen docs --query '\"red bicycle\"~2 +title:shop -child' --text-columns title:2,body\n"
        "  omen search shop.omen docs --vector '0.1, 0.2, 0.3' --where 'year >= 2020' -k 5 --select title\n"
        "  omen search shop.omen docs --like a17 --text bicycle --fuse vector=0.7,text=0.3 --offset 10\n"
        "  omen search shop.omen docs --vector-file query.npy --row 0 --text bicycle --explain --analyze",
    )
    parser.add_argument("dir")
    parser.add_argument("table")
    add_search_vectors(parser)
    add_search_texts(parser)
    parser.add_argument(
        "--where", metavar="EXPR", help="only rows for which this is true, as in SQL; alone: the first k of them"
    )
    parser.add_argument(
        "-k", type=int, help="how many rows (default: 10; with --radius at most so many, default 10,000)"
    )
    parser.add_argument("--offset", type=int, default=0, metavar="N", help="leave the N best rows out, to page through")
    parser.add_argument(
        "--min-score", type=float, metavar="X", help="only rows that score at least X (larger is better)"
    )
    parser.add_argument("--select", metavar="COL,COL", help="columns to show (default: all but vectors)")
    parser.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="give up, without an answer, when the search takes longer"
    )
    parser.add_argument("--explain", action="store_true", help="print the plan of the search instead of searching")
    parser.add_argument(
        "--analyze", action="store_true", help="with --explain: search, and print what happened and how long it took"
    )
    add_json(parser)
    parser.set_defaults(module="searching")


def add_search_vectors(parser):
    group = parser.add_argument_group("by a vector")
    query = group.add_mutually_exclusive_group()
    query.add_argument("--vector", metavar="X,X,...", help="the numbers themselves")
    query.add_argument("--vector-file", metavar="FILE", help="npy, fvecs, bvecs or hdf5: each row is a query")
    query.add_argument(
        "--like", metavar="KEY", help="the vector of the row with this key (that row itself is left out)"
    )
    group.add_argument("--dataset", metavar="NAME", help="which dataset of an HDF5 file (default: test)")
    group.add_argument("--row", type=int, metavar="N", help="only row N of --vector-file, from 0")
    group.add_argument("--radius", type=float, metavar="X", help="only rows at most so far away")
    group.add_argument("--column", metavar="COL", help="the vector column, where there are several")
    group.add_argument(
        "--recall",
        type=float,
        metavar="SHARE",
        help="share of the true nearest that is wanted (default: 0.95; 1: exact)",
    )
    group.add_argument("--ef", type=int, help="beam of the graph search (default: chosen for the recall)")
    group.add_argument("--exact", action="store_true", help="compare with every row")


def add_search_texts(parser):
    group = parser.add_argument_group("by words")
    words = group.add_mutually_exclusive_group()
    words.add_argument("--text", metavar="WORDS", help="plain words: rows that have any of them")
    words.add_argument(
        "--query",
        metavar="QUERY",
        help='words with operators: "a phrase"~2, +must, -not, AND, OR, NOT, title:word, word^2, pre*, fuzzy~1 '
        "(--query=-not where it begins with -)",
    )
    group.add_argument(
        "--text-columns", metavar="COL:WEIGHT,...", help="text columns to look in, with weights (default: all alike)"
    )
    group.add_argument(
        "--fuse",
        metavar="HOW",
        help="with a vector, how the rankings become one: distribution (by scores, the default), relative (too), rrf (by places), "
        "vector=0.7,text=0.3 (weights), filter (rows that match, by the vector alone)",
    )


def add_inspections(commands):
    for name, what in (("stats", "rows, memory and disk of every table"), ("check", "read everything and verify it")):
        parser = commands.add_parser(name, help=what)
        parser.add_argument("dir")
        add_json(parser)
        parser.set_defaults(module="inspecting", run=name)
    parser = commands.add_parser("backup", help="a complete copy while others may write")
    parser.add_argument("dir")
    parser.add_argument("target", help="a directory that does not exist yet")
    add_json(parser)
    parser.set_defaults(module="inspecting", run="backup")


def add_tune(commands):
    parser = commands.add_parser(
        "tune",
        help="what recall costs on a table, and what to set",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Searches a vector column of TABLE with beam after beam: recall, queries a second of one thread,\n"
        "microseconds of a call. Asks with the table's own rows, each as if it were not there, or with the\n"
        "queries of a file. Changes nothing.",
        epilog="examples:\n  omen tune shop.omen docs\n"
        "  omen tune shop.omen docs --queries query.npy --k 20 --plot docs.svg",
    )
    parser.add_argument("dir")
    parser.add_argument("table")
    parser.add_argument("--column", metavar="COL", help="the vector column, where there are several")
    parser.add_argument("--queries", metavar="FILE", help="npy, fvecs, bvecs or hdf5: each row is a query")
    parser.add_argument("--dataset", metavar="NAME", help="which dataset of an HDF5 file (default: test)")
    parser.add_argument("--k", "-k", type=int, default=10, help="neighbours per query (default: %(default)s)")
    parser.add_argument(
        "--ef", default=None, metavar="N,N,...", help="beams (default: 10 to 768, until recall is 0.9995)"
    )
    parser.add_argument(
        "--wait", action="store_true", help="open for writing and link the rows that wait for the graph first"
    )
    parser.add_argument("--query-count", type=int, default=500, metavar="N", help="at most (default: %(default)s)")
    parser.add_argument(
        "--plot", metavar="FILE", help="draw recall against queries a second (png or svg; needs matplotlib)"
    )
    add_json(parser)
    parser.set_defaults(module="tuning")


def add_measured(parser, seed=argparse.SUPPRESS):
    """Options of both benches. Of the inner one they have no defaults, so that `omen bench --json ann FILE` keeps its word."""
    parser.add_argument("--metric", choices=["l2", "cosine", "ip", "l1"], help="default: the file's, else l2")
    parser.add_argument("--dir", help="folder whose disk is measured (default: a temporary one)")
    parser.add_argument("--seed", type=int, default=seed, help="default: 7")
    add_json(parser)


def add_bench(commands):
    parser = commands.add_parser(
        "bench",
        help="measure this machine (half a minute), or your own vectors: bench ann FILE",
        description="Measures ingest, search and recall of this machine with seeded vectors; `bench ann FILE` with those of a file.",
    )
    parser.add_argument("--rows", type=int, default=50_000, help="default: %(default)s")
    parser.add_argument("--dims", type=int, default=128, help="default: %(default)s")
    add_measured(parser, seed=7)
    parser.set_defaults(module="measuring")
    add_bench_ann(parser.add_subparsers(metavar="ann"))


def add_bench_ann(commands):
    parser = commands.add_parser(
        "ann",
        help="measure the vectors of a file",
        argument_default=argparse.SUPPRESS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Builds a table from FILE (hdf5 of ann-benchmarks, npy, fvecs, bvecs) and searches it with beam after beam.\n"
        "Queries are the file's test set, those of --queries, or rows that are left out of the base; true neighbours are the\n"
        "file's, those of --truth, or found by comparing everything.",
        epilog="examples:\n  omen bench ann sift-128-euclidean.hdf5 --plot sift.svg\n"
        "  omen bench ann base.fvecs --queries query.fvecs --truth groundtruth.ivecs --m 32 --db kept.omen",
    )
    parser.add_argument("file")
    for name, text in (
        ("--queries", "file of queries"),
        ("--truth", "file of the queries' true neighbours: numbers of rows, nearest first"),
        ("--db", "keep the database in this directory"),
        ("--plot", "draw recall against queries a second (png or svg; needs matplotlib)"),
    ):
        parser.add_argument(name, default=None, metavar="DIR" if name == "--db" else "FILE", help=text)
    parser.add_argument(
        "--dataset", default=None, metavar="NAME", help="which dataset of an HDF5 file (default: train)"
    )
    parser.add_argument("--k", "-k", type=int, default=10, help="neighbours per query (default: %(default)s)")
    parser.add_argument(
        "--ef", default=None, metavar="N,N,...", help="beams (default: 10 to 768, until recall is 0.9995)"
    )
    parser.add_argument("--m", type=int, default=None, help="links of a row (default: the table's, 16)")
    parser.add_argument("--ef-construction", type=int, default=None, metavar="N", help="default: the table's, 200")
    parser.add_argument("--storage", default=None, help="how vectors are stored (default: f32)")
    parser.add_argument("--threads", type=int, default=None, help="that build, and search in batches (default: all)")
    parser.add_argument("--query-count", type=int, default=1_000, metavar="N", help="at most (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=None, metavar="N", help="only the first N rows of FILE")
    add_measured(parser)
    parser.set_defaults(module="ann_bench")


def build_parser():
    parser = argparse.ArgumentParser(
        prog="omen",
        description="OmenDB: vectors, text and metadata in one directory.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for add in (add_demo, add_ask, add_import, add_export, add_search, add_inspections, add_tune, add_bench):
        add(commands)
    return parser


def database_error():
    """The class of the package's own errors, or nothing when it was never imported."""
    module = sys.modules.get("omendb")
    return getattr(module, "Error", ()) if module else ()


def one_line(error):
    return " ".join(str(error).split()) or type(error).__name__


def fail(message, status=1):
    print(f"omen: {message}", file=sys.stderr)
    return status


def run(arguments):
    module = importlib.import_module(f"omendb_cli.{arguments.module}")
    status = getattr(module, getattr(arguments, "run", "run"))(arguments)
    return status or 0


def run_guarded(arguments):
    try:
        return run(arguments)
    except Usage as error:
        return fail(one_line(error), 2)
    except Failure as error:
        return fail(one_line(error))
    except Stopped as error:
        return fail(one_line(error), INTERRUPTED)
    except KeyboardInterrupt:
        return fail("stopped", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError:
        return fail("not enough memory; free some, or import fewer rows at a time with --chunk-rows")
    except OSError as error:
        return fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else one_line(error))
    except Exception as error:
        if isinstance(error, database_error()):
            return fail(one_line(error))
        raise


def main(argv=None):
    for stream in (sys.stdout, sys.stderr):  # a terminal without bars and letters of other languages shows "?" for them
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    parser = build_parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as end:
        return end.code or 0
    if arguments.version:
        import omendb

        print(f"omen {omendb.__version__}")
        return 0
    if not arguments.command:
        parser.print_help()
        return 2
    return run_guarded(arguments)


if __name__ == "__main__":
    sys.exit(main())
