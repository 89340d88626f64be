"""Every operation of the table with its gradients spoilt in one way: found, and shown by an input."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.verifier.testing.operation_check.right_operations import RIGHT, Array
from verifier import check_operation

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


def spoilt(written: Any, change: Callable[[Array], Array]) -> Any:
    class Spoilt(written):  # type: ignore[misc]
        def backward(self, output_grad: Array) -> Any:
            back = super().backward(output_grad)
            if isinstance(back, list | tuple):
                return [None if part is None else change(np.asarray(part)) for part in back]
            return change(np.asarray(back))

    return Spoilt


def ways(place: int) -> list[str]:
    """Give two ways of the six, others for every operation; all of them cost a minute."""
    names = list(SPOILT)
    return [names[place % len(names)], names[(place + 3) % len(names)]]


@pytest.mark.parametrize(("like", "names"), [(like, ways(place)) for place, like in enumerate(RIGHT)])
def test_whatever_spoils_a_gradient_is_found(like: str, names: list[str]) -> None:
    written, options = RIGHT[like][0]
    for name in names:
        change = SPOILT[name]
        check = check_operation(spoilt(written, change), like=like, options=options)
        assert check.verdict == "incorrect", (name, str(check))
        assert {finding.kind for finding in check.findings} == {"gradient-value"}, (name, str(check))
        assert "import numpy as np" in check.smallest, name
