"""A live `torch.nn.Module`: its layers in the order in which torch.fx traces its forward pass."""

from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.network import forward
from verifier.documents.reading import read_submission
from verifier.importers.document import Gradients, document_of_import
from verifier.importers.numbers import array_of
from verifier.importers.refusal import library, refused
from verifier.importers.torch_graph import Walk
from verifier.importers.torch_losses import loss_of_module

_SAME = 8.0  # square roots of the roundoff: what a network of the same mathematics stays within


def from_torch(
    module: Any,
    loss: Any,
    inputs: Any,
    targets: Any,
    *,
    gradients: Gradients = None,
    **fields: Any,
) -> dict[str, Any]:
    """Give the document of a module of Linear layers and activations, subclasses and functions included.

    loss: a loss module of torch.nn, or the document's `loss`. gradients: by the module's parameter names;
    by default what stands in the parameters' `.grad`. fields: further fields of the document. The module is
    run once on the inputs, and refused when the document's network puts out something else.
    Raises: ImportRefused naming every layer that is none of a multilayer perceptron; MalformedSubmission.
    """
    torch = library("torch", "torch")
    names = {id(parameter): name for name, parameter in module.named_parameters(remove_duplicate=False)}
    chain = Walk(torch, module, names).through(_traced(torch, module))
    network = chain.finished()
    if gradients is None:
        gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
        used = {array.name for array in network.parameters().values()}
        gradients = {name: gradient for name, gradient in gradients.items() if name in used}
    document = document_of_import(
        network,
        inputs=inputs,
        targets=targets,
        loss=loss_of_module(loss, targets) if isinstance(loss, torch.nn.Module) else loss,
        gradients=gradients,
        fields=fields,
    )
    if "masks" not in fields:
        _check_outputs(torch, module, inputs, document)
    return document


def _traced(torch: Any, module: Any) -> Any:
    try:
        return torch.fx.symbolic_trace(module).graph
    except Exception as error:  # whatever a forward pass of somebody else's may raise
        rule = "a forward pass that torch.fx can follow: no branches on values, no loops over them"
        raise refused(type(module).__name__, rule, f"{type(error).__name__}: {str(error)[:200]}") from None


def _check_outputs(torch: Any, module: Any, inputs: Any, document: dict[str, Any]) -> None:
    """Hold the imported network against the module itself: hooks and overrides do not show in a trace."""
    problem = read_submission(document).problem
    first = next(module.parameters())
    with torch.no_grad():
        theirs = array_of(module(torch.as_tensor(array_of(inputs)).to(first)))
    ours = forward(problem.network, problem.parameters, problem.batch).outputs
    if theirs.shape != ours.shape or not _alike(ours, theirs, float(torch.finfo(first.dtype).eps)):
        rule = "a module that puts out what its layers compute"
        raise refused(type(module).__name__, rule, "other outputs", "remove hooks and overrides")


def _alike(ours: Array, theirs: Array, roundoff: float) -> bool:
    size = max(1.0, float(np.nanmax(np.abs(ours), initial=0.0)))
    return np.allclose(ours, theirs, rtol=0.0, atol=_SAME * roundoff**0.5 * size, equal_nan=True)
