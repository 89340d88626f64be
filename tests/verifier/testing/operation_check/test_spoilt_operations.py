"""Every operation of the table with its gradients spoilt in one way: found, and shown by an input."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.pairwise import check_rows, each
from tests.verifier.testing.operation_check.right_operations import RIGHT, Array
from verifier import check_operation
from verifier.testing.operation_check.inputs import INPUTS

SPOILT: dict[str, Callable[[Array], Array]] = {
    "off by 1e-5": lambda gradient: gradient * (1 + 1e-5),
    "shifted by 1e-5": lambda gradient: gradient + 1e-5,
    "negated": lambda gradient: -gradient,
    "zero": lambda gradient: 0 * gradient,
    "rounded to 3 digits": lambda gradient: np.round(gradient, 3),
    "NaN somewhere": lambda gradient: np.where(
        np.arange(gradient.size).reshape(gradient.shape) == 0, np.nan, gradient
    ),
}


def with_changed_gradient(written: Any, change: Callable[[Array], Array]) -> Any:
    class ChangedGradient(written):  # type: ignore[misc]
        def backward(self, output_grad: Array) -> Any:
            back = super().backward(output_grad)
            if isinstance(back, list | tuple):
                return [None if part is None else change(np.asarray(part)) for part in back]
            return change(np.asarray(back))

    return ChangedGradient


def check_incorrect(like: str, way: str, most_shapes: int | None = None) -> None:
    written, options = RIGHT[like][0]
    shapes = INPUTS[like].shapes(options)[:most_shapes]
    check = check_operation(
        with_changed_gradient(written, SPOILT[way]), like=like, options=options, shapes=shapes
    )
    assert check.verdict == "incorrect", str(check)
    assert {finding.kind for finding in check.findings} == {"gradient-value"}, str(check)
    assert "import numpy as np" in check.smallest


QUICK = [way for way in SPOILT if way != "rounded to 3 digits"]  # where the smallest input is found at once


@each((like, QUICK[place % len(QUICK)], 1) for place, like in list(enumerate(RIGHT))[::2])
def test_whatever_spoils_a_gradient_is_found(like: str, way: str, most_shapes: int) -> None:
    check_incorrect(like, way, most_shapes)


@pytest.mark.parametrize("like", ["softmax", "tanh"])
def test_a_rounded_gradient_is_found(like: str) -> None:
    check_incorrect(like, "rounded to 3 digits", 1)


@pytest.mark.nightly
@pytest.mark.parametrize("way", SPOILT)
def test_every_way_is_found_in_every_operation_and_shape(way: str) -> None:
    check_rows(check_incorrect, product(RIGHT, [way]))
