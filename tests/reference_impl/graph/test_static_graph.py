import numpy as np
import pytest

from reference_impl.graph import (
    Add,
    CycleError,
    Exp,
    FeedError,
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


@pytest.fixture
def square_plus_weight():
    x, weight = Input("x"), Parameter([1.0, 2.0], "weight")
    return StaticGraph(Sum(name="total")(x * x + weight))


def test_a_graph_runs_again_with_other_inputs_and_nothing_is_left_over(square_plus_weight):
    for x in ([1.0, 2.0], [3.0, -4.0], [1.0, 2.0]):
        assert square_plus_weight.forward({"x": x}) == np.sum(np.square(x)) + 3.0
        square_plus_weight.backward()
        np.testing.assert_array_equal(square_plus_weight.gradient("x"), 2 * np.array(x))
        np.testing.assert_array_equal(square_plus_weight.gradient("weight"), [1.0, 1.0])


def test_going_backward_twice_does_not_double_the_gradient(square_plus_weight):
    square_plus_weight.forward({"x": [1.0, 2.0]})
    square_plus_weight.backward()
    square_plus_weight.backward()
    np.testing.assert_array_equal(square_plus_weight.gradient("x"), [2.0, 4.0])


def test_another_batch_may_have_another_shape(square_plus_weight):
    square_plus_weight.forward({"x": np.ones((5, 2))})
    square_plus_weight.backward()
    np.testing.assert_array_equal(square_plus_weight.gradient("weight"), [5.0, 5.0])


def test_after_a_new_forward_the_old_gradient_is_gone(square_plus_weight):
    square_plus_weight.forward({"x": [1.0, 2.0]})
    square_plus_weight.backward()
    square_plus_weight.forward({"x": [5.0, 2.0]})
    with pytest.raises(NotRunError, match="x has no gradient yet: run forward, then backward"):
        square_plus_weight.gradient("x")
    with pytest.raises(NotRunError, match="x has no gradient yet: run backward"):
        _ = square_plus_weight.node("x").grad


def test_backward_needs_a_forward_first(square_plus_weight):
    with pytest.raises(NotRunError, match="nothing has been computed for total yet: run forward first"):
        square_plus_weight.backward()


def test_a_failed_forward_leaves_nothing_to_go_backward_from(square_plus_weight):
    square_plus_weight.forward({"x": [1.0, 2.0]})
    with pytest.raises(ValueError, match="cannot be computed from operands of shape"):
        square_plus_weight.forward({"x": [1.0, 2.0, 3.0]})
    with pytest.raises(NotRunError, match="run forward first"):
        square_plus_weight.backward()


def test_feeds_that_are_missing_and_unknown_are_named_together(square_plus_weight):
    with pytest.raises(FeedError, match=r"'y' is no input.*'z' is no input.*'x' is missing"):
        square_plus_weight.forward({"y": 1.0, "z": 2.0})


def test_a_parameter_keeps_the_value_it_was_fed(square_plus_weight):
    square_plus_weight.forward({"x": [0.0, 0.0], "weight": [5.0, 5.0]})
    assert square_plus_weight.forward({"x": [0.0, 0.0]}) == 10.0


def test_an_output_of_several_numbers_has_no_gradient():
    graph = StaticGraph(Exp(name="many")(Parameter([1.0, 2.0])))
    graph.forward()
    with pytest.raises(NotScalarError, match=r"many has shape \(2,\).*: sum or average it"):
        graph.backward()


def test_an_input_that_nothing_uses_has_a_gradient_of_zeros():
    x, unused = Input("x"), Input("unused")
    graph = StaticGraph(x * 2.0, inputs=[x, unused])
    graph.forward({"x": 1.0, "unused": np.ones((2, 3))})
    graph.backward()
    np.testing.assert_array_equal(graph.gradient(unused), np.zeros((2, 3)))
    np.testing.assert_array_equal(unused.grad, np.zeros((2, 3)))


def test_any_of_several_outputs_can_be_differentiated():
    x = Parameter(3.0, "x")
    graph = StaticGraph(x * x, Exp(name="other")(x * 0.0))
    assert graph.forward() == 9.0
    assert graph.node("other").value == 1.0
    graph.backward()
    assert graph.gradient("x") == 6.0
    assert graph.gradient("other") == 0.0
    graph.backward("other")
    assert graph.gradient("x") == 0.0
    assert graph.gradient("other") == 1.0


def test_a_graph_whose_nodes_ran_in_another_since_refuses_backward():
    x = Input("x")
    shared = Exp(name="shared")(x)
    first, second = StaticGraph(shared * 2.0), StaticGraph(shared * 3.0)
    first.forward({x: 0.0})
    second.forward({x: 1.0})
    with pytest.raises(NotRunError, match=r"x, shared changed after .* another graph: run forward again"):
        first.backward()


def test_a_parameter_assigned_after_forward_asks_for_another_forward():
    weight = Parameter(1.0, "weight")
    graph = StaticGraph(weight * weight)
    graph.forward()
    weight.assign(2.0)
    with pytest.raises(NotRunError, match="weight changed after this graph's forward"):
        graph.backward()


def test_an_operation_connected_later_may_close_a_cycle_which_is_named():
    state = Add(name="state")
    decayed = Multiply(name="decayed")(state, 0.5)
    state.connect(decayed, Input("x"))
    with pytest.raises(CycleError, match="decayed -> state -> decayed"):
        StaticGraph(decayed)


def test_nodes_without_names_have_names_in_the_message_of_a_cycle():
    state = Add()
    output = Exp()(state * 0.5)
    state.connect(output, Input("x"))
    with pytest.raises(CycleError, match="exp_1 -> add_1 -> multiply_1 -> exp_1"):
        StaticGraph(output)


def test_operations_never_connected_are_named():
    with pytest.raises(WiringError, match="left, right: no operands; call or connect every operation"):
        StaticGraph(Add(name="left") + Add(name="right"))


def test_a_node_that_is_not_in_the_graph_is_refused(square_plus_weight):
    with pytest.raises(UnknownNodeError, match=r"'bias' is not a node of this graph.* x, .*weight"):
        square_plus_weight.node("bias")
    with pytest.raises(UnknownNodeError, match="'x' is not a node of this graph"):
        square_plus_weight.gradient(Input("x"))


def test_complex_values_stay_complex_and_float32_becomes_float64():
    x = Input("x")
    graph = StaticGraph(x * x)
    value = graph.forward({"x": 1.0 + 1e-30j})
    assert value.imag / 1e-30 == 2.0
    graph.backward()
    assert graph.gradient("x") == 2.0 + 2e-30j
    assert graph.forward({"x": np.float32(0.1)}).dtype == np.float64


def test_a_hundred_thousand_parameters_are_one_array(numbers):
    weight = Parameter(numbers(400, 250), "weight")
    graph = StaticGraph(Sum()((numbers(8, 400) @ weight) ** 2))
    graph.forward()
    graph.backward()
    expected = 2 * numbers(8, 400).T @ (numbers(8, 400) @ numbers(400, 250))
    np.testing.assert_allclose(graph.gradient("weight"), expected, rtol=1e-12)
