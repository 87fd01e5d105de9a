"""The command `omen`: OmenDB for people and for shell scripts. Sees only the public Python package `omendb`."""
