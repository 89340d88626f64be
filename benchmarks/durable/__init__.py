"""Processes, databases and submissions that `benchmarks.durability` kills and counts."""
