"""The entries of WordNet (Princeton; Debian package wordnet-base), read from its data files.

A line is: offset, file number, kind, number of words in hex, words with sense numbers, number of pointers, pointers (symbol, offset,
kind, source/target), for verbs frames, then " | " and the gloss: definitions and quoted examples, separated by semicolons (wndb(5)).
"""

import dataclasses
import os

from omendb_cli.failure import Failure

FOLDERS = ["/usr/share/wordnet", "/usr/share/wordnet-3.0", "/usr/local/share/wordnet", "/usr/share/wordnet/dict"]
KINDS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
SUBJECTS = (  # of the lexicographers' files, by number (lexnames(5)); those of adjectives and adverbs have none
    "adjective adjective adverb top act animal artifact attribute body cognition communication event feeling food group location motive "
    "object person phenomenon plant possession process quantity relation shape state substance time body change cognition communication "
    "competition consumption contact creation emotion motion perception possession social stative weather adjective"
).split()
BROADER = ("@", "@i")  # hypernym, instance hypernym
RELATED = ("&", "+", "\\", "=")  # similar, derived from, pertains to, attribute


@dataclasses.dataclass
class Entry:
    """One meaning: the words for it, its definition, examples, and the numbers of broader and related entries."""

    key: str  # "kitten.n.1": first word, kind, counted
    words: list
    kind: str
    subject: str  # one of SUBJECTS
    definition: str
    examples: list
    broader: list
    related: list


def find_folder(folder=None):
    for candidate in [folder] if folder else [os.environ.get("WNSEARCHDIR", ""), *FOLDERS]:
        if candidate and os.path.isfile(os.path.join(candidate, "data.noun")):
            return candidate
    if folder:
        raise Failure(f"{folder}: no WordNet there (data.noun is missing)")
    raise Failure(
        "the demo searches the dictionary WordNet, which is not installed: apt-get install wordnet-base (or --wordnet DIR)"
    )


def split_gloss(gloss):
    definition, *examples = [part.strip() for part in gloss.strip().split('; "')]
    return definition, [example.strip(' "') for example in examples]


def subject_of(line):
    """Number of the lexicographers' file that an entry belongs to: 5 are animals, 12 feelings, 13 food ..."""
    return int(line[9:11])


def parse_line(line):
    """(own address, words, subject, definition, examples, broader, related) with addresses like "n00001740"."""
    head, _, gloss = line.partition(" | ")
    fields = head.split()
    word_count = int(fields[3], 16)
    words = [fields[4 + 2 * at].split("(")[0].replace("_", " ") for at in range(word_count)]
    pointers_at = 4 + 2 * word_count
    pointers = [fields[at : at + 3] for at in range(pointers_at + 1, pointers_at + 1 + 4 * int(fields[pointers_at]), 4)]
    broader = [kind + offset for symbol, offset, kind in pointers if symbol in BROADER]
    related = [kind + offset for symbol, offset, kind in pointers if symbol in RELATED]
    definition, examples = split_gloss(gloss)
    kind = "a" if fields[2] == "s" else fields[2]  # a satellite adjective is an adjective
    subject = SUBJECTS[int(fields[1])]
    return kind + fields[0], list(dict.fromkeys(words)), subject, definition, examples, broader, related


def read_entries(folder, subjects=None):
    """The entries of some subjects (default: all). Pointers to entries that are left out are dropped."""
    addresses, entries, counted = {}, [], {}
    for name, letter in KINDS.items():
        path = os.path.join(folder, f"data.{name}")
        try:
            with open(path, encoding="latin-1") as file:
                lines = [line for line in file if not line.startswith("  ")]
            parsed = [parse_line(line) for line in lines if subjects is None or subject_of(line) in subjects]
        except (ValueError, IndexError):
            raise Failure(f"{path}: not a WordNet data file") from None
        for address, words, subject, definition, examples, broader, related in parsed:
            stem = f"{words[0].replace(' ', '_')}.{letter}"
            counted[stem] = counted.get(stem, 0) + 1
            addresses[address] = len(entries)
            key = f"{stem}.{counted[stem]}"
            entries.append(Entry(key, words, name, subject, definition, examples, broader, related))
    for entry in entries:
        entry.broader = [addresses[address] for address in entry.broader if address in addresses]
        entry.related = [addresses[address] for address in entry.related if address in addresses]
    return entries
