"""omendb.Map against dict: branching histories, keys that collide or raise, references, garbage, pickling."""

import collections
import collections.abc
import copy
import gc
import pickle
import sys
import threading
import weakref
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, rule

import omendb
from omendb import Map, MapDraft


class Key:
    """Hashes to what it is told (the same for one name), and can be made to raise, or to do anything, when it is hashed or
    compared.
    """

    on_hash = None
    on_eq = None

    def __init__(self, name, hashed=1):
        self.name = name
        self.hashed = hashed

    def __hash__(self):
        if Key.on_hash is not None:
            Key.on_hash()
        return self.hashed

    def __eq__(self, other):
        if Key.on_eq is not None:
            Key.on_eq()
        return isinstance(other, Key) and self.name == other.name

    def __repr__(self):
        return f"Key({self.name!r})"


@pytest.fixture(autouse=True)
def quiet_keys():
    yield
    Key.on_hash = Key.on_eq = None


class Thing:
    """Can be in a cycle and can be watched."""


def colliding(count):
    return [Key(name, hashed=name % 2) for name in range(count)]


def collected(watched):
    gc.collect()
    return watched() is None


# Construction and the mapping protocol.


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [
        ((), {}),
        (({"a": 1},), {}),
        (({"a": 1},), {"a": 2, "b": 3}),
        (([("a", 1), ["b", 2], ("a", 3)],), {}),
        ((((key, key * 2) for key in "xyz"),), {}),
        ((collections.OrderedDict(a=1, b=2),), {"c": 3}),
        ((collections.ChainMap({1: 2}, {3: 4}),), {}),
        ((["ab", "cd"],), {}),
        ((), {"self": 1, "other": 2, "key": 3}),
    ],
)
def test_takes_what_dict_takes(arguments, keywords):
    arguments = tuple(list(argument) if isinstance(argument, collections.abc.Iterator) else argument for argument in arguments)
    made = Map(*arguments, **keywords)
    assert dict(made) == dict(*arguments, **keywords)
    assert made == dict(*arguments, **keywords)
    assert dict(Map().update(*arguments, **keywords)) == dict(made)
    draft = Map(a=0).mutate()
    draft.update(*arguments, **keywords)
    assert draft.finish() == {"a": 0} | dict(made)


@pytest.mark.parametrize("wrong", [3, [1], [(1, 2, 3)], [()], None, [([], 1)]])
def test_refuses_what_dict_refuses(wrong):
    with pytest.raises((TypeError, ValueError)) as expected:
        dict(wrong)
    for take in (Map, Map(a=1).update, Map(a=1).mutate().update):
        with pytest.raises(expected.type):
            take(wrong)
        with pytest.raises(TypeError):
            take({}, {})


def test_is_a_mapping():
    one = Map(a=1, b=None)
    assert isinstance(one, collections.abc.Mapping)
    assert not isinstance(one, collections.abc.MutableMapping)
    assert len(one) == 2
    assert one["a"] == 1
    assert "a" in one
    assert "c" not in one
    assert one.get("b", 7) is None
    assert one.get("c") is None
    assert one.get("c", 7) == 7
    assert sorted(one) == ["a", "b"]
    assert bool(Map()) is False
    match one:
        case {"a": number}:
            assert number == 1
        case _:
            raise AssertionError("not matched as a mapping")
    with pytest.raises(TypeError):
        reversed(one)
    with pytest.raises(TypeError):
        one["c"] = 1


@pytest.mark.parametrize("key", ["c", (1, 2), (), None, 1.5, KeyError])
def test_a_missing_key_is_named_by_the_error(key):
    for miss in (Map(a=1).__getitem__, Map(a=1).delete, Map().__getitem__, Map().delete, Map(a=1).mutate().pop):
        with pytest.raises(KeyError) as error:
            miss(key)
        assert error.value.args == (key,)


def test_views_are_those_of_a_dict():
    model = {"a": 1, "b": 2, "c": 1}
    one = Map(model)
    assert isinstance(one.keys(), collections.abc.KeysView)
    assert isinstance(one.values(), collections.abc.ValuesView)
    assert isinstance(one.items(), collections.abc.ItemsView)
    assert one.keys() == model.keys()
    assert one.items() == model.items()
    assert sorted(one.values()) == sorted(model.values())
    assert list(one.items()) == list(zip(one.keys(), one.values(), strict=True))
    assert (len(one.keys()), len(one.values()), len(one.items())) == (3, 3, 3)
    assert one.keys() & {"a", "z"} == {"a"}
    assert one.keys() | {"z"} == {"a", "b", "c", "z"}
    assert one.items() - {("a", 1)} == {("b", 2), ("c", 1)}
    assert ("a", 1) in one.items()
    assert ("a", 2) not in one.items()
    assert "a" in one.keys()
    assert 2 in one.values()
    assert 3 not in one.values()


def test_every_change_makes_a_version_and_leaves_the_old_one():
    one = Map(a=1)
    two = one.set("b", 2)
    three = two.set("a", 3)
    four = three.delete("b")
    five = four.update({"c": 4}, d=5)
    assert [dict(version) for version in (one, two, three, four, five)] == [
        {"a": 1},
        {"a": 1, "b": 2},
        {"a": 3, "b": 2},
        {"a": 3},
        {"a": 3, "c": 4, "d": 5},
    ]


def test_what_changes_nothing_is_the_same_object():
    value = [1]
    one = Map(a=value)
    assert Map(one) is one
    assert one.set("a", value) is one
    assert one.set("a", [1]) is not one
    assert one.discard("b") is one
    assert one.update({}) is one
    assert one | {} is one
    assert copy.copy(one) is one
    assert Map(one, b=2) == {"a": [1], "b": 2}


def test_a_key_that_is_there_stays_the_object_that_it_is():
    for change in (lambda one: one.set(True, "new"), lambda one: one.update({1.0: "new"}), lambda one: one | {True: "new"}):
        changed = change(Map({1: "old"}))
        assert dict(changed) == {1: "new"}
        assert type(next(iter(changed))) is int


def test_merging():
    one = Map(a=1, b=2)
    assert one | {"b": 3} == {"a": 1, "b": 3}
    assert one | Map(b=3, c=4) == {"a": 1, "b": 3, "c": 4}
    assert {"b": 3, "c": 4} | one == {"a": 1, "b": 2, "c": 4}
    assert isinstance({"b": 3} | one, Map)
    for wrong in (3, [("a", 1)], None):
        with pytest.raises(TypeError):
            one | wrong
        with pytest.raises(TypeError):
            wrong | one


def test_argument_counts_are_checked():
    one = Map(a=1)
    for call in (
        one.get,
        lambda: one.get(1, 2, 3),
        lambda: one.set(1),
        lambda: one.set(1, 2, 3),
        one.delete,
        lambda: Map({}, {}),
        one.mutate().pop,
        lambda: one.mutate().get(1, 2, 3),
        lambda: one.diff({}),
        one.diff,
        MapDraft,
    ):
        with pytest.raises(TypeError):
            call()


def test_iteration_holds_its_version():
    one = Map((number, str(number)) for number in range(1000))
    iterator = iter(one.items())
    seen = [next(iterator) for _ in range(500)]
    assert iterator.__length_hint__() == 500
    for number in range(1000):
        one = one.delete(number)
    assert not one
    seen += list(iterator)
    assert dict(seen) == {number: str(number) for number in range(1000)}
    assert list(iterator) == []
    assert iterator.__length_hint__() == 0


def test_one_hundred_thousand_entries():
    model = {f"schlüssel-{number}": number for number in range(100_000)}
    one = Map(model)
    assert len(one) == len(model)
    assert all(one[key] == value for key, value in model.items())
    assert dict(one) == model
    half = one
    for number in range(0, 100_000, 2):
        half = half.delete(f"schlüssel-{number}")
        model.pop(f"schlüssel-{number}")
    assert dict(half) == model
    assert len(one) == 100_000
    assert len(half.diff(one).added) == 50_000


def test_texts_of_every_kind_are_keys():
    texts = ["", "a", "ä", "日本語", "\U0001f600", "\0", "a\0b", "\ud800", "x" * 10_000]
    one = Map(zip(texts, range(len(texts)), strict=True))
    assert [one["".join(list(text))] for text in texts] == list(range(len(texts)))


def test_a_call_hashes_and_compares_as_rarely_as_that_of_a_dict():
    asked = []
    one = Map((key, key.name) for key in [Key(number, number) for number in range(100)])
    Key.on_hash = lambda: asked.append("hash")
    Key.on_eq = lambda: asked.append("eq")
    draft = one.mutate()
    for call in (
        lambda key: one[key],
        lambda key: one.get(key),
        lambda key: key in one,
        lambda key: one.set(key, None),
        lambda key: one.delete(key),
        lambda key: draft.__setitem__(key, None),
        lambda key: draft.pop(key),
    ):
        asked.clear()
        call(Key(50, 50))
        assert asked == ["hash", "eq"]
    asked.clear()
    assert one | one == one
    assert asked == []


# Drafts.


def test_a_draft_is_a_mutable_mapping_until_it_is_finished():
    one = Map(a=1, b=2)
    with one.mutate() as draft:
        draft["c"] = 3
        draft["a"] = 10
        del draft["b"]
        assert (len(draft), draft["a"], draft.get("b"), draft.get("b", 5), "c" in draft) == (2, 10, None, 5, True)
        assert draft.pop("c") == 3
        assert draft.pop("c", "none") == "none"
        draft.update([("x", 1)], y=2)
        with pytest.raises(KeyError):
            del draft["b"]
        with pytest.raises(KeyError):
            draft["b"]
    made = draft.finish()
    assert made == {"a": 10, "x": 1, "y": 2}
    assert draft.finish() is made
    assert one == {"a": 1, "b": 2}


def test_a_finished_draft_is_of_no_more_use():
    draft = Map(a=1).mutate()
    made = draft.finish()
    for use in (
        lambda: draft.__setitem__("b", 1),
        lambda: draft.__delitem__("a"),
        lambda: draft["a"],
        lambda: "a" in draft,
        lambda: len(draft),
        lambda: draft.get("a"),
        lambda: draft.pop("a"),
        lambda: draft.update({}),
        draft.__enter__,
    ):
        with pytest.raises(ValueError, match="finished"):
            use()
    assert made == {"a": 1}


def test_a_block_that_raises_finishes_its_draft_and_lets_the_error_out():
    with pytest.raises(ZeroDivisionError):
        with Map(a=1).mutate() as draft:
            draft["b"] = 1 / 0
    with pytest.raises(ValueError):
        draft["b"] = 1
    assert draft.finish() == {"a": 1}


def test_drafts_of_one_map_do_not_see_each_other():
    one = Map(zip(range(100), range(100), strict=True))
    drafts = [one.mutate() for _ in range(4)]
    for number in range(200):
        drafts[number % 4][number] = -number
    made = [draft.finish() for draft in drafts]
    for index, version in enumerate(made):
        assert version == {**one, **{number: -number for number in range(index, 200, 4)}}


def test_an_update_that_fails_keeps_what_came_before_as_a_dict_does():
    model = {}
    draft = Map().mutate()
    pairs = [("a", 1), ("b", 2), ([], 3), ("d", 4)]
    for target in (model, draft):
        with pytest.raises(TypeError):
            target.update(pairs)
    assert draft.finish() == model == {"a": 1, "b": 2}


# Equality, hash, diff, text, copies.


def test_equality_does_not_depend_on_order_or_history():
    keys = colliding(50)
    forward, backward = Map(), Map()
    for key in keys:
        forward = forward.set(key, key.name)
    for key in reversed(keys):
        backward = backward.set(key, key.name)
    assert forward == backward == {key: key.name for key in keys}
    assert not forward != backward
    assert hash(forward) == hash(backward) == hash(frozenset(forward.items()))
    assert forward != backward.set(keys[0], None)
    assert forward != backward.delete(keys[0])
    assert forward.set(Key("more"), 1).delete(Key("more")) == forward
    assert Map() == Map() == {}
    assert Map(a=1) != {"a": 2}
    assert Map(a=1) != {"b": 1}
    assert Map(a=1) != [("a", 1)]
    assert (Map(a=1) == 1) is False
    with pytest.raises(TypeError):
        Map(a=1) < Map(a=2)  # noqa: B015


def test_equality_takes_the_same_object_as_equal_as_dict_does():
    nan = float("nan")
    assert Map(a=nan) == Map(a=nan)
    assert Map({nan: 1})[nan] == 1
    assert Map(a=nan) != Map(a=float("nan"))


def test_equality_of_versions_looks_only_at_what_differs():
    compared = []
    keys = [Key(name, hashed=hash(name)) for name in range(10_000)]
    one = Map((key, [key.name]) for key in keys)
    two = one.set(keys[5], [5])
    Key.on_eq = lambda: compared.append(1)
    assert one == two
    assert two.diff(one) == ({}, {}, {})
    assert len(compared) < 100


def test_unhashable_values_make_an_unhashable_map():
    with pytest.raises(TypeError, match="unhashable"):
        hash(Map(a=[]))
    assert hash(Map(a=())) == hash(Map(a=()))
    assert {Map(a=1): 2}[Map(a=1)] == 2
    assert Map({Map(a=1): Map(b=2)})[Map(a=1)]["b"] == 2


@pytest.mark.parametrize("rebuilt", [False, True])
def test_diff_tells_what_was_added_removed_and_changed(rebuilt):
    before = Map({"same": 1, "gone": 2, "changed": 3})
    after = before.delete("gone").set("new", 4).set("changed", 5)
    if rebuilt:  # no shared structure
        after = Map(dict(after))
    found = before.diff(after)
    assert found == ({"new": 4}, {"gone": 2}, {"changed": (3, 5)})
    assert (found.added, found.removed, found.changed) == tuple(found)
    assert after.diff(before) == ({"gone": 2}, {"new": 4}, {"changed": (5, 3)})
    assert before.diff(before) == ({}, {}, {})


def test_text_of_a_map():
    assert repr(Map()) == "Map({})"
    assert repr(Map(a="x")) == "Map({'a': 'x'})"
    inside = []
    one = Map(a=inside)
    inside.append(one)
    assert repr(one) == "Map({'a': [Map({...})]})"
    inside.clear()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling(protocol):
    one = Map({"a": [1], ("b", 2): Map(c=3), None: "ä"})
    loaded = pickle.loads(pickle.dumps(one, protocol))
    assert type(loaded) is Map
    assert loaded == one
    assert pickle.loads(pickle.dumps(Map(), protocol)) == Map()


def test_deep_copies():
    one = Map(a=[1, [2]])
    other = copy.deepcopy(one)
    assert other == one
    assert other["a"] is not one["a"]
    assert other["a"][1] is not one["a"][1]


def test_types_for_annotations():
    assert Map[str, int].__args__ == (str, int)
    assert Map[str, int](a=1) == {"a": 1}
    assert MapDraft[str, int].__origin__ is MapDraft
    assert omendb.Map is Map
    assert Map.__module__ == "omendb"


# Keys that collide, raise, or interfere.


def test_keys_with_one_hash():
    model = {}
    one = Map()
    for key in colliding(64):
        model[key] = key.name
        one = one.set(Key(key.name, key.hashed), key.name)
    assert one == model
    for key in list(model)[::2]:
        del model[key]
        one = one.delete(Key(key.name, key.hashed))
    assert one == model
    assert one.get(Key("none")) is None


class Oops(Exception):
    pass


class RaiseAt:
    """Raises at the n-th call."""

    def __init__(self, nth):
        self.left = nth
        self.raised = None

    def __call__(self):
        self.left -= 1
        if self.left == 0:
            self.raised = Oops()
            raise self.raised


def raises_at_every(point, change, state):
    """Runs change() with the n-th hash or comparison raising, for every n, and checks that state() stays as it was."""
    before = state()
    for nth in range(1, 10_000):
        raiser = RaiseAt(nth)
        setattr(Key, point, raiser)
        try:
            change()
        except Oops as error:
            assert error is raiser.raised
        finally:
            setattr(Key, point, None)
        if raiser.raised is None:
            return nth - 1
        assert state() == before
    raise AssertionError("never ended")


@pytest.mark.parametrize("point", ["on_hash", "on_eq"])
@pytest.mark.parametrize(
    "change",
    [
        lambda one, key: one[key],
        lambda one, key: key in one,
        lambda one, key: one.get(key),
        lambda one, key: one.set(key, 2),
        lambda one, key: one.set(Key("new", key.hashed), 2),
        lambda one, key: one.delete(key),
        lambda one, key: one.discard(Key("new", key.hashed)),
        lambda one, key: one.update({key: 1, Key("new", key.hashed): 2}),
        lambda one, key: one.update([(key, 1), (Key("new", key.hashed), 2)]),
        lambda one, key: one | Map([(key, 1)]),
    ],
)
def test_a_hash_or_comparison_that_raises_changes_nothing(point, change):
    keys = colliding(12)
    one = Map((key, key.name) for key in keys)
    counts = [sys.getrefcount(key) for key in keys]
    asked = Key(5, keys[5].hashed)
    assert raises_at_every(point, lambda: change(one, asked), lambda: [(id(key), value) for key, value in one.items()]) > 0
    gc.collect()  # the errors hold frames, and frames keys
    assert [sys.getrefcount(key) for key in keys] == counts


@pytest.mark.parametrize("point", ["on_hash", "on_eq"])
def test_a_draft_stays_as_it_was_when_a_key_raises(point):
    keys = colliding(12)
    one = Map((key, key.name) for key in keys)
    asked = Key(5, keys[5].hashed)
    for change in (
        lambda draft: draft.__setitem__(asked, 2),
        lambda draft: draft.__setitem__(Key("new", asked.hashed), 2),
        lambda draft: draft.__delitem__(asked),
        lambda draft: draft.pop(asked),
        lambda draft: draft[asked],
    ):
        for nth in range(1, 100):
            draft = one.mutate()
            draft[Key("more", 0)] = 1
            setattr(Key, point, RaiseAt(nth))
            try:
                change(draft)
                break
            except Oops:
                pass
            finally:
                setattr(Key, point, None)
            assert draft.finish() == one.set(Key("more", 0), 1)
        assert nth > 1


@pytest.mark.parametrize("point", ["on_hash", "on_eq"])
def test_comparing_maps_lets_errors_out(point):
    one = Map((key, key.name) for key in colliding(6))
    two = Map((key, key.name) for key in colliding(6))
    for compare in (lambda: one == two, lambda: one != two, lambda: one.diff(two), lambda: one == dict(one)):
        raises_at_every(point, compare, lambda: len(one))


def test_a_value_that_can_not_be_compared_lets_its_error_out():
    class Incomparable:
        def __eq__(self, other):
            raise Oops

    one, two = Map(a=Incomparable()), Map(a=Incomparable())
    for compare in (lambda: one == two, lambda: one.diff(two), lambda: one == dict(two)):
        with pytest.raises(Oops):
            compare()


@pytest.mark.parametrize("point", ["on_hash", "on_eq"])
def test_a_source_that_fails_in_the_middle_changes_nothing(point):
    def failing():
        yield ("b", 2)
        raise Oops

    one = Map(a=1)
    with pytest.raises(Oops):
        one.update(failing())
    with pytest.raises(Oops):
        Map(failing())
    assert one == {"a": 1}

    class Liar(collections.abc.Mapping):
        def __getitem__(self, key):
            raise Oops

        def __iter__(self):
            return iter("ab")

        def __len__(self):
            return 2

    with pytest.raises(Oops):
        one.update(Liar())


def test_a_dict_that_changes_while_it_is_read_is_refused():
    source = {Key(number): number for number in range(4)}
    Key.on_eq = lambda: source.clear()
    with pytest.raises(RuntimeError):
        Map(source)


@pytest.mark.parametrize(
    "inner",
    [
        lambda draft, key: draft.__setitem__(key, 0),
        lambda draft, key: draft.__delitem__(key),
        lambda draft, key: draft.pop(key),
        lambda draft, key: draft.update([(key, 0)]),
        lambda draft, key: draft.finish(),
    ],
)
@pytest.mark.parametrize(
    "outer",
    [
        lambda draft, key: draft.__setitem__(key, 1),
        lambda draft, key: draft.__delitem__(key),
        lambda draft, key: draft.pop(key),
        lambda draft, key: draft.get(key),
        lambda draft, key: key in draft,
    ],
)
def test_a_draft_is_not_changed_by_the_comparison_of_its_own_keys(inner, outer):
    keys = colliding(12)
    draft = Map((key, key.name) for key in keys).mutate()
    refused = []

    def interfere():
        Key.on_eq = None
        with pytest.raises(RuntimeError):
            inner(draft, keys[1])
        refused.append(draft[keys[3]])  # reading is fine

    Key.on_eq = interfere
    outer(draft, Key(5, 1))
    assert refused == [3]
    assert len(draft.finish()) in (11, 12)


def test_a_key_may_do_anything_to_a_draft_while_it_is_hashed():
    draft = Map(a=1).mutate()

    def interfere():
        Key.on_hash = None
        draft["b"] = 2
        draft.finish()

    Key.on_hash = interfere
    with pytest.raises(ValueError):
        draft[Key("late")] = 1
    assert draft.finish() == {"a": 1, "b": 2}


def test_a_map_may_be_dropped_and_derived_while_its_keys_are_compared():
    holder = [Map((key, [key.name]) for key in colliding(12))]

    def interfere():
        Key.on_eq = None
        holder[0] = holder[0].set(Key(3), "other").discard(Key(7))
        gc.collect()

    Key.on_eq = interfere
    assert holder[0][Key(5)] == [5]
    assert holder[0][Key(3)] == "other"
    Key.on_eq = interfere
    assert len(holder[0].set(Key("new"), 1)) == 12


# References and garbage.


def churn(one, keys, value):
    """Uses every way in and out of a map."""
    two = one.set(keys[0], value).set(keys[1], value)
    three = two.update(dict.fromkeys(keys, value)).delete(keys[2]).discard(keys[3])
    with three.mutate() as draft:
        for key in keys:
            draft[key] = value
        draft.pop(keys[4])
        del draft[keys[5]]
    assert draft.finish().diff(one) is not None
    assert two != three
    assert list(three.items())
    assert repr(three)
    abandoned = one.mutate()
    abandoned.update({key: value for key in keys})


@pytest.mark.parametrize("make", [lambda: "".join(["not ", "interned"]), lambda: ["list"]], ids=["text", "container"])
def test_references_are_counted_exactly(make):
    value = make()
    keys = [Key(number, number % 5) for number in range(40)] + [f"key {number}" for number in range(40)]
    one = Map((key, value) for key in keys[::2])
    churn(one, keys, value)
    counts = [sys.getrefcount(thing) for thing in (*keys, value)]
    for _ in range(5):
        churn(one, keys, value)
    assert [sys.getrefcount(thing) for thing in (*keys, value)] == counts
    total = len(keys[::2])
    before = sys.getrefcount(value)
    del one
    assert sys.getrefcount(value) == before - total


def test_values_die_with_the_last_version_that_has_them():
    value, other = Thing(), Thing()
    watched, watched_other = weakref.ref(value), weakref.ref(other)
    one = Map(a=value)
    two = one.set("b", other)
    three = two.delete("a")
    del value, other
    assert watched() is not None
    del one
    assert watched() is not None
    del two
    assert watched() is None
    assert watched_other() is not None
    del three
    assert watched_other() is None


def test_a_draft_gives_up_what_is_replaced_at_once():
    first, second = Thing(), Thing()
    watched = [weakref.ref(first), weakref.ref(second)]
    draft = Map().mutate()
    draft["a"] = first
    draft["b"] = second
    del first, second
    draft["a"] = None
    assert watched[0]() is None
    del draft["b"]
    assert watched[1]() is None


def test_what_dies_may_use_the_draft_that_let_it_go():
    class Parting:
        def __del__(self):
            draft["parted"] = draft.get("parted", 0) + 1

    draft = Map().mutate()
    for _ in range(100):
        draft["a"] = Parting()
    draft.pop("a")
    draft.update(a=Parting(), b=Parting())
    del draft["a"]
    del draft["b"]
    assert draft.finish() == {"parted": 102}


def test_deep_maps_of_maps_die_without_recursion():
    one = Map()
    for _ in range(200_000):
        one = Map(inner=one)
    del one
    both = Map()
    for _ in range(50_000):
        both = Map(inner=[both])
    del both


def test_long_histories_die_without_recursion():
    versions = [Map()]
    for number in range(100_000):
        versions.append(versions[-1].set(number % 100, [number]))
    newest = versions[-1]
    versions.clear()
    assert len(newest) == 100
    del newest


def test_a_map_can_be_watched():
    one = Map(a=1)
    watched = weakref.ref(one)
    assert watched() is one
    del one
    assert watched() is None


def test_a_map_that_holds_itself_is_collected():
    for close in (lambda one: one, lambda one: one.set("b", 1), lambda one: iter(one), lambda one: one.items(), lambda one: one.mutate()):
        thing = Thing()
        watched = weakref.ref(thing)
        inside = [thing]
        inside.append(close(Map(a=inside)))
        del thing, inside
        assert collected(watched)


def test_a_key_can_close_the_cycle():
    key = Thing()
    watched = weakref.ref(key)
    key.map = Map({key: 1})
    del key
    assert collected(watched)


def test_a_draft_that_holds_itself_is_collected():
    thing = Thing()
    watched = weakref.ref(thing)
    draft = Map(thing=thing).mutate()
    draft["draft"] = draft
    del thing, draft
    assert collected(watched)
    thing = Thing()
    watched = weakref.ref(thing)
    draft = Map(thing=thing).mutate()
    draft["draft"] = draft
    draft.finish()
    del thing, draft
    assert collected(watched)


def test_several_versions_in_one_cycle_are_collected():
    thing = Thing()
    watched = weakref.ref(thing)
    thing.versions = [Map(thing=thing)]
    for number in range(50):
        thing.versions.append(thing.versions[-1 - number % 3].set(number, [number, thing]))
    del thing
    assert collected(watched)


def test_a_context_is_collected_while_the_map_it_was_made_from_lives():
    base = Map({number: [number] for number in range(100)})
    kept = base.set("kept", [1])
    for steps in (1, 2, 5):
        request = Thing()
        watched = weakref.ref(request)
        context = base.set("request", request)
        for number in range(steps):
            context = context.set(("step", number), [number])
        request.context = context
        del request, context
        assert collected(watched)
    assert base[5] == [5]
    assert kept["kept"] == [1]


def test_what_a_live_version_shares_with_garbage_stays():
    value, late = [1], [2]
    base = Map(value=value)
    kept = []
    for round in range(3):
        thing = Thing()
        thing.map = base.set("thing", thing)
        thing.others = [thing.map.set(number, [number]) for number in range(10)]
        base = base.set(round, late)
        kept.append(base)
        watched = weakref.ref(thing)
        del thing
        assert collected(watched)
    assert kept == [{"value": [1], **{number: [2] for number in range(count)}} for count in (1, 2, 3)]
    assert kept[0]["value"] is value
    assert kept[2][0] is late


def test_a_cycle_through_a_deleted_value_is_collected_with_the_versions_made_from_it():
    thing = Thing()
    watched = weakref.ref(thing)
    thing.map = Map(thing=thing, other=[1])
    later = thing.map.delete("thing")
    del thing
    gc.collect()
    assert later == {"other": [1]}
    del later
    assert collected(watched)


def shown_by(holder):
    """What an object and the internal ones below it show to the collector, each as often as it is shown."""
    found, waiting, seen = [], [holder], set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        for referent in gc.get_referents(thing):
            if type(referent).__name__ == "MapShare":
                waiting.append(referent)
            found.append(referent)
    return found


@pytest.mark.parametrize("seed", range(8))
def test_every_reference_is_shown_to_the_collector_once(seed):
    random = Random(seed)
    values = [[number] for number in range(200)]
    versions = [Map()]
    drafts = []
    for value in values:
        choice = random.random()
        one = random.choice(versions)
        key = random.randrange(20)
        if choice < 0.6:
            versions.append(one.set(key, value))
        elif choice < 0.7:
            versions.append(one.discard(key))
        elif choice < 0.8:
            drafts.append(one.mutate())
            drafts[-1].update({key: value, key + 1: value})
        elif choice < 0.9 and drafts:
            versions.append(drafts.pop(random.randrange(len(drafts))).finish())
        while len(versions) > 12:
            versions.pop(random.randrange(len(versions)))
    del value, one
    holders = [thing for thing in gc.get_objects() if type(thing).__name__ in ("Map", "MapDraft", "MapShare")]
    counted = collections.Counter(id(shown) for holder in holders for shown in gc.get_referents(holder))
    references = [sys.getrefcount(value) - 3 for value in values]  # without the list, the loop and the call that counts
    assert [counted[id(value)] for value in values] == references
    assert sum(references) > 10
    for version in versions:
        shown = {id(thing) for thing in shown_by(version)}
        assert all(id(held) in shown for held in version.values())


def test_versions_that_come_and_go_leave_no_shares_behind():
    def shares():
        gc.collect()
        return sum(type(thing).__name__ == "MapShare" for thing in gc.get_objects())

    before = shares()
    one = Map(start=[0])
    window = []
    for number in range(2000):
        one = one.set(number % 7, [number])
        window = [*window[-4:], one]  # a few snapshots, each for a while
    assert shares() - before < 64
    del one, window
    assert shares() == before


def test_threads_share_versions():
    base = Map((number, [number]) for number in range(1000))
    failures = []

    def work(seed):
        try:
            one = base
            model = dict(base)
            for step in range(2000):
                key = (step * 7919 + seed) % 1500
                if step % 3:
                    one = one.set(key, step)
                    model[key] = step
                else:
                    one = one.discard(key)
                    model.pop(key, None)
            assert one == model
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not failures
    assert len(base) == 1000


# Branching histories against dict.

KEYS = (
    st.integers(-3, 40)
    | st.text(alphabet="abä\0", max_size=2)
    | st.integers(0, 9).map(lambda name: Key(name, (0, 1, 2**60, -(2**61))[name % 4]))
    | st.sampled_from([None, True, 1.0, (1, 2), frozenset({1})])
)
VALUES = st.integers(0, 3) | st.lists(st.integers(0, 1), max_size=1)
PAIRS = st.lists(st.tuples(KEYS, VALUES), max_size=12)


class MapAgainstDict(RuleBasedStateMachine):
    """Every version ever made is kept with its dict, unless it is dropped."""

    versions = Bundle("versions")

    @rule(target=versions, pairs=PAIRS)
    def start(self, pairs):
        return Map(pairs), dict(pairs)

    @rule(target=versions, version=versions, key=KEYS, value=VALUES)
    def set(self, version, key, value):
        one, model = version
        return one.set(key, value), {**model, key: value}

    @rule(target=versions, version=versions, key=KEYS, data=st.data())
    def remove(self, version, key, data):
        one, model = version
        if model and data.draw(st.booleans()):
            key = data.draw(st.sampled_from(list(model)))
        rest = {other: value for other, value in model.items() if other != key}
        if key in model:
            return one.delete(key), rest
        with pytest.raises(KeyError):
            one.delete(key)
        return one.discard(key), rest

    @rule(target=versions, version=versions, other=versions)
    def merge(self, version, other):
        return version[0] | other[0], version[1] | other[1]

    @rule(target=versions, version=versions, pairs=PAIRS, removed=st.lists(KEYS, max_size=6))
    def mutate(self, version, pairs, removed):
        one, model = version
        model = dict(model)
        with one.mutate() as draft:
            for key, value in pairs:
                draft[key] = model[key] = value
            for key in removed:
                assert draft.pop(key, None) == model.pop(key, None)
            assert len(draft) == len(model)
        return draft.finish(), model

    @rule(version=consumes(versions))
    def drop(self, version):
        del version

    @rule(version=versions, key=KEYS)
    def look(self, version, key):
        one, model = version
        assert one.get(key, "none") == model.get(key, "none")
        assert (key in one) == (key in model)

    @rule(version=versions)
    def agree(self, version):
        one, model = version
        assert len(one) == len(model)
        assert dict(one.items()) == model
        assert dict(zip(one, one.values(), strict=True)) == model
        assert one == model
        assert one == Map(model)
        assert pickle.loads(pickle.dumps(one)) == one

    @rule(before=versions, after=versions)
    def differ(self, before, after):
        (one, old), (two, new) = before, after
        assert (one == two) == (old == new)
        assert one.diff(two) == (
            {key: value for key, value in new.items() if key not in old},
            {key: value for key, value in old.items() if key not in new},
            {key: (value, new[key]) for key, value in old.items() if key in new and new[key] != value},
        )


TestMapAgainstDict = MapAgainstDict.TestCase
