"""Import a live `torch.nn.Module`, whose forward pass torch.fx traces."""

from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.network import forward
from verifier.documents.importers.common import Gradients, array_of, import_to_document, library, refused
from verifier.documents.importers.torch_graph import TorchTraversal
from verifier.documents.importers.torch_layers import loss_of_module
from verifier.documents.reading import read_submission

_TOLERANCE_FACTOR = 8.0  # times the square root of the unit roundoff: tolerance of equal outputs


def from_torch(
    module: Any,
    loss: Any,
    inputs: Any,
    targets: Any,
    *,
    gradients: Gradients = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return the document of a PyTorch module of Linear layers and activations.

    The module runs once on the inputs, and its outputs are compared with those of the document's network.

    Parameters
    ----------
    module : torch.nn.Module
        A module with one chain of layers; it may call functions of torch as well.
    loss : torch.nn.Module, str or dict
        A loss module of torch.nn, or the document's `loss`.
    inputs, targets : array_like
        Examples as rows, and their targets.
    gradients : mapping or sequence, optional
        By the names of the parameters, or in their order. The default is the `.grad` of the parameters.
    **fields
        Further fields of the document, such as `name` or `tolerance`.

    Returns
    -------
    dict
        The document, with numpy arrays.

    Raises
    ------
    ImportRefused
        If layers are unsupported (it names all of them), or if the outputs differ.
    MalformedSubmission
        If the resulting document is invalid.

    Examples
    --------
    >>> loss(model(inputs), targets).backward()
    >>> report = verify(from_torch(model, loss, inputs, targets))
    """
    torch = library("torch", "gradjury[torch]")
    names = {id(parameter): name for name, parameter in module.named_parameters(remove_duplicate=False)}
    chain = TorchTraversal(torch, module, names).through(_trace(torch, module))
    network = chain.finished()
    if gradients is None:
        gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
        used = {array.name for array in network.parameters().values()}
        gradients = {name: gradient for name, gradient in gradients.items() if name in used}
    document = import_to_document(
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


def _trace(torch: Any, module: Any) -> Any:
    try:
        return torch.fx.symbolic_trace(module).graph
    except Exception as error:  # the forward pass may raise any exception
        rule = "a forward pass that torch.fx can follow: no branches on values, no loops over them"
        raise refused(type(module).__name__, rule, f"{type(error).__name__}: {str(error)[:200]}") from None


def _check_outputs(torch: Any, module: Any, inputs: Any, document: dict[str, Any]) -> None:
    """Compare the outputs of the imported network and the module, as a trace omits hooks and overrides."""
    problem = read_submission(document).problem
    first = next(module.parameters())
    with torch.no_grad():
        module_outputs = array_of(module(torch.as_tensor(array_of(inputs)).to(first)))
    outputs = forward(problem.network, problem.parameters, problem.batch).outputs
    if module_outputs.shape != outputs.shape or not _equal_up_to_rounding(
        outputs, module_outputs, float(torch.finfo(first.dtype).eps)
    ):
        rule = "a module that puts out what its layers compute"
        raise refused(type(module).__name__, rule, "other outputs", "remove hooks and overrides")


def _equal_up_to_rounding(outputs: Array, module_outputs: Array, roundoff: float) -> bool:
    size = max(1.0, float(np.nanmax(np.abs(outputs), initial=0.0)))
    return np.allclose(
        outputs, module_outputs, rtol=0.0, atol=_TOLERANCE_FACTOR * roundoff**0.5 * size, equal_nan=True
    )
