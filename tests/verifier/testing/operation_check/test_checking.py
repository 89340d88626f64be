"""check_operation: arguments it takes and refuses, and warnings beside the verdict."""

import sys
from typing import Any

import numpy as np
import pytest
import torch

from tests.verifier.testing.operation_check import right_operations as right
from tests.verifier.testing.operation_check import wrong_operations as wrong
from tests.verifier.testing.operation_check.written_functions import Cube
from verifier import MalformedSubmission, check_operation

Array = right.Array


class ScaledBy:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def forward(self, x: Array) -> Array:
        return self.factor * x

    def backward(self, output_grad: Array) -> Array:
        return self.factor * output_grad


class WithoutArguments:
    def forward(self) -> float:
        return 1.0

    def backward(self, output_grad: Array) -> None: ...


class MatrixProduct:
    """Of matrices alone, which it says itself."""

    def forward(self, a: Array, b: Array) -> Array:
        if a.ndim != 2 or b.ndim != 2:
            raise ValueError("matrices, please")
        self.a, self.b = a, b
        return a @ b

    def backward(self, output_grad: Array) -> tuple[Array, Array]:
        return output_grad @ self.b.T, self.a.T @ output_grad


class Hardtanh:
    """A function that is no row of the table, with a kink at −1 and at 1."""

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.clip(x, -1, 1)

    def backward(self, output_grad: Array) -> Array:
        return output_grad * (np.abs(self.x) <= 1)


class SinglePrecision:
    def forward(self, x: Array) -> Array:
        self.y = np.exp(x)
        return self.y

    def backward(self, output_grad: Array) -> Array:
        return (output_grad * self.y).astype(np.float32)


class WarningOperation:
    """Warns, as numpy does where something is not finite."""

    def forward(self, x: Array) -> Array:
        import warnings

        warnings.warn("careful", UserWarning, stacklevel=2)
        return x * 2

    def backward(self, output_grad: Array) -> Array:
        return output_grad * 2


class AttributesRaise:
    """Its attributes raise."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no")


REFUSALS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no operation": (np.exp, {}, "operation: expected an operation: a class or an object with the methods"),
    "attributes that raise": (
        AttributesRaise(),
        {},
        "operation: expected an operation: a class or an object with",
    ),
    "no arguments": (
        WithoutArguments,
        {},
        "expected a forward that takes at least one argument, got one without",
    ),
    "a class with arguments": (
        ScaledBy,
        {},
        "give an object: ScaledBy(…), or the arguments it names as options",
    ),
    "another name": (
        right.NumpyMatmul,
        {"like": "matmull"},
        "like: expected the name of an operation, or a function",
    ),
    "a name near": (right.NumpyMatmul, {"like": "matmull"}, "did you mean 'matmul'?"),
    "another option": (
        right.NumpySum,
        {"like": "sum", "options": {"axes": 0}},
        "expected options of sum (axis, keepdims), got axes",
    ),
    "an option missing": (
        ScaledBy(1.0),
        {"like": "power"},
        "options: expected exponent, which power needs, got nothing; add it",
    ),
    "a wrong option": (right.NumpySum, {"like": "sum", "options": {"axis": 7}}, "axis: expected"),
    "too few arguments": (
        right.Exp,
        {"like": "add"},
        "expected an operation of as many arguments as add takes, got 1: x",
    ),
    "no shapes": (
        right.Exp,
        {"shapes": 3},
        "shapes: expected a list of inputs, each a tuple of one shape for each",
    ),
    "huge shapes": (right.Exp, {"shapes": [(1000,)]}, "sizes from 0 to 64"),
    "a misfit": (
        right.NumpyMatmul,
        {"like": "matmul", "shapes": [((2, 3), (2, 3))]},
        "as many columns on the left as rows",
    ),
    "another domain": (right.Exp, {"domain": "positve"}, "did you mean 'positive'?"),
    "another form": (right.Exp, {"form": "jax"}, "form: expected one of lecture, edugrad, torch, got 'jax'"),
    "a function that does not take it": (
        right.Exp,
        {"like": np.linalg.inv, "shapes": [(2, 3)]},
        "like: expected a function that takes such",
    ),
    "a function that gives nothing": (
        right.Exp,
        {"like": print},
        "like: expected a function that takes such",
    ),
    "PyTorch twice": (
        right.Exp,
        {"like": "exp", "in_torch": torch.exp},
        "in_torch: expected none beside exp, of which PyTorch's own is known, got one; leave it out",
    ),
    "no function of tensors": (right.Exp, {"in_torch": 3}, "in_torch: expected a function of tensors, got 3"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_checked_is_refused_with_the_rule_and_the_remedy(case: str) -> None:
    operation, question, words = REFUSALS[case]
    with pytest.raises(MalformedSubmission) as refusal:
        check_operation(operation, **question)
    assert words in str(refusal.value)


HELD_AGAINST: dict[str, tuple[Any, dict[str, Any], set[str]]] = {
    "nothing": (right.Tanh, {}, {"complex_step", "finite_differences"}),
    "a function of numpy": (right.Tanh, {"like": np.tanh}, {"numpy", "differences_of_forward"}),
    "a function of tensors": (right.Tanh, {"in_torch": torch.tanh}, {"autograd", "complex_step"}),
    "both": (right.NumpyMatmul, {"like": np.matmul, "in_torch": torch.matmul}, {"numpy", "autograd"}),
    "two arguments and nothing": (right.NumpyMultiply, {}, {"complex_step", "finite_differences"}),
    "a domain": (right.Log, {"domain": "positive"}, {"complex_step", "finite_differences"}),
    "a function with kinks": (
        Hardtanh,
        {"like": lambda x: np.clip(x, -1, 1)},
        {"finite_differences", "numpy"},
    ),
    "kinks and nothing": (Hardtanh, {}, {"finite_differences"}),
    "an object": (ScaledBy(3.0), {"like": lambda x: 3 * x}, {"numpy"}),
    "a class and its options": (
        ScaledBy,
        {"options": {"factor": 3.0}, "like": lambda x, factor: factor * x},
        {"numpy"},
    ),
    "several shapes": (
        right.NumpySoftmax,
        {"shapes": [(2, 3), (4,)], "like": "softmax"},
        {"backpropagation"},
    ),
    "warnings": (WarningOperation, {}, {"complex_step"}),
}


@pytest.mark.parametrize("case", HELD_AGAINST)
def test_an_operation_may_be_held_against(case: str) -> None:
    operation, question, oracles = HELD_AGAINST[case]
    check = check_operation(operation, **question)
    assert check.verdict == "correct", str(check)
    assert oracles <= {row.oracle for row in check.evidence if row.agrees}
    believed = {"like", "in_torch"}.isdisjoint(question)
    assert believed == ("forward-at-its-word" in [warning.code for warning in check.warnings])


def test_nothing_is_called_correct_on_empty_arrays_alone() -> None:
    check = check_operation(right.Exp, like="exp", shapes=[(0, 3)])
    assert check.verdict == "undecided"
    assert [warning.code for warning in check.warnings] == ["nothing-compared"]


def test_without_hypothesis_the_input_is_that_on_which_it_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "verifier.testing.operation_check.shrink", raising=False)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    check = check_operation(wrong.TanhOfValue, like="tanh", shapes=[(2, 3)])
    assert check.findings[0].code == "derivative-at-activation"
    assert "x = np.array([[" in check.smallest


class AccumulatingLinear:
    def forward(self, x: Array, w: Array) -> Array:
        self.x, self.w, self.dw = x, w, np.zeros_like(w)
        return x @ w

    def backward(self, output_grad: Array) -> tuple[Array, Array]:
        self.dw += self.x.T @ output_grad
        return output_grad @ self.w.T, self.dw


class WrongAccumulatingLinear(AccumulatingLinear):
    def backward(self, output_grad: Array) -> tuple[Array, Array]:
        self.dw += self.x.T @ output_grad
        return output_grad @ self.w, self.dw


class ReluThatChangesUpstream:
    def forward(self, x: Array) -> Array:
        self.x = x
        return np.maximum(x, 0)

    def backward(self, output_grad: Array) -> Array:
        output_grad[self.x < 0] = 0
        return output_grad


def test_side_effects_are_notes_that_hide_no_wrong_number() -> None:
    question: dict[str, Any] = {"like": "matmul", "shapes": [((2, 3), (3, 3))]}
    check = check_operation(AccumulatingLinear, **question)
    assert check.verdict == "correct", str(check)
    assert "state-kept" in [warning.code for warning in check.warnings]
    check = check_operation(WrongAccumulatingLinear, **question)
    assert [finding.code for finding in check.findings] == ["untransposed-weights"]
    assert "state-kept" in [warning.code for warning in check.warnings]
    check = check_operation(AccumulatingLinear, **question, require=["state-kept"])
    assert [finding.code for finding in check.findings] == ["state-kept"]
    check = check_operation(ReluThatChangesUpstream, like="relu")
    assert check.verdict == "correct", str(check)
    assert "argument-changed" in [warning.code for warning in check.warnings]
    with pytest.raises(MalformedSubmission, match="did you mean 'state-kept'"):
        check_operation(AccumulatingLinear, **question, require=["state-keep"])


class MakesParametersAtFirstUse:
    w: Array | None = None

    def forward(self, x: Array) -> Array:
        if self.w is None:
            self.w = np.random.default_rng().normal(size=(x.shape[1], 2))
        return x @ self.w

    def backward(self, output_grad: Array) -> Array:
        assert self.w is not None
        return output_grad @ self.w.T


def test_parameters_may_be_made_at_the_first_use() -> None:
    check = check_operation(MakesParametersAtFirstUse(), shapes=[(4, 3)])
    assert check.verdict == "correct", str(check)


class ContextThatSaves:
    @staticmethod
    def forward(ctx: Any, x: Array) -> Array:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, grad_output: Array) -> Array:
        (x,) = ctx.saved_values
        return 3 * x * x * grad_output  # type: ignore[no-any-return]


@pytest.mark.parametrize("written", [ContextThatSaves, Cube, Cube.apply])
def test_contexts_may_save_as_in_torch_and_minitorch(written: Any) -> None:
    check = check_operation(written, like="power", options={"exponent": 3})
    assert check.verdict == "correct", str(check)


def test_shapes_that_forward_refuses_are_told_and_are_no_mistake() -> None:
    check = check_operation(MatrixProduct, like="matmul")
    assert check.verdict == "correct", str(check)
    (caution,) = [warning for warning in check.warnings if warning.code == "shapes-not-taken"]
    assert "(3,) and (3,)" in caution.detail
    assert "matrices, please" in caution.detail


def test_an_operation_that_refuses_what_all_take_is_wrong() -> None:
    check = check_operation(MatrixProduct, like="add")
    assert check.verdict == "incorrect"


def test_gradients_of_lower_precision_are_noticed() -> None:
    check = check_operation(SinglePrecision, like="exp")
    assert "other-precision" in [warning.code for warning in check.warnings]


def test_every_slope_at_a_kink_is_right_and_said_to_be() -> None:
    check = check_operation(right.Absolute, like="absolute")
    assert check.verdict == "correct"
    assert "kink" in [warning.code for warning in check.warnings]


def test_no_operation_is_changed_by_being_checked() -> None:
    operation = right.Tanh()
    check_operation(operation, like="tanh")
    assert vars(operation) == {}


def test_a_report_of_a_check_passes_through_documents() -> None:
    from verifier.report.reading import read_report

    pairs = [((2, 3), (3,))]
    for operation, like, shapes in (
        (right.NumpyAdd, "add", pairs),
        (wrong.AddWithoutSums, "add", pairs),
        (wrong.TanhOfValue, "tanh", [(3,)]),
    ):
        report = check_operation(operation, like=like, shapes=shapes).report
        assert report is not None
        assert read_report(report.to_dict()).to_dict() == report.to_dict()
        assert str(report)
