import numpy as np
import pytest

from reference_impl.graph import Constant, Input, NotRunError, OperandError, Parameter, WiringError


def test_an_input_has_no_value_until_it_is_fed():
    with pytest.raises(NotRunError, match="pixels has no value yet: run forward on its graph first"):
        _ = Input("pixels").value


def test_parameters_and_constants_have_the_value_they_were_made_with():
    assert Parameter(2).value == 2.0
    assert Constant(3).value.dtype == np.float64


def test_a_leaf_keeps_a_copy_that_nobody_can_write_to():
    array = np.ones(2)
    leaf = Parameter(array)
    array[0] = 7.0
    np.testing.assert_array_equal(leaf.value, [1.0, 1.0])
    with pytest.raises(ValueError, match="read-only"):
        leaf.value[0] = 7.0


def test_assigning_replaces_the_value_and_forgets_the_gradient():
    leaf = Parameter(1.0, "w")
    leaf.receive_gradients(np.ones(()), ())
    leaf.assign(5.0)
    assert leaf.value == 5.0
    with pytest.raises(NotRunError, match="w has no gradient yet: run backward"):
        _ = leaf.grad


def test_a_leaf_takes_no_operands_and_depends_on_nothing():
    leaf = Constant(1.0, "c")
    assert leaf.is_connected
    assert leaf.operands == ()
    with pytest.raises(WiringError, match=r"c was given 1 operand\(s\) and takes 0"):
        leaf.connect(2.0)


def test_a_leaf_that_stays_where_it_is_has_tangent_zero():
    np.testing.assert_array_equal(Parameter([1.0, 2.0]).push_forward(), [0.0, 0.0])


def test_a_parameter_must_be_made_of_numbers():
    with pytest.raises(OperandError, match="is not made of numbers"):
        Parameter("weights")
