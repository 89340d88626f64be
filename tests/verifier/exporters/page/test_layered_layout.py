"""Where boxes stand: to the right of what they are made of, apart, in an order in which few arcs cross."""

from functools import cache
from itertools import combinations, pairwise

from tests.pairwise import each
from verifier.exporters.page.layered_layout import Layout, compute_layout
from verifier.testing.random_graphs import seeded_graph

GRAPHS: dict[str, dict[str, list[str]]] = {
    "one node": {"a": []},
    "a chain": {"a": [], "b": ["a"], "c": ["b"]},
    "a square": {"x": [], "y": ["x", "x"]},
    "a diamond": {"x": [], "l": ["x"], "r": ["x"], "z": ["l", "r"]},
    "a skip": {"x": [], "a": ["x"], "b": ["a"], "z": ["b", "x"]},
    "two inputs in each other's order": {"p": [], "q": [], "a": ["q"], "b": ["p"], "z": ["a", "b"]},
    "a node that leads nowhere": {"x": [], "z": ["x"], "u": ["x"], "w": ["u"], "v": ["w"]},
    "nothing that is used": {"x": [], "unused": [], "z": ["x"]},
}


def output_node(operands: dict[str, list[str]]) -> str:
    return "z" if "z" in operands else list(operands)[-1]


def crossings(operands: dict[str, list[str]], layout: Layout) -> int:
    """Count crossings of arcs as they are led, column by column."""
    steps: dict[int, set[tuple[float, float]]] = {}
    for (start, end), route in layout.routes.items():
        heights = [layout.height[start], *route, layout.height[end]]
        for at, pair in enumerate(pairwise(heights), layout.column[start]):
            steps.setdefault(at, set()).add(pair)
    return sum((a - c) * (b - d) < 0 for pairs in steps.values() for (a, b), (c, d) in combinations(pairs, 2))


def operands_of_random_graph(seed: int, most: int) -> dict[str, list[str]]:
    document = seeded_graph(seed, most)
    operands: dict[str, list[str]] = {name: [] for name in (*document["inputs"], *document["parameters"])}
    nodes = document["network"]["nodes"]  # numbers among operands are no boxes
    return operands | {
        node["name"]: [operand for operand in node["args"] if isinstance(operand, str)] for node in nodes
    }


@cache
def all_graphs() -> dict[str, dict[str, list[str]]]:
    return GRAPHS | {f"random, seed {seed}": operands_of_random_graph(seed, most=60) for seed in range(20)}


@each([*GRAPHS, *(f"random, seed {seed}" for seed in range(20))])
def test_boxes_stand_right_of_their_operands_and_apart_from_each_other(name: str) -> None:
    operands = all_graphs()[name]
    layout = compute_layout(operands, output_node(operands))
    assert layout.column.keys() == layout.height.keys() == operands.keys()
    for node, names in operands.items():
        for operand in names:
            assert layout.column[operand] < layout.column[node]
            between = layout.column[node] - layout.column[operand] - 1
            assert len(layout.routes[operand, node]) == between
    by_column: dict[int, list[float]] = {}
    for node, column in layout.column.items():
        by_column.setdefault(column, []).append(layout.height[node])
    for heights in by_column.values():
        gaps = [high - low for low, high in zip(sorted(heights), sorted(heights)[1:], strict=False)]
        assert all(gap > 1 - 1e-9 for gap in gaps)
    assert set(by_column) == set(range(layout.columns))


@each(GRAPHS)
def test_arcs_of_a_small_graph_do_not_cross(name: str) -> None:
    assert crossings(GRAPHS[name], compute_layout(GRAPHS[name], output_node(GRAPHS[name]))) == 0


def test_what_is_given_stands_right_before_what_uses_it_first() -> None:
    layout = compute_layout({"x": [], "a": ["x"], "b": ["a"], "w": [], "z": ["b", "w"]}, "z")
    assert layout.column["w"] == layout.column["z"] - 1


def test_an_arc_passes_boxes_at_a_distance() -> None:
    operands = all_graphs()["random, seed 3"]
    layout = compute_layout(operands, output_node(operands), passing=0.3)
    for (start, _), route in layout.routes.items():
        for at, height in enumerate(route, layout.column[start] + 1):
            boxes = [layout.height[node] for node, column in layout.column.items() if column == at]
            assert all(abs(height - box) > 0.65 - 1e-9 for box in boxes)


def test_a_chain_is_drawn_straight() -> None:
    layout = compute_layout({"a": [], "b": ["a"], "c": ["b"], "d": ["c"]}, "d")
    assert len(set(layout.height.values())) == 1
