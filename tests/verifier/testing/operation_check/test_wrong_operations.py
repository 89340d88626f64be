"""Every planted mistake is found, named where a rule is known, and shown by the smallest input, as code."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from tests.verifier.testing.operation_check.wrong_operations import PLANTED, SquareThatRemembers
from verifier import check_operation
from verifier.testing.operation_check.result import FINDINGS

FIRST = {row[2]: place for place, row in reversed([*enumerate(PLANTED)])}  # of its kind


@pytest.mark.parametrize(
    ("written", "question", "code", "place", "lines"),
    [
        pytest.param(
            *row,
            id=f"{row[0].__name__ if isinstance(row[0], type) else 'object'}-{place}",
            marks=() if FIRST[row[2]] == place else pytest.mark.nightly,
        )
        for place, row in enumerate(PLANTED)
    ],
)
def test_a_planted_mistake_is_found_and_shown_by_the_smallest_input(
    written: Any, question: dict[str, Any], code: str, place: str, lines: tuple[str, ...]
) -> None:
    check = check_operation(written, **question)
    assert check.verdict == "incorrect"
    first = check.findings[0]
    assert code in (first.code, *first.equivalent_bugs), str(check)
    assert first.place == place
    for line in lines:
        assert line in check.smallest, check.smallest
    assert f"{first.code} in " in str(check)
    if isinstance(written, type):
        _runs_as_it_is_pasted(written, check.smallest, raises=code in ("raises", "no-value"))


def _runs_as_it_is_pasted(written: type, code: str, raises: bool) -> None:
    names: dict[str, Any] = {written.__name__: written}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        if raises:
            with contextlib.suppress(Exception), np.errstate(all="ignore"):
                exec(code, names)
            return
        with np.errstate(all="ignore"):
            exec(code, names)
    assert printed.getvalue()


def test_every_kind_of_finding_is_planted() -> None:
    planted = {row[2] for row in PLANTED}
    of_products = {"jvp-not-linear", "jvp-value"}  # in test_forward_mode.py
    assert set(FINDINGS) - of_products <= planted


def test_what_an_operation_raises_is_told_with_the_line_it_is_in() -> None:
    written, question, *_ = next(row for row in PLANTED if row[2:4] == ("raises", "backward"))
    (finding,) = check_operation(written, **question).findings
    assert "AttributeError" in finding.explanation
    assert "of wrong_operations.py: return 2 * self.x * output_grad" in finding.explanation


def test_an_object_that_was_used_before_is_judged_as_it_is() -> None:
    used = SquareThatRemembers()
    used.forward(np.ones(3))
    check = check_operation(used, like="power", options={"exponent": 2}, shapes=[(3,)])
    assert check.verdict == "incorrect"


def test_the_smallest_input_is_the_same_in_every_run() -> None:
    written, question, *_ = next(row for row in PLANTED if row[0].__name__ == "TanhOfValue")
    assert check_operation(written, **question).smallest == check_operation(written, **question).smallest


def test_the_smallest_input_is_one_that_the_reference_takes() -> None:
    class BatchNorm:
        """Its mean and variance are taken for constants on the way back."""

        def forward(self, x, g):
            centred = x - x.mean(0)
            self.i = ((centred**2).mean(0) + 1e-5) ** -0.5
            self.g, self.h = g, centred * self.i
            return g * self.h

        def backward(self, output_grad):
            return output_grad * self.g * self.i, (output_grad * self.h).sum(0)

    def in_torch(x, g):
        import torch

        return torch.nn.functional.batch_norm(x, None, None, g, training=True, eps=1e-5)

    def like(x, g):
        centred = x - x.mean(0)
        return g * centred * ((centred**2).mean(0) + 1e-5) ** -0.5

    check = check_operation(BatchNorm, like=like, in_torch=in_torch, shapes=[((4, 3), (3,))])
    assert check.verdict == "incorrect"
    assert "x = np.array([[1.0], [1.0]])" in check.smallest  # PyTorch refuses a batch of one example
