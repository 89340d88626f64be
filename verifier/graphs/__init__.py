"""Computation graphs as problems: any directed acyclic graph of operations with one number at its end."""
