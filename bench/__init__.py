"""Measurements of OmenDB beside other libraries. `make bench` runs `python -m bench.compare`."""
