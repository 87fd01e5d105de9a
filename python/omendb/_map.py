"""The persistent map: what of it is written in Python. Map and MapDraft themselves are types of the extension; their types
for checkers stand in `_map.pyi`.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Generic, NamedTuple, TypeVar

from ._omendb import Map, MapDraft

K = TypeVar("K")
V = TypeVar("V")

Mapping.register(Map)


class MapDiff(NamedTuple, Generic[K, V]):
    """What differs from one Map to another: the entries that only the other has, those that it lacks, and for keys whose
    values differ both of them, the older one first.
    """

    added: dict[K, V]
    removed: dict[K, V]
    changed: dict[K, tuple[V, V]]


class MapKeys(KeysView[Any]):
    """The keys of a Map: a set."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._mapping)


class MapValues(ValuesView[Any]):
    """The values of a Map."""

    __slots__ = ()

    def __contains__(self, value: object) -> bool:
        return any(found is value or found == value for found in self)

    def __iter__(self) -> Iterator[Any]:
        return self._mapping._iterate_values()


class MapItems(ItemsView[Any, Any]):
    """The (key, value) pairs of a Map: a set where the values are hashable."""

    __slots__ = ()

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return self._mapping._iterate_items()
