"""Numerical knowledge about the activations and losses of the reference, in tables keyed by their names."""
