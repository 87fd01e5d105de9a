"""hamt::map and omendb.Map beside other maps. `make bench-hamt` runs `python -m bench.hamt.compare`."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench" / "results"
