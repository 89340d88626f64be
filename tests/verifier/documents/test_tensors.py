"""Tensors of PyTorch, those that require a gradient included, stand wherever a document has numbers."""

from typing import Any

import numpy as np
import pytest
import torch

from verifier import inspect, verify
from verifier.documents.files import parse_bytes, write_document
from verifier.documents.importers import from_torch
from verifier.examples.layers import example_document


def tensor(value: Any) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


def list_of_rows(value: Any) -> list[torch.Tensor]:
    return [tensor(row) for row in value]


def numbers(value: Any) -> list[Any]:
    return [[tensor(x) for x in row] if isinstance(row, list) else tensor(row) for row in value]


FORMS = pytest.mark.parametrize("form", [tensor, list_of_rows, numbers], ids=lambda form: form.__name__)


def tensor_document(form: Any) -> dict[str, Any]:
    """Put tensors into every field that holds numbers."""
    document = example_document("pytorch")
    groups = {
        group: {name: form(value) for name, value in document[group].items()}
        for group in ("parameters", "gradients")
    }
    singles = {name: form(document[name]) for name in ("inputs", "targets")}
    loss = {"name": "mse", "factor": tensor(1.0), "outputs": "mean"}
    masks = {"layers.0": form(np.ones((4, 4)).tolist())}
    return (
        document | groups | singles | {"masks": masks, "loss": loss, "reported_loss": tensor(0.29137522688)}
    )


@FORMS
def test_a_submission_of_tensors_is_judged_and_inspected(form):
    report = verify(tensor_document(form) | {"tolerance": {"rtol": tensor(1e-6), "atol": tensor(0.0)}})
    assert report.verdict == "correct"
    assert report.loss.verdict == "correct"
    assert inspect(tensor_document(form)).mutation_score > 0.5


@FORMS
@pytest.mark.parametrize("format_name", ["json", "npz", "safetensors"])
def test_a_submission_of_tensors_is_written_to_files(format_name, form):
    content = write_document(tensor_document(form), format_name)
    assert verify(parse_bytes(content)).verdict == "correct"


@pytest.mark.parametrize("form", [lambda value: value, list], ids=["tensors", "lists of rows"])
def test_a_module_is_imported_with_gradients_that_require_gradients(form):
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 2)).double()
    inputs, targets = (torch.randn(4, size, dtype=torch.float64, requires_grad=True) for size in (3, 2))
    loss = torch.nn.functional.mse_loss(module(inputs), targets)
    loss.backward()
    gradients = {
        name: form(torch.nn.Parameter(parameter.grad)) for name, parameter in module.named_parameters()
    }
    document = from_torch(
        module, "torch.mse", form(inputs), form(targets), gradients=gradients, reported_loss=loss
    )
    report = verify(document)
    assert (report.verdict, report.loss.verdict) == ("correct", "correct")
