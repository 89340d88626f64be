import subprocess
import sys

import numpy as np
import pytest

from reference_impl.graph import (
    Add,
    BrokenBackwardError,
    Multiply,
    Operation,
    Parameter,
    StaticGraph,
    Sum,
    WiringError,
)


class Half(Operation):
    def forward(self, operand):
        return operand / 2

    def backward(self, output_grad):
        return (output_grad / 2,)


def test_calling_an_operation_connects_it_and_returns_it():
    x, y = Parameter(2.0, "x"), Parameter(3.0, "y")
    product = Multiply(name="product")
    assert not product.is_connected
    assert product(x, y) is product
    assert product.operands == (x, y)
    assert repr(product) == "<Multiply product(x, y)>"


def test_an_operation_is_one_node_and_is_connected_once():
    total = Add(name="total")(1.0, 2.0)
    with pytest.raises(WiringError, match=r"total is connected already.* make another Add"):
        total(3.0, 4.0)


def test_an_operation_says_how_many_operands_it_takes():
    with pytest.raises(
        WiringError, match=r"total was given 3 operand\(s\) and takes 2: give it exactly those"
    ):
        Add(name="total")(1.0, 2.0, 3.0)


def test_after_both_sweeps_a_node_has_value_grad_and_the_grads_of_its_arcs():
    x, y = Parameter(2.0), Parameter(3.0)
    product = x * y
    graph = StaticGraph(product * 10.0)
    graph.forward()
    graph.backward()
    assert product.value == 6.0
    assert product.grad == 10.0
    assert product.grads == (30.0, 20.0)
    assert (x.grad, y.grad) == (30.0, 20.0)


def test_an_operand_used_twice_adds_up_what_both_arcs_pass_back():
    x = Parameter(3.0)
    square = x * x
    graph = StaticGraph(square)
    graph.forward()
    graph.backward()
    assert square.grads == (3.0, 3.0)
    assert x.grad == 6.0


def test_an_own_operation_lacks_push_forward_in_forward_mode_alone():
    x = Parameter([2.0, 4.0])
    half = Half()(x)
    graph = StaticGraph(Sum()(half))
    assert graph.forward() == 3.0
    graph.backward()
    np.testing.assert_array_equal(graph.gradient(x), [0.5, 0.5])
    with pytest.raises(NotImplementedError, match="Half has no push_forward: write it beside backward"):
        half.push_forward(np.ones(2))


@pytest.mark.parametrize("wrong", [lambda g: (), lambda g: (g, g), lambda g: (np.ones(3),)])
def test_a_backward_that_breaks_its_contract_is_reported_by_name(wrong):
    half = Half(name="half")
    half.backward = wrong
    graph = StaticGraph(Sum()(half(Parameter([1.0, 2.0]))))
    graph.forward()
    with pytest.raises(BrokenBackwardError, match=r"half.backward returned .* operands of shapes \[\(2,\)\]"):
        graph.backward()


def test_values_and_gradients_cannot_be_overwritten_from_outside():
    x = Parameter([1.0, 2.0])
    doubled = x + x
    graph = StaticGraph(Sum()(doubled))
    graph.forward()
    graph.backward()
    for array in (doubled.value, x.grad, doubled.grads[0]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9.0


def test_the_value_an_operation_returns_stays_writable_for_its_owner():
    array = np.ones(2)
    half = Half()
    half.forward = lambda operand: array
    half.evaluate(np.zeros(2))
    array[0] = 2.0
    assert array[0] == 2.0


@pytest.mark.parametrize("length", [20_000, pytest.param(200_000, marks=pytest.mark.nightly)])
def test_a_long_chain_runs_both_ways_and_is_deleted_without_recursion(length):
    program = f"""
import gc
from reference_impl.graph import Parameter, StaticGraph
node = start = Parameter(1.0)
for _ in range({length}):
    node = -node
graph = StaticGraph(node)
graph.forward()
graph.backward()
print(float(graph.gradient(start)))
del graph, node, start
print(gc.collect() >= 0)
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "1.0\nTrue\n", "")
