"""Layouts, shapes, precisions and reductions change nothing of a diagnosis."""

import numpy as np
import pytest

from reference_impl import named
from tests.drawing import draw_problem
from tests.pairwise import each, pairwise
from tests.verifier.builders import document_of_problem
from tests.verifier.diagnosis.builders import QUICK, backward, rows, tanh_problem
from verifier import verify
from verifier.documents.lowering import graph_document
from verifier.documents.reading import read_submission

LAYOUTS = (("in_out", "out_in"), ("rows", "columns"), ("(out,)", "(1, out)", "(out, 1)"))
WRONG = {
    "g′ missing": (
        {"hidden": {0: lambda d, w, a, z: d @ w.T}},
        ("missing-activation-derivative", 0, "hidden_delta"),
    ),
    "a for z": ({"weight": {1: lambda z, d, a: a.T @ d}}, ("preactivation-as-input", 1, "weight_gradient")),
    "turned": ({"weight": {1: lambda z, d, a: (z.T @ d).T}}, ("transposed-gradient", 1, "weight_gradient")),
    "bias of one": ({"bias": {2: lambda d: d[-1]}}, ("bias-not-summed", 2, "bias_gradient")),
}


def in_submitted_layout(document, gradients):
    """The gradients in the layout of the document's parameters."""
    turned = document["network"]["weights"] == "out_in"
    return {
        name: gradients[name].T
        if turned and name.endswith("weight")
        else gradients[name].reshape(np.shape(array))
        for name, array in document["parameters"].items()
    }


@each(pairwise(*LAYOUTS, WRONG))
def test_a_mistake_is_the_same_in_every_layout(weights, examples, bias_shape, case):
    wrong, expected = WRONG[case]
    problem = tanh_problem(61)
    document = document_of_problem(problem, weights=weights, examples=examples, bias_shape=bias_shape)
    gradients = in_submitted_layout(document, backward(problem, **wrong)[0])
    assert rows(verify(document | {"gradients": gradients}, oracles=QUICK)) == [expected]


REDUCTIONS = [  # batch, outputs, the loss's own factor; what multiplies f − y then
    ("mean", "sum", 0.5, lambda n, c: 1 / n),
    ("sum", "sum", 0.5, lambda n, c: 1.0),
    ("mean", "mean", 1.0, lambda n, c: 2 / (n * c)),
    ("sum", "mean", 0.25, lambda n, c: 0.5 / c),
]


@pytest.mark.parametrize(("batch", "outputs", "factor", "multiplier"), REDUCTIONS)
def test_a_mistake_is_the_same_under_every_reduction(batch, outputs, factor, multiplier):
    problem = tanh_problem(62)
    document = document_of_problem(problem)
    document["loss"] |= {"batch": batch, "outputs": outputs, "factor": factor}
    n, c = problem.batch.targets.shape
    gradients, _ = backward(
        problem, output=lambda f, y: multiplier(n, c) * (f - y), hidden={1: lambda d, w, a, z: d @ w.T}
    )
    diagnosis = rows(verify(document | {"gradients": gradients}, oracles=QUICK))
    assert diagnosis == [("missing-activation-derivative", 1, "hidden_delta")]


# relative to the largest entry: what an emulated format keeps is enough for a factor of 2
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_a_doubled_gradient_is_named_in_every_precision(precision):
    problem = tanh_problem(63)
    rounded = {
        "float32": lambda a: a.astype(np.float32).astype(float),
        "float16": lambda a: a.astype(np.float16).astype(float),
        "bfloat16": lambda a: (
            (a.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32).astype(float)
        ),
    }[precision]
    gradients = {name: rounded(2.0 * array) for name, array in backward(problem)[0].items()}
    report = verify(document_of_problem(problem, gradients=gradients, precision=precision), oracles=QUICK)
    assert rows(report) == [("factor-two", None, "loss")]


def test_a_mask_that_is_forgotten_on_the_way_back_is_named():
    problem = draw_problem(np.random.default_rng(64), widths=(4, 5, 3), examples=5, masked=True)
    mask, (first, second) = problem.batch.masks[0], problem.parameters
    x, y = problem.batch.inputs, problem.batch.targets
    z = np.tanh(x @ first.weight + first.bias)
    delta = (z * mask @ second.weight + second.bias - y) / len(y)
    for kept, bug in ((1.0, "dropout-mask-missing"), ((mask != 0), "dropout-scale-missing")):
        below = (delta @ second.weight.T) * kept * (1 - z * z)
        gradients = {
            "layers.0.weight": x.T @ below,
            "layers.0.bias": below.sum(axis=0),
            "layers.1.weight": (z * mask).T @ delta,
            "layers.1.bias": delta.sum(axis=0),
        }
        report = verify(document_of_problem(problem, gradients=gradients), oracles=QUICK)
        assert rows(report) == [(bug, 0, "hidden_delta")]


@pytest.mark.parametrize("as_graph", [False, True])
def test_diagnosis_is_left_out_when_asked(as_graph):
    problem = tanh_problem(65)
    gradients = {name: 3.0 * array for name, array in named(problem.parameters)}
    document = document_of_problem(problem, gradients=gradients)
    if as_graph:
        document = graph_document(read_submission(document))
    with_it, without = verify(document, oracles=QUICK), verify(document, oracles=QUICK, diagnosis=False)
    assert with_it.diagnosis
    assert without.diagnosis == ()
    assert without.to_dict() | {"seconds": 0, "diagnosis": []} == (
        with_it.to_dict() | {"seconds": 0, "diagnosis": []}
    )
