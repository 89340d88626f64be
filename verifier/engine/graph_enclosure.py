"""Kept for the imports of `verifier/pipeline/graphs.py`; the enclosure is in `enclosure.py`."""

from verifier.engine.enclosure import enclosed_graph

__all__ = ["enclosed_graph"]
