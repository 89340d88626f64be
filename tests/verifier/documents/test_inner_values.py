"""Documents of layers with gradients of inner values, `nodes.a0`, are judged as the graph of the layers."""

from typing import Any

import numpy as np
import pytest

from reference_impl.backpropagation import deltas
from reference_impl.network import forward
from tests.verifier.builders import small_document
from verifier import MalformedSubmission, verify
from verifier.documents.gradients import read_uploaded_gradients
from verifier.documents.reading import read_submission


def document_with_nodes(**fields: Any) -> dict[str, Any]:
    """Return right gradients of all parameters and both pre-activations."""
    document = small_document(**fields)
    problem = read_submission(document).problem
    delta = deltas(problem, forward(problem.network, problem.parameters, problem.batch))
    inner = {f"nodes.a{layer}": array.tolist() for layer, array in enumerate(delta)}
    return document | {"gradients": {**document["gradients"], **inner}}


def test_right_gradients_of_inner_values_are_correct_under_their_names() -> None:
    report = verify(document_with_nodes())
    assert report.verdict == "correct"
    assert set(report.parameters) == {
        *(f"layers.{layer}.{kind}" for layer in (0, 1) for kind in ("weight", "bias")),
        *("nodes.a0", "nodes.a1"),
    }


def test_a_wrong_inner_gradient_is_where_the_mistake_begins() -> None:
    document = document_with_nodes()
    right = np.asarray(document["gradients"]["nodes.a0"])
    x = np.asarray(document["inputs"])
    halved = {"nodes.a0": -right, "layers.0.weight": -x.T @ right, "layers.0.bias": -right.sum(axis=0)}
    report = verify(document | {"gradients": {**document["gradients"], **halved}})
    (row,) = report.diagnosis
    assert (row.bug, row.node) == ("sign-flipped", "nodes.a0")


def test_examples_in_columns_are_columns_of_inner_gradients_too() -> None:
    document = document_with_nodes()
    network = {**document["network"], "examples": "columns"}
    turned = {name: np.transpose(document["gradients"][name]).tolist() for name in ("nodes.a0", "nodes.a1")}
    inputs = np.transpose(document["inputs"]).tolist()
    document |= {"network": network, "inputs": inputs, "gradients": {**document["gradients"], **turned}}
    assert verify(document).verdict == "correct"


@pytest.mark.parametrize(
    ("change", "where", "expected"),
    [
        ({"gradients": {"nodes.a7": [[1.0]]}}, "/gradients/nodes.a7", "nodes.a0, nodes.z0"),
        ({"gradients": {"nodes.a0": [[1.0]]}}, "/gradients/nodes.a0", "shape (5, 4)"),
        ({"gradients": {"nodes.a0": "x"}}, "/gradients/nodes.a0", "numbers"),
    ],
    ids=["an unknown node", "another shape", "no numbers"],
)
def test_what_is_no_gradient_of_an_inner_value_is_refused(change: Any, where: str, expected: str) -> None:
    with pytest.raises(MalformedSubmission) as raised:
        verify(small_document() | change)
    (error,) = raised.value.errors
    assert error.pointer == where
    assert expected in error.expected


def test_an_assignment_of_layers_takes_no_inner_values() -> None:
    document = document_with_nodes()
    uploaded = {"gradients": document.pop("gradients")}
    with pytest.raises(MalformedSubmission, match=r"nodes\.a0"):
        read_uploaded_gradients(document, uploaded)
