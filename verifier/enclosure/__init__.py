"""Midpoint-radius interval arithmetic, and gradients enclosed in it."""
