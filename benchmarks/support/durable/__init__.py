"""Processes, databases and submissions of `benchmarks.durability`."""
