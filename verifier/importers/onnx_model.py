"""Import ONNX models of standard operators. External data files are not opened."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from verifier.documents.mistakes import UnreadableSubmission
from verifier.importers.array_files import content_of
from verifier.importers.document import Gradients, document_of_import
from verifier.importers.onnx_graph import Walk
from verifier.importers.refusal import library, refused


def from_onnx(
    model: Any,
    loss: Any,
    inputs: Any,
    targets: Any,
    *,
    gradients: Gradients = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return the document of an ONNX model of Gemm, or MatMul and Add, and activations.

    Parameters
    ----------
    model : onnx.ModelProto, str, Path or bytes
        A model, or the path or bytes of its file.
    loss : str or dict
        The document's `loss`.
    inputs, targets : array_like
        Examples as rows, and their targets.
    gradients : mapping or sequence, optional
        With respect to the initializers, by their names and in their layouts; `alpha` and `beta` of Gemm are
        not applied to them.
    **fields
        Further fields of the document, such as `name` or `tolerance`.

    Returns
    -------
    dict
        The document, with numpy arrays.

    Raises
    ------
    ImportRefused
        If operators are unsupported; it names all of them.
    MalformedSubmission
        If the file or the resulting document is invalid.
    MissingLibrary
        If onnx is not installed.

    Examples
    --------
    >>> report = verify(from_onnx("model.onnx", "torch.mse", inputs, targets, gradients=gradients))
    """
    onnx = library("onnx", "gradjury[onnx]")
    if isinstance(model, str | Path | bytes):
        model = _parsed(onnx, content_of(model))
    _check(onnx, model)
    return document_of_import(
        Walk(onnx, model.graph).through().finished(),
        inputs=inputs,
        targets=targets,
        loss=loss,
        gradients=gradients,
        fields=fields,
    )


def _parsed(onnx: Any, content: bytes) -> Any:
    if content[:1] == b"\x80":
        raise UnreadableSubmission("an ONNX model", "a pickle", "export it with torch.onnx.export")
    message = library("google.protobuf.message", "gradjury[onnx]")
    try:
        return onnx.load_model_from_string(content)
    except (message.DecodeError, ValueError, RuntimeError) as error:
        raise UnreadableSubmission("an ONNX model", f"none or a damaged one: {str(error)[:100]}") from None


def _check(onnx: Any, model: Any) -> None:
    for tensor in _tensors(onnx, model.graph):
        if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
            rule = "weights in the model's own file"
            raise refused(tensor.name, rule, "external data", "save it with save_as_external_data=False")
    for node in model.graph.node:  # before the checker, whose error message is about a missing schema
        if node.domain not in ("", "ai.onnx"):
            actual = f"{node.op_type} of the domain {node.domain[:60]!r}"
            raise refused(node.name or node.op_type, "standard operators", actual, "use those of ONNX itself")
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        raise UnreadableSubmission("a valid ONNX model", str(error).strip().split("\n")[0][:200]) from None


def _tensors(onnx: Any, graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t
