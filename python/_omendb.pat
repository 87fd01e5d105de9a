# What nanobind's stub generator can not know: Map and MapDraft are generic types whose stub is written by hand.
_omendb.__suffix__:
    from ._map import Map as Map, MapDraft as MapDraft
