import pytest

from reference_impl.graph import (
    Constant,
    DuplicateNameError,
    Exp,
    Input,
    LogSoftmax,
    Multiply,
    StaticGraph,
    UnknownNodeError,
    WeightedLog1p,
)
from reference_impl.graph.naming import NameTable


def test_nodes_without_a_name_are_numbered_by_kind_as_they_are_computed():
    x = Input("x")
    graph = StaticGraph((x * x) * (x * 2.0))
    assert [node.name for node in graph.order] == [
        "x",
        "multiply_1",
        "constant_1",
        "multiply_2",
        "multiply_3",
    ]


@pytest.mark.parametrize(
    ("node", "kind"), [(LogSoftmax(), "log_softmax"), (WeightedLog1p(1.0), "weighted_log1p")]
)
def test_a_kind_is_the_class_in_words(node, kind):
    assert node.kind == node.name == kind


def test_the_same_program_gives_the_same_names():
    def names():
        x = Input("x")
        return [node.name for node in StaticGraph(Exp()(x) + x * 3.0).order]

    assert names() == names()


def test_a_number_never_takes_a_name_that_was_given():
    first, second = Constant(1.0), Constant(2.0, "constant_1")
    NameTable([first, second])
    assert (first.name, second.name) == ("constant_2", "constant_1")


def test_a_node_keeps_its_number_in_a_second_graph_unless_it_is_taken():
    x = Input("x")
    shared, other = Exp()(x), Exp()(x)
    StaticGraph(shared)
    first = StaticGraph(other)
    assert shared.name == other.name == "exp_1"
    StaticGraph(Multiply()(shared, other))
    assert (shared.name, other.name) == ("exp_1", "exp_2")
    assert first.node(other) is first.node("exp_1") is other


def test_names_given_twice_are_all_reported_at_once():
    output = Input("a") * Input("b") + Input("a") * Input("b") + Input("c")
    with pytest.raises(
        DuplicateNameError, match=r"several nodes are called 'a', 'b', .*: rename all but one"
    ):
        StaticGraph(output)


def test_a_name_that_is_not_there_is_answered_with_a_few_that_are():
    table = NameTable([Constant(1.0) for _ in range(1000)])
    with pytest.raises(UnknownNodeError, match=r"one of constant_1, .*, constant_10 and 990 more$"):
        table.find("constant_0")
