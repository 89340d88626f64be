import threading

import numpy as np
import pytest

from reference_impl.graph import (
    Add,
    DuplicateNameError,
    DynamicGraph,
    Exp,
    Input,
    Multiply,
    NotRunError,
    NotScalarError,
    Parameter,
    StaticGraph,
    Sum,
    UnknownNodeError,
    WiringError,
)


def test_an_operation_is_computed_the_moment_it_is_called():
    with DynamicGraph() as graph:
        product = Multiply()(graph.input(2.0, "x"), 3.0)
        assert product.value == 6.0
    graph.backward(product)
    assert graph.gradient("x") == 3.0


def test_the_record_is_a_topological_order_with_names():
    with DynamicGraph() as graph:
        x = graph.input(2.0, "x")
        _ = Exp()(x) * x + x
    assert [node.name for node in graph.order] == ["x", "exp_1", "multiply_1", "add_1"]


@pytest.mark.parametrize(("start", "doublings"), [(1.0, 7), (30.0, 2), (500.0, 0)])
def test_the_number_of_steps_may_depend_on_the_values(start, doublings):
    with DynamicGraph() as graph:
        y = x = graph.input(start)
        while y.value < 100.0:
            y = y * 2.0
    graph.backward(y)
    assert graph.gradient(x) == 2.0**doublings


def test_only_the_branch_that_was_taken_is_recorded():
    with DynamicGraph() as graph:
        x, unused = graph.input(-3.0, "x"), graph.input([1.0, 2.0], "unused")
        y = x * x if x.value < 0 else x * unused
    graph.backward(y)
    assert graph.gradient("x") == -6.0
    np.testing.assert_array_equal(graph.gradient("unused"), [0.0, 0.0])


def test_a_parameter_that_was_never_used_has_a_gradient_of_zeros():
    never = Parameter([1.0, 2.0])
    with DynamicGraph() as graph:
        y = graph.input(1.0) * 2.0
    graph.backward(y)
    np.testing.assert_array_equal(graph.gradient(never), [0.0, 0.0])


def test_going_backward_from_another_output_forgets_the_gradients_before():
    with DynamicGraph() as graph:
        x = graph.input(3.0)
        square, cube = x**2, x**3
    graph.backward(square)
    graph.backward(cube)
    assert graph.gradient(x) == 27.0
    assert graph.gradient(square) == square.grad == 0.0


def test_one_graph_a_step_trains_a_parameter_without_leftovers():
    weight = Parameter(1.0, "weight")
    for _ in range(60):
        with DynamicGraph() as graph:
            loss = (weight * 2.0 - 6.0) ** 2
        graph.backward(loss)
        weight.assign(weight.value - 0.1 * graph.gradient(weight))
    assert weight.value == pytest.approx(3.0, rel=1e-12)


def test_what_another_graph_recorded_may_be_used_again_with_its_history():
    with DynamicGraph() as first:
        x = first.input(2.0, "x")
        square = x * x
    with DynamicGraph() as second:
        output = square * 5.0
    second.backward(output)
    assert second.gradient(x) == 20.0


def test_graphs_nest_and_the_outer_one_records_everything():
    with DynamicGraph() as outer:
        x = outer.input(3.0, "x")
        with DynamicGraph() as inner:
            square = x * x
        output = square * 2.0
    inner.backward(square)
    assert inner.gradient(x) == 6.0
    outer.backward(output)
    assert outer.gradient(x) == 12.0
    assert output not in inner.order


def test_outside_the_block_nothing_is_computed_or_recorded():
    with DynamicGraph() as graph:
        x = graph.input(1.0)
    later = x * 2.0
    assert later not in graph.order
    with pytest.raises(NotRunError, match="multiply has no value yet"):
        _ = later.value


def test_an_error_inside_the_block_ends_the_recording():
    graph = DynamicGraph()

    def fail():
        with graph:
            raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        fail()
    _ = Add()(1.0, 2.0)
    assert graph.order == ()


def test_another_thread_is_not_recorded():
    computed = []
    with DynamicGraph() as graph:
        thread = threading.Thread(target=lambda: computed.append(Add()(1.0, 2.0)))
        thread.start()
        thread.join()
    assert len(computed) == 1
    assert graph.order == ()


def test_a_block_may_be_continued_but_not_entered_twice_at_once():
    graph = DynamicGraph()
    with graph:
        x = graph.input(2.0)
        with pytest.raises(WiringError, match="is recording already"):
            graph.__enter__()
    with graph:
        y = x * x
    graph.backward(y)
    assert graph.gradient(x) == 4.0


def test_a_static_graph_run_inside_the_block_is_not_recorded():
    x = Input("x")
    static = StaticGraph(x * x)
    with DynamicGraph() as graph:
        assert static.forward({"x": 3.0}) == 9.0
    assert graph.order == ()


def test_an_operand_without_a_value_is_reported_by_name():
    with DynamicGraph(), pytest.raises(NotRunError, match="pixels has no value yet"):
        Exp()(Input("pixels"))


def test_an_output_of_several_numbers_or_of_another_graph_has_no_gradient():
    with DynamicGraph() as graph:
        many = graph.input([1.0, 2.0], "x") * 2.0
        one = Sum()(many)
    with pytest.raises(NotRunError, match="x has no gradient yet: run backward"):
        graph.gradient("x")
    with pytest.raises(NotScalarError, match="sum or average it"):
        graph.backward(many)
    with pytest.raises(UnknownNodeError, match="is not a node of this graph"):
        DynamicGraph().backward(one)


def test_a_name_is_given_once():
    with DynamicGraph() as graph:
        graph.input(1.0, "x")
        with pytest.raises(DuplicateNameError, match="several nodes are called 'x'"):
            graph.input(2.0, "x")


def test_ten_thousand_recorded_steps_go_backward():
    with DynamicGraph() as graph:
        y = x = graph.input(1.0)
        for _ in range(10_000):
            y = y + x
    graph.backward(y)
    assert graph.gradient(x) == 10_001.0
