"""How work runs: on how many threads, in which portions, over all rows of some data."""
