"""Names of all oracles, for layers and for graphs."""

from verifier.oracles import ORACLES
from verifier.oracles.graph_oracles import GRAPH_ORACLES

ARBITER = "high_precision"  # in both tables; resolves contradictions between oracles


def all_names() -> list[str]:
    """Return every name once, those of the layer oracles first."""
    return list(dict.fromkeys([*ORACLES, *GRAPH_ORACLES]))


def is_of_graphs(name: str) -> bool:
    """True if a graph oracle has that name."""
    return name in GRAPH_ORACLES
