"""Every operation of the installed edugrad, live, with the verdict that docs/operations.md tells."""

import contextlib
import inspect
import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from edugrad import ops

from tests.pairwise import each
from verifier import check_operation
from verifier.testing.operation_check.result import OperationCheck

PAGE = (Path(__file__).parents[4] / "docs" / "operations.md").read_text(encoding="utf-8")
ONE_SHAPE = [((2, 3), (2, 3)), ((3,), (3,)), ((), ()), ((1, 1), (1, 1))]
MATRICES = [((2, 3), (3, 4)), ((3, 3), (3, 3)), ((1, 3), (3, 1)), ((2, 1), (1, 2))]


def _stack(value: Any, num: int) -> Any:
    return np.stack([value] * num)


# as the page calls it: edugrad's function, what it is held against as the page calls that, the question
ROWS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "`add`": ("add", "`add`", {"like": "add"}),
    "`add`, both of one shape": ("add", "`add`", {"like": "add", "shapes": ONE_SHAPE}),
    "`minus`": ("minus", "`subtract`", {"like": "subtract"}),
    "`minus`, both of one shape": ("minus", "`subtract`", {"like": "subtract", "shapes": ONE_SHAPE}),
    "`matmul`": ("matmul", "`matmul`", {"like": "matmul"}),
    "`matmul`, of matrices": ("matmul", "`matmul`", {"like": "matmul", "shapes": MATRICES}),
    **{
        f"`power`, exponent {exponent}": (
            "power",
            "`power`",
            {"like": "power", "options": {"exponent": exponent}},
        )
        for exponent in (2, 3, -1, 0.5, 0)
    },
    "`relu`": ("relu", "`relu`", {"like": "relu"}),
    "`reduce_sum`": ("reduce_sum", "`sum`", {"like": "sum"}),
    "`reduce_mean`": ("reduce_mean", "`mean`", {"like": "mean"}),
    "`copy_rows`, 4 rows": ("copy_rows", "`numpy.stack`", {"like": _stack, "options": {"num": 4}}),
}


@cache
def check_row(row: str) -> OperationCheck:
    function, _, question = ROWS[row]
    return check_operation(getattr(ops, function), **question)


def test_every_operation_of_edugrad_has_a_row() -> None:
    made = {
        name
        for name, operation in vars(ops).items()
        if inspect.isfunction(operation) and inspect.getclosurevars(operation).nonlocals.get("op") is not None
    }
    assert made == {function for function, _, _ in ROWS.values()}


@each(ROWS)
def test_the_page_tells_the_verdict_and_the_smallest_input(row: str) -> None:
    check = check_row(row)
    verdict = ": ".join([str(check.verdict), *(finding.code for finding in check.findings[:1])])
    lines = [line.replace("Tensor(", "", 1)[:-1] for line in check.smallest.splitlines() if "Tensor(" in line]
    shown = ", ".join(f"`{line}`" for line in lines)
    assert f"| {row} | {ROWS[row][1]} | {verdict} |{f' {shown}' if shown else ''} |\n" in PAGE, str(check)


LIVE = {
    "`add`": "non-broadcastable",
    "`minus`": "non-broadcastable",
    "`matmul`": "matmul: Input operand",
    "`power`, exponent 0": "nan",
}


@each(LIVE)
def test_the_smallest_input_shows_it_on_edugrads_own_tensors(row: str) -> None:
    names = {ROWS[row][0]: getattr(ops, ROWS[row][0])}
    with contextlib.redirect_stdout(io.StringIO()) as printed, np.errstate(all="ignore"):
        try:
            exec(check_row(row).smallest, names)
        except ValueError as error:
            printed.write(str(error))
    assert LIVE[row] in printed.getvalue()


def test_the_version_on_the_page_is_the_one_installed() -> None:
    from importlib.metadata import version

    assert f"edugrad {version('edugrad')}," in PAGE
