import numpy as np
import pytest

from reference_impl.graph import OperandError
from reference_impl.graph.arrays import as_array, frozen, sum_to_shape

TYPES = [
    (1, float),
    (True, float),
    (np.float32(0.5), float),
    ([1, 2], float),
    (1j, complex),
    (np.complex64(1), complex),
]


@pytest.mark.parametrize(("value", "expected"), TYPES)
def test_real_numbers_become_float64_and_complex_ones_complex128(value, expected):
    assert as_array(value).dtype == np.dtype(expected)


@pytest.mark.parametrize("value", [None, "3.0", object(), ["a"]])
def test_what_is_not_a_number_is_refused(value):
    with pytest.raises(OperandError, match="is not made of numbers: give a number or an array of numbers"):
        as_array(value)


def test_rows_of_different_lengths_are_refused():
    with pytest.raises(OperandError, match="rows differ in length"):
        as_array([[1.0, 2.0], [3.0]])


def test_freezing_does_not_freeze_the_callers_own_array():
    array = np.zeros(2)
    with pytest.raises(ValueError, match="read-only"):
        frozen(array)[0] = 1.0
    array[0] = 2.0
    assert array[0] == 2.0


@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 3), (2, 1), (1, 1), (2, 3), (1, 2, 1)], ids=str)
def test_summing_back_is_the_transpose_of_broadcasting(shape, numbers):
    small, large = numbers(*shape), numbers(4, 2, 3, seed=2)
    broadcast = np.broadcast_to(small, large.shape)
    summed = sum_to_shape(large, shape)
    assert summed.shape == shape
    assert (broadcast * large).sum() == pytest.approx(float((small * summed).sum()), abs=1e-12)


def test_an_axis_without_entries_sums_to_zero():
    np.testing.assert_array_equal(sum_to_shape(np.zeros((0, 3)), (1, 3)), np.zeros((1, 3)))
