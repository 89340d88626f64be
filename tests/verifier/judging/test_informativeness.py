"""Where the true gradient is zero wrong code could pass, and the report says why."""

import numpy as np
import pytest

from tests.verifier.builders import small_document
from tests.verifier.native import loss_and_gradients, with_gradients
from verifier import verify


def document_of(hidden, weight, bias, inputs, *, last=None, loss="mse", targets=None, **fields):
    weight = np.array(weight, dtype=float)
    last = np.ones((weight.shape[1], 1)) if last is None else np.array(last, dtype=float)
    return with_gradients(
        {
            "network": {
                "layers": [
                    {"in": weight.shape[0], "out": weight.shape[1], "activation": hidden},
                    {"in": weight.shape[1], "out": last.shape[1], "activation": "identity"},
                ]
            },
            "loss": {"name": loss},
            "parameters": {
                "layers.0.weight": weight,
                "layers.0.bias": np.array(bias, dtype=float),
                "layers.1.weight": last,
                "layers.1.bias": np.zeros(last.shape[1]),
            },
            "inputs": np.array(inputs, dtype=float),
            "targets": np.full((len(inputs), last.shape[1]), 0.25) if targets is None else np.array(targets),
        }
        | fields
    )


LIVE = [[1.0, 2.0], [3.0, 1.0]]
ROWS = [
    # id; document; code, layer and units of the warning
    ("a dead relu", document_of("relu", [[1, 1], [1, 1]], [0, -50], LIVE), "dead-unit", 0, (1,)),
    (
        "two dead relus",
        document_of("relu", [[1, 1, 1], [1, 1, 1]], [-9, 0, -50], LIVE),
        "dead-unit",
        0,
        (0, 2),
    ),
    ("a saturated tanh", document_of("tanh", [[1, 1], [1, 1]], [0, 500], LIVE), "saturated-unit", 0, (1,)),
    (
        "a saturated sigmoid",
        document_of("sigmoid", [[1, 1], [1, 1]], [0, -900], LIVE),
        "saturated-unit",
        0,
        (1,),
    ),
    (
        "an input that is always 0",
        document_of("tanh", [[1, 1], [1, 1]], [0, 0], [[1, 0], [2, 0]]),
        "zero-input",
        0,
        (1,),
    ),
    (
        "a live relu that nothing listens to",
        document_of("relu", [[1, 1], [1, 1]], [0, 0], LIVE, last=[[1], [0]]),
        None,
        0,
        (1,),
    ),
    (
        "a tanh that nothing listens to",
        document_of("tanh", [[1, 1], [1, 1]], [0, 0], LIVE, last=[[1], [0]]),
        "saturated-unit",
        0,
        (1,),
    ),
    (
        "a unit that dropout takes out of every example",
        document_of("relu", [[1, 1], [1, 1]], [0, 0], LIVE, masks={"layers.0": [[2, 0], [2, 0]]}),
        None,
        0,
        (1,),
    ),
    (
        "an output that hits its target",
        document_of("tanh", [[1], [1]], [0], LIVE, last=[[0]], targets=[[0.0], [0.0]]),
        "saturated-unit",
        1,
        (0,),
    ),
]


@pytest.mark.parametrize(
    ("document", "code", "layer", "units"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_zeros_of_the_true_gradient_are_counted_and_a_warning_says_why(document, code, layer, units):
    _, gradients = loss_and_gradients(document)
    report = verify(document)
    assert report.verdict == (
        "correct" if any(gradient.any() for gradient in gradients.values()) else "undecided"
    )
    for name, gradient in gradients.items():
        assert report.parameters[name].uninformative == (gradient == 0).sum()
    places = [(caution.layer, caution.units) for caution in report.warnings if code in (None, caution.code)]
    assert (layer, units) in places


def test_a_batch_of_one_example_cannot_tell_a_mean_from_a_sum():
    document = document_of("tanh", [[1, 1], [1, 1]], [0, 0], LIVE[:1])
    assert "one-example" in {caution.code for caution in verify(document).warnings}


def test_a_problem_that_tells_everything_has_no_warnings():
    assert verify(small_document()).warnings == ()


def test_many_dead_units_are_counted_rather_than_listed_in_the_sentence():
    document = document_of("relu", np.ones((2, 14)), [-50] * 13 + [0], LIVE)
    (caution,) = [caution for caution in verify(document).warnings if caution.code == "dead-unit"]
    assert caution.units == tuple(range(13))
    assert "units 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 3 more of layer 0 are inactive" in caution.detail
