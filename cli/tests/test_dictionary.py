"""The demo's dictionary: WordNet's lines, words' stems, vectors that mean something."""

import numpy as np
import pytest

from omendb_cli import dictionary, meaning, wordnet
from omendb_cli.failure import Failure

KITTEN = (
    "02122430 05 n 02 kitten 0 kitty 2 003 @ 02122298 n 0000 @ 01322604 n 0000 + 00057042 v 0101 | young domestic cat; "
    '"the kitten plays"; "a litter of kittens"  \n'
)
ALONE = "00014858 00 a 01 alone(p) 0 000 | isolated from others\n"


@pytest.fixture
def folder(tmp_path):
    lines = {
        "noun": [KITTEN, "02122298 05 n 01 house_cat 0 000 | any domesticated cat\n"],
        "verb": ["00057042 29 v 01 kitten 0 000 01 + 02 00 | have kittens\n"],
        "adj": [ALONE],
        "adv": ["00001740 02 r 01 alone 0 000 | without others\n"],
    }
    for name, text in lines.items():
        (tmp_path / f"data.{name}").write_text("  1 the licence stands here\n" + "".join(text))
    return str(tmp_path)


def test_an_entry_has_words_definition_examples_and_pointers(folder):
    entries = wordnet.read_entries(folder)
    kitten = entries[0]
    assert (kitten.key, kitten.words, kitten.kind) == ("kitten.n.1", ["kitten", "kitty"], "noun")
    assert [entry.subject for entry in entries] == ["animal", "animal", "body", "adjective", "adverb"]
    assert kitten.definition == "young domestic cat" and kitten.examples == ["the kitten plays", "a litter of kittens"]
    assert [entries[number].key for number in kitten.broader] == ["house_cat.n.1"]
    assert [entries[number].key for number in kitten.related] == ["kitten.v.1"]
    assert entries[3].words == ["alone"]


def test_keys_are_unique_and_a_choice_of_subjects_drops_pointers_that_lead_nowhere(folder):
    assert len({entry.key for entry in wordnet.read_entries(folder)}) == 5
    verbs = wordnet.read_entries(folder, subjects={29})
    assert [entry.key for entry in verbs] == ["kitten.v.1"] and verbs[0].related == []


def test_missing_or_foreign_dictionaries_are_refused(tmp_path):
    with pytest.raises(Failure, match="no WordNet there"):
        wordnet.find_folder(str(tmp_path))
    for name in wordnet.KINDS:
        (tmp_path / f"data.{name}").write_text("nonsense\n")
    with pytest.raises(Failure, match="data.noun: not a WordNet data file"):
        wordnet.read_entries(str(tmp_path))


@pytest.mark.parametrize(
    "one, other",
    [
        ("spiders", "spider"),
        ("studies", "study"),
        ("walking", "walked"),
        ("churches", "church"),
        ("place", "places"),
        ("stopped", "stop"),
        ("boxes", "box"),
    ],
)
def test_forms_of_a_word_share_their_stem(one, other):
    assert meaning.stem(one) == meaning.stem(other)


@pytest.mark.parametrize("one, other", [("glass", "glad"), ("bus", "bu"), ("thing", "th"), ("red", "r")])
def test_different_words_keep_apart(one, other):
    assert meaning.stem(one) != meaning.stem(other)


@pytest.fixture(scope="module")
def learned():
    topics = [
        ["cat", "kitten", "fur", "purr"],
        ["ship", "sea", "sail", "harbour"],
        ["king", "crown", "throne", "queen"],
    ]
    rng = np.random.default_rng(3)
    documents = [list(rng.choice(topics[number % 3], 3, replace=False)) for number in range(300)]
    return documents, *meaning.learn(documents, documents, dims=4)


def test_texts_on_one_subject_lie_near_each_other(learned):
    _, model, _ = learned
    kitten, purr, throne = model.of(["kitten", "purr", "throne"])
    assert kitten @ purr > 0.8 > 0.3 > kitten @ throne


def test_vectors_are_unit_rows_of_float32(learned):
    documents, model, vectors = learned
    assert vectors.dtype == np.float32 and vectors.shape == (300, 4)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert not model.of(["xyzzy"]).any() and not model.knows("xyzzy") and model.knows("the kitten")


def test_a_stored_model_answers_alike(learned, tmp_path):
    _, model, _ = learned
    model.save(tmp_path / "m.npz")
    assert np.array_equal(
        meaning.Meaning.load(tmp_path / "m.npz").of(["king ship", "cat"]), model.of(["king ship", "cat"])
    )


def test_a_damaged_model_is_refused_with_the_way_out(tmp_path):
    (tmp_path / dictionary.DATABASE).mkdir()
    (tmp_path / dictionary.MODEL).write_bytes(b"junk")
    with pytest.raises(Failure, match="make it again with: omen demo"):
        dictionary.load_model(str(tmp_path))
