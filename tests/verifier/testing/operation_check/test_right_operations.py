"""Every operation of the table, written out rightly: correct, whatever it is held against."""

from typing import Any

import pytest

from tests.pairwise import check_rows
from tests.verifier.testing.operation_check.right_compositions import RIGHT_COMPOSITIONS
from tests.verifier.testing.operation_check.right_operations import RIGHT
from verifier.engine.operations import OPERATIONS
from verifier.testing.operation_check.check import check_operation
from verifier.testing.operation_check.inputs import INPUTS

CASES = [(like, written, options) for like, rows in RIGHT.items() for written, options in rows]
IDS = [f"{like} {options or ''}".strip() for like, _, options in CASES]


def test_every_operation_is_written_out_and_has_inputs_of_its_own() -> None:
    assert list(RIGHT) == [*RIGHT]
    assert {*RIGHT, *RIGHT_COMPOSITIONS, "normalised_by"} == set(OPERATIONS) == set(INPUTS)


def is_correct(like: str, written: Any, options: dict[str, Any], step: int | None = None) -> None:
    """step: of the shapes that are tried; None to leave them to the check."""
    shapes = None if step is None else INPUTS[like].shapes(options)[::step]
    check = check_operation(written, like=like, options=options, shapes=shapes)
    assert check.verdict == "correct", str(check)
    agrees = {row.oracle: row.agrees for row in check.evidence}
    assert agrees["backpropagation"] is agrees["autograd"] is agrees["differences_of_forward"] is True, str(
        check
    )
    assert False not in agrees.values()
    assert check.smallest == ""
    assert not [
        warning
        for warning in check.warnings
        if warning.code not in ("shares-memory", "kink", "shapes-not-taken")
    ]


def test_a_right_operation_is_correct_by_the_word_of_every_oracle() -> None:
    check_rows(is_correct, [(*case, 6) for case in CASES])


FURTHER = [(like, *row) for like, rows in RIGHT_COMPOSITIONS.items() for row in rows]


def agrees_with_pytorch(like: str, written: Any, options: dict[str, Any]) -> None:
    shapes = INPUTS[like].shapes(options)[:1]
    check = check_operation(written, like=like, options=options, shapes=shapes)
    assert check.verdict == "correct", str(check)
    agrees = {row.oracle: row.agrees for row in check.evidence}
    assert agrees["backpropagation"] is agrees["autograd"] is agrees["computation_graph"] is True, str(check)


def test_pytorchs_operations_are_correct_by_the_word_of_the_oracles() -> None:
    check_rows(agrees_with_pytorch, FURTHER[::6])


@pytest.mark.nightly
def test_all_of_pytorchs_operations_are_correct_by_the_word_of_the_oracles() -> None:
    check_rows(agrees_with_pytorch, FURTHER)


@pytest.mark.nightly
def test_pytorchs_operations_are_correct_on_inputs_of_every_shape() -> None:
    check_rows(is_correct, FURTHER)


@pytest.mark.nightly
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_right_operations_are_correct_on_inputs_of_every_shape(case: tuple[str, Any, dict[str, Any]]) -> None:
    is_correct(*case)
