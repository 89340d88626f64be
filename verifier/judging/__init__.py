"""Verdicts: consensus of oracles, comparison, warnings, and a cache of problems."""
