"""bench/hamt: the gate judges as its bounds say, by keys, size and the best that was measured; pictures show what was measured."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from bench.hamt import gate, plots, tables  # noqa: E402  (the folder of the measurements is no installed package)


def verdicts(numbers, keys="random"):
    """{(what, over what, size): verdict} of {(map, what, size): value}."""
    lines = gate.judged({(method, keys, name, size): value for (method, name, size), value in numbers.items()})
    return {(line.bound.name, line.bound.over, size): line.verdict(value) for line in lines for size, value in line.values.items()}


def over_libhamt(name, value, keys="random", other="libhamt", size=10_000):
    """The verdicts on a time of hamt where the other map took 1."""
    return verdicts({("hamt", name, size): value, (other, name, size): 1.0}, keys)


@pytest.mark.parametrize(
    ("name", "over", "required", "goal"),
    [
        ("build", "libhamt", 0.65, 0.60),
        ("insert", "libhamt", 0.60, 0.50),
        ("erase", "libhamt", 0.65, 0.50),
        ("hit", "libhamt", 0.30, 0.25),
        ("miss", "libhamt", 0.35, 0.25),
        ("dependent_hit", "libhamt", 0.65, 0.60),
        ("iterate", "libhamt", 0.35, 0.25),
        ("persistent_insert", "libhamt-arena", 0.60, 0.55),
        ("persistent_erase", "libhamt-arena", 0.75, 0.55),
    ],
)
def test_a_time_is_held_up_to_its_goal_and_broken_above_what_is_required(name, over, required, goal):
    for size in (1_000, 1_000_000):
        values = (goal, goal + 0.001, required, required + 0.001)
        at = [over_libhamt(name, value, other=over, size=size)[name, over, size] for value in values]
        assert at == ["", "goal", "goal", "required"]


def test_versions_are_also_measured_against_the_variants_that_use_malloc_or_the_pool():
    assert over_libhamt("persistent_insert", 0.21)["persistent_insert", "libhamt, malloc or pool", 10_000] == "required"
    assert over_libhamt("persistent_erase", 0.21, other="libhamt-pool")["persistent_erase", "libhamt-pool", 10_000] == "goal"


def test_texts_have_bounds_of_their_own_and_only_the_goals_named_for_them():
    assert over_libhamt("hit", 0.41, "words")["hit", "libhamt", 10_000] == "goal"
    assert over_libhamt("hit", 0.46, "words")["hit", "libhamt", 10_000] == "required"
    assert over_libhamt("dependent_hit", 0.80, "decimal")["dependent_hit", "libhamt", 10_000] == ""
    assert over_libhamt("build", 0.62, "words")["build", "libhamt", 10_000] == ""
    assert over_libhamt("build", 0.66, "words")["build", "libhamt", 10_000] == "required"


def test_an_update_has_no_goal():
    assert [over_libhamt("update", value)["update", "libhamt", 10_000] for value in (0.60, 0.61)] == ["", "required"]


def test_the_best_variant_is_the_reference():
    numbers = {("hamt", "hit", 1_000): 2.0, ("libhamt", "hit", 1_000): 20.0, ("libhamt-pool", "hit", 1_000): 5.0}
    assert verdicts(numbers) == {("hit", "libhamt", 1_000): "required"}


def test_the_standard_map_is_a_goal_that_depends_on_the_size():
    def standard(name, value, size):
        return over_libhamt(name, value, other="std::unordered_map", size=size).get((name, "std::unordered_map", size))

    assert [standard("build", 0.71, size) for size in (1_000, 10_000, 100_000, 1_000_000)] == ["", "", "goal", "goal"]
    assert [standard("hit", 1.31, size) for size in (10_000, 100_000)] == ["goal", "goal"]
    assert [standard("insert", 0.61, size) for size in (10_000, 100_000, 1_000_000)] == ["", None, "goal"]
    assert [standard("iterate", 0.31, size) for size in (10_000, 100_000, 1_000_000)] == ["", "goal", None]


@pytest.mark.parametrize("name", ["used_bytes_per_entry", "heap_bytes_per_entry"])
def test_an_entry_of_two_words_takes_29_bytes_in_tables_and_from_malloc(name):
    assert verdicts({("hamt", name, 1_000): 29.0, ("hamt", name, 10_000): 29.1}) == {(name, "", 1_000): "", (name, "", 10_000): "required"}
    assert verdicts({("hamt", name, 1_000): 99.0}, "words") == {}


def test_a_batch_is_measured_against_the_plain_loop_at_a_million():
    numbers = {("hamt", name, size): value for name, value in (("batch_hit", 61.0), ("hit", 100.0)) for size in (100_000, 1_000_000)}
    assert verdicts(numbers) == {("batch_hit", "hit", 1_000_000): "goal"}


def test_other_sizes_and_keys_that_libhamt_loses_are_not_judged():
    assert over_libhamt("hit", 0.9, size=100) == over_libhamt("hit", 0.9, size=10_000_000) == {}
    assert over_libhamt("hit", 0.9, "collision") == {}
    assert verdicts({("hamt", "hit", 1_000): 0.9}) == {}


def written(folder, hit_ns):
    """What compare writes of one run of two maps."""
    times = {("hamt", "random", "hit", 1_000): (1, hit_ns), ("libhamt", "random", "hit", 1_000): (1, 10.0)}
    figures = {("hamt", "random", 1_000, "used_bytes_per_entry"): 28.0}
    tables.write(folder, {"machine": {"cpu": "any", "at": "now"}, "built": {}, "notes": []}, times, figures)
    return folder


def test_the_status_says_whether_a_required_bound_is_broken(tmp_path, capsys):
    assert gate.main([str(written(tmp_path, 2.7))]) == 0
    assert "2 figures: 0 over the bound, 1 over the goal alone." in capsys.readouterr().out
    assert gate.main([str(written(tmp_path, 3.1))]) == 1
    assert "0.31!" in capsys.readouterr().out
    assert gate.main([str(tmp_path / "nothing")]) == 2


def test_markdown_shows_what_is_broken_in_bold(tmp_path, capsys):
    gate.main([str(written(tmp_path, 3.1)), "--markdown"])
    shown = "| hit | libhamt | 0.3 | 0.25 | **0.31** |"
    assert shown in capsys.readouterr().out and shown in (tmp_path / "hamt.md").read_text()
    assert json.loads((tmp_path / "hamt.json").read_text())["times"][0]["ns_per_op"] == 3.1


def test_labels_keep_their_order_and_do_not_overlap():
    heights = plots.spread([0.5, 0.1, 0.51, 0.505, 0.9])
    assert heights == sorted(heights) and (heights[0], heights[-1]) == (0.1, 0.9)
    assert heights[2] == pytest.approx(0.505) and heights[2] - heights[1] == pytest.approx(plots.LABEL_STEP)


def test_bytes_are_those_of_malloc_or_else_those_the_map_says():
    def figure(method, name, value):
        return {"method": method, "dataset_type": "random", "size": 100, "name": name, "value": value}

    heap, used = "heap_bytes_per_entry", "used_bytes_per_entry"
    figures = [figure("hamt", heap, 31.0), figure("hamt", used, 25.0), figure("libhamt-pool", used, 20.0)]
    expected = {"hamt": [(100, 31.0)], "libhamt-pool": [(100, 20.0)]}
    assert plots.curves({"times": [], "figures": figures}, "random", plots.BYTES) == expected


def test_a_run_draws_a_picture_for_each_operation_and_one_of_the_bytes(tmp_path):
    pytest.importorskip("matplotlib")
    pictures = {path.name: path.read_bytes() for path in (written(tmp_path / "one", 2.7) / "plots").iterdir()}
    assert sorted(pictures) == ["bytes_per_entry-random.png", "bytes_per_entry-random.svg", "hit-random.png", "hit-random.svg"]
    assert b">libhamt<" in pictures["hit-random.svg"]
    assert (written(tmp_path / "two", 2.7) / "plots" / "hit-random.svg").read_bytes() == pictures["hit-random.svg"]
