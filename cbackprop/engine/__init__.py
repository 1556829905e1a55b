"""Compiled: imports nothing from above. `run` is the only door."""
