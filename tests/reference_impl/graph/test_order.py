import pytest

from reference_impl.graph import CycleError, GraphError, topological_order
from reference_impl.graph.order import reachable

DIAMOND = {"z": ["left", "right"], "left": ["x"], "right": ["x"], "x": []}


def test_operands_come_first_from_left_to_right_and_each_once():
    assert topological_order(["z"], DIAMOND.__getitem__) == ["x", "left", "right", "z"]


def test_several_outputs_share_what_they_have_in_common():
    assert topological_order(["right", "z", "right"], DIAMOND.__getitem__) == ["x", "right", "left", "z"]


def test_an_operand_used_twice_by_one_node_is_no_cycle():
    assert topological_order(["square"], {"square": ["x", "x"], "x": []}.__getitem__) == ["x", "square"]


@pytest.mark.parametrize("length", [10_000, pytest.param(200_000, marks=pytest.mark.nightly)])
def test_a_long_chain_meets_no_recursion_limit(length):
    order = topological_order([length], lambda node: [node - 1] if node else [])
    assert order == list(range(length + 1))


CYCLES = [
    # predecessors, outputs, the cycle as reported: each node feeds the next
    ({"a": ["c"], "b": ["a"], "c": ["b"]}, ["a"], "a -> b -> c -> a"),
    ({"a": ["a"]}, ["a"], "a -> a"),
    ({"loss": ["h"], "h": ["x", "g"], "g": ["h"], "x": []}, ["loss"], "h -> g -> h"),
    ({"safe": ["x"], "x": [], "p": ["q"], "q": ["p", "x"]}, ["safe", "p"], "p -> q -> p"),
]


@pytest.mark.parametrize(("operands", "outputs", "cycle"), CYCLES, ids=[row[2] for row in CYCLES])
def test_a_cycle_is_named_node_by_node_with_the_remedy(operands, outputs, cycle):
    with pytest.raises(CycleError, match=f"has a cycle, {cycle}: .*; remove one of these connections"):
        topological_order(outputs, operands.__getitem__)


def test_a_cycle_error_is_a_value_error_of_the_graph():
    assert issubclass(CycleError, GraphError)
    assert issubclass(CycleError, ValueError)


def test_nodes_are_called_in_messages_what_the_caller_calls_them():
    with pytest.raises(CycleError, match="node 1 -> node 2 -> node 1"):
        topological_order([1], {1: [2], 2: [1]}.__getitem__, name_of="node {}".format)


def test_what_is_reachable_can_be_listed_in_spite_of_a_cycle():
    assert reachable(["a"], {"a": ["b", "x"], "b": ["a"], "x": []}.__getitem__) == ["b", "x", "a"]
