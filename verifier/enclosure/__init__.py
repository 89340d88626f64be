"""Midpoint–radius arithmetic, and the gradient enclosed in it."""
