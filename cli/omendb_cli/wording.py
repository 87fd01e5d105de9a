"""The words of `omen search`: which texts, how their ranking and that of a vector become one, and where in a text the words stand."""

from omendb_cli import screen
from omendb_cli.failure import Usage

METHODS = ("distribution", "relative", "rrf", "filter")
NUMBERS = ("vector", "text", "candidates")
BEFORE, AFTER = "\x02", "\x03"  # around a word that was found, until it is drawn
TAGGED_BYTES = 160  # of a highlight in a JSON document
MARGIN_COLUMNS = 24  # of a line, for the name of the text


def given(arguments):
    """The words of --text or --query, or None."""
    return arguments.query if arguments.text is None else arguments.text


def number(text, place):
    try:
        return float(text)
    except ValueError:
        raise Usage(f"{place}: {text!r} is not a number") from None


def parse_columns(text):
    """{column: weight} of "title:2,body"."""
    weights = {}
    for item in text.split(","):
        name, sign, weight = item.strip().partition(":")
        if not name or sign and not weight or name in weights:
            raise Usage(f"--text-columns {text}: write each column once, with a weight if you like: title:2,body")
        weights[name] = number(weight, f"--text-columns {item.strip()}") if sign else 1.0
    return weights


def parse_fuse(text):
    """What `fuse=` takes, of "rrf", "vector=0.7,text=0.3" or both: "rrf,vector=2,text=1,candidates=200"."""
    said = {}
    for item in text.split(","):
        name, sign, value = item.strip().partition("=")
        if name in METHODS and not sign and "method" not in said:
            said["method"] = name
        elif name in NUMBERS and sign and name not in said:
            said[name] = number(value, f"--fuse {item.strip()}")
        else:
            raise Usage(f"--fuse {text}: write {', '.join(METHODS)}, or weights: vector=0.7,text=0.3")
    if "candidates" in said:
        if not said["candidates"].is_integer():
            raise Usage(f"--fuse {text}: candidates is a whole number")
        said["candidates"] = int(said["candidates"])
    return said


def options(arguments, table, by_vector):
    """The words of `table.search` that have to do with texts. Usage for what does not go together."""
    if given(arguments) is None:
        for name, value in (("--text-columns", arguments.text_columns), ("--fuse", arguments.fuse)):
            if value is not None:
                raise Usage(f"{name} goes with --text or --query")
        return {}
    texts = [field.name for field in table.schema if (field.metadata or {}).get(b"omendb.type") == b"text"]
    if not texts:
        raise Usage(
            f"table '{table.name}' has no text column; `omen import` makes one of a column of strings: --text-column COL"
        )
    named = {"text": arguments.text} if arguments.text is not None else {"query": arguments.query}
    if arguments.text_columns is not None:
        named["text_columns"] = parse_columns(arguments.text_columns)
        for name in named["text_columns"]:
            if name not in texts:
                raise Usage(f"--text-columns {name}: text columns of '{table.name}' are {', '.join(texts)}")
    if arguments.fuse is not None:
        if not by_vector:
            raise Usage("--fuse makes one ranking of two: give --vector, --vector-file or --like as well")
        named["fuse"] = parse_fuse(arguments.fuse)
    return named


def highlights(hits, tags):
    """For each hit {text column: the part where most words stand}, with <b> and </b> around them or with what `lines` draws."""
    return (
        hits.highlight(length=TAGGED_BYTES) if tags else hits.highlight(BEFORE, AFTER, screen.width() - MARGIN_COLUMNS)
    )


def lines(row, texts):
    """A line below a row for each text in which words were found; for a row without any the beginning of its first text."""
    found = row["highlights"] or dict([(name, row[name]) for name in texts if row[name]][:1])
    return [line(name, text) for name, text in found.items()]


def line(name, text):
    label = f"    {screen.printable(name)}: "
    return label + screen.marked(text, max(20, screen.width() - len(label)), BEFORE, AFTER)
