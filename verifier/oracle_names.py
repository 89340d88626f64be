"""The names of all oracles, of layers and of graphs; those of graphs are read when first asked for."""

from verifier.oracles import ORACLES

JUDGE = "high_precision"  # of both tables; settles what other oracles dispute


def all_names() -> list[str]:
    """Give every name once, those of layers first."""
    from verifier.graphs.oracles import GRAPH_ORACLES  # with every operation; layers need none

    return list(dict.fromkeys([*ORACLES, *GRAPH_ORACLES]))


def is_of_graphs(name: str) -> bool:
    """Say whether an oracle of graphs has that name."""
    from verifier.graphs.oracles import GRAPH_ORACLES

    return name in GRAPH_ORACLES
