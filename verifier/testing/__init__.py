"""Tools for tests: pytest plugin, Hypothesis strategies, checks of backward passes and operations."""
