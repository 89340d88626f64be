"""An oracle leaves out the entries that it cannot compute, no others, and says why."""

import sys

import numpy as np
import pytest

from reference_impl import (
    LOSSES,
    Batch,
    Layer,
    LayerParameters,
    Network,
    Penalty,
    Problem,
    Risk,
    activation,
    forward,
)
from tests.drawing import draw_problem
from tests.verifier.builders import small_document
from verifier.engine.estimate import Answer
from verifier.engine.rounding_allowance import rounding
from verifier.oracles import LAYER_ORACLES, answer_of
from verifier.pipeline.layers import verify
from verifier.problem.precision import PRECISIONS
from verifier.report.model import Uncertainty


def answer_to(oracle: str, problem: Problem) -> Answer:
    trace = forward(problem.network, problem.parameters, problem.batch)
    return answer_of(oracle, problem, rounding(problem, trace, PRECISIONS["float64"]))


def missing_entries(answer: Answer) -> dict[str, list[list[int]]]:
    return {
        name: np.argwhere(~np.isfinite(estimate.error)).tolist()
        for name, estimate in answer.gradient.items()
        if not np.isfinite(estimate.error).all()
    }


def problem_of(weights, biases, inputs, *, names=("relu", "identity"), penalties=(), targets=None) -> Problem:
    layers = tuple(Layer(len(w), len(w[0]), activation(name)) for w, name in zip(weights, names, strict=True))
    parameters = tuple(
        LayerParameters(np.array(w, dtype=float), np.array(b, dtype=float))
        for w, b in zip(weights, biases, strict=True)
    )
    targets = np.zeros((len(inputs), len(biases[-1]))) if targets is None else targets
    row = LOSSES["mse"]
    return Problem(
        Network(layers),
        parameters,
        Batch(np.array(inputs, dtype=float), np.array(targets, dtype=float)),
        Risk(row, row.default_factor, penalties=penalties),
    )


# a of layer 0: example 0 has unit 1 at 1·1 + 2·(−1) + 1 = 0 exactly, everything else far from 0
AT_A_KINK = problem_of(
    [[[1, 1, -1], [1, 2, 3]], [[1, 2], [3, 4], [5, 6]]],
    [[0.5, 1, 0.25], [0.5, 0.5]],
    [[1, -1], [2, 3]],
)
# the input's entry 0 is 0 in that example, so ∂a/∂w of that row is 0: its weights are told
WITH_A_ZERO_INPUT = problem_of(
    [[[1, 1, -1], [1, 2, 3]], [[1, 2], [3, 4], [5, 6]]],
    [[0.5, 2, 0.25], [0.5, 0.5]],
    [[0, -1], [2, 3]],
)
# the kink is in layer 1 (1·1 + 1·1 − 2 = 0): whatever moves that unit is left out as well
IN_THE_SECOND_LAYER = problem_of(
    [[[1.0, 1.0]], [[1.0, 1.0], [1.0, 0.0]], [[1.0], [1.0]]],
    [[0.0, 0.0], [-2.0, 1.0], [0.5]],
    [[1.0]],
    names=("identity", "relu", "identity"),
)


@pytest.mark.parametrize("oracle", ["finite_differences", "complex_step"])
@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (AT_A_KINK, {"layers.0.weight": [[0, 1], [1, 1]], "layers.0.bias": [[1]]}),
        (WITH_A_ZERO_INPUT, {"layers.0.weight": [[1, 1]], "layers.0.bias": [[1]]}),
        (
            IN_THE_SECOND_LAYER,
            {
                "layers.0.weight": [[0, 0], [0, 1]],
                "layers.0.bias": [[0], [1]],
                "layers.1.weight": [[0, 0], [1, 0]],
                "layers.1.bias": [[0]],
            },
        ),
    ],
    ids=["a unit at its kink", "an input of 0", "a kink in the second layer"],
)
def test_entries_at_a_kink_are_left_out_and_only_those(oracle, problem, expected):
    assert missing_entries(answer_to(oracle, problem)) == expected


@pytest.mark.parametrize("oracle", ["finite_differences", "complex_step"])
def test_where_a_weight_of_0_hides_the_kink_nothing_below_it_is_left_out(oracle):
    problem = problem_of(
        [[[1.0, 1.0]], [[1.0, 1.0], [0.0, 1.0]], [[1.0], [1.0]]],
        [[0.0, 1.0], [-1.0, 1.0], [0.5]],
        [[1.0]],
        names=("identity", "relu", "identity"),
    )
    assert missing_entries(answer_to(oracle, problem)) == {
        "layers.0.weight": [[0, 0]],
        "layers.0.bias": [[0]],
        "layers.1.weight": [[0, 0], [1, 0]],
        "layers.1.bias": [[0]],
    }


@pytest.mark.parametrize("oracle", ["finite_differences", "complex_step"])
@pytest.mark.parametrize(
    ("name", "options", "kinked"),
    [
        ("relu", {}, True),
        ("leaky_relu", {"slope": 0.1}, True),
        ("leaky_relu", {"slope": 1.0}, False),  # the identity
        ("elu", {"alpha": 2.0}, True),
        ("elu", {"alpha": 1.0}, False),  # its slope does not jump
        ("softplus", {}, False),
        ("gelu", {}, False),
    ],
    ids=str,
)
def test_only_activations_whose_slope_jumps_have_a_kink_at_0(oracle, name, options, kinked):
    problem = problem_of([[[1.0]], [[2.0]]], [[0.0], [0.5]], [[0.0], [1.0]])
    network = Network((Layer(1, 1, activation(name, **options)), Layer(1, 1, activation("identity"))))
    problem = Problem(network, problem.parameters, problem.batch, problem.risk)
    actual = missing_entries(answer_to(oracle, problem))
    assert actual == ({"layers.0.bias": [[0]]} if kinked else {})


@pytest.mark.parametrize("oracle", ["finite_differences", "complex_step"])
def test_a_weight_of_0_is_a_kink_of_the_l1_penalty(oracle):
    problem = problem_of(
        [[[1.0, 0.0]], [[2.0], [3.0]]],
        [[0.5, 0.5], [0.5]],
        [[1.0], [2.0]],
        names=("tanh", "identity"),
        penalties=(Penalty("l1", 0.1, 1.0),),
    )
    assert missing_entries(answer_to(oracle, problem)) == {"layers.0.weight": [[0, 1]]}


@pytest.mark.parametrize("oracle", ["backpropagation", "computation_graph", "autograd"])
def test_the_other_oracles_tell_every_entry_at_a_kink(oracle):
    answer = answer_to(oracle, AT_A_KINK)
    assert missing_entries(answer) == {}
    assert set(answer.gradient) == {
        "layers.0.weight",
        "layers.0.bias",
        "layers.1.weight",
        "layers.1.bias",
    }


class TestWithoutPytorch:
    @pytest.fixture(autouse=True)
    def no_torch(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "torch", None)  # as Python itself refuses an import

    def test_autograd_answers_nothing_and_says_why(self):
        answer = answer_to("autograd", draw_problem(np.random.default_rng(1)))
        assert dict(answer.gradient) == {}
        assert answer.uncertainty is Uncertainty.UNKNOWN
        assert answer.reason.startswith("PyTorch cannot be imported")

    def test_a_pytorch_whose_own_libraries_do_not_load_is_as_good_as_none(self, monkeypatch, tmp_path):
        (tmp_path / "torch.py").write_text("raise OSError('libcudart.so.12: cannot open shared object file')")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "torch")
        answer = answer_to("autograd", draw_problem(np.random.default_rng(1)))
        assert answer.reason == "PyTorch cannot be imported: libcudart.so.12: cannot open shared object file"

    def test_a_verdict_needs_no_pytorch(self):
        report = verify(small_document())
        assert report.verdict == "correct"
        assert "torch" not in report.versions
        evidence = {item.oracle: item for item in report.evidence}["autograd"]
        assert (evidence.entries, evidence.agrees) == (0, None)
        assert "PyTorch cannot be imported" in evidence.reason
        assert "autograd not used (PyTorch cannot be imported" in str(report)


def test_every_oracle_has_a_row_under_its_own_name():
    assert set(LAYER_ORACLES) >= {
        "backpropagation",
        "computation_graph",
        "finite_differences",
        "complex_step",
        "autograd",
    }
    assert all(name == row.name and row.description for name, row in LAYER_ORACLES.items())
