"""Graphs drawn: a row of steps, whoever draws them, grown into a document of a valid graph."""
