"""Somebody else's reverse mode over graphs, right or with one mistake: numpy and textbook formulas alone."""
