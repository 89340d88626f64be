"""Read the sources of `verify` and of the pytest fixture: documents, files, live modules."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.lib.npyio import NpzFile

from verifier.documents import importers
from verifier.documents.files import parse_bytes
from verifier.documents.importers.common import refused
from verifier.documents.importers.torch_layers import loss_of_module
from verifier.documents.importers.value_graph import is_value
from verifier.documents.reading import AnySubmission, read_any_submission
from verifier.documents.safetensors import TEXT
from verifier.problem.errors import describe, malformed
from verifier.problem.submission import GraphSubmission, Submission
from verifier.report.model import ReportData

_RULE = "a submission: its document, the path of its file, or a torch.nn.Module with loss, inputs and targets"


def submission_of(source: Any, fields: Mapping[str, Any]) -> AnySubmission:
    """Return the submission in a source; fields that are not None replace those of its document.

    Raises: MalformedSubmission with all errors; OSError if a file cannot be read.
    """
    document = document_of(source, {name: value for name, value in fields.items() if value is not None})
    return document if isinstance(document, Submission | GraphSubmission) else read_any_submission(document)


def document_of(source: Any, fields: Mapping[str, Any]) -> Any:
    """Return the document of a source with these fields. Raises: MalformedSubmission, OSError."""
    if isinstance(source, Submission | GraphSubmission):
        for field in fields:
            remedy = "give the document, or the path of its file, in place of what load returns"
            raise refused(field, "nothing beside a submission that is read already", "some", remedy)
        return source
    if isinstance(source, bytes) or (isinstance(source, str) and source.lstrip().startswith("{")):
        raise malformed("", _RULE, "the text of a document", "parse it first: verify(json.loads(text))")
    if isinstance(source, str | os.PathLike):
        source = parse_bytes(Path(source).read_bytes())
    elif isinstance(source, NpzFile):
        source = _document_of_npz(source)
    elif isinstance(source, list | tuple):
        source = {"network": {"layers": list(source)}}
    elif not isinstance(source, Mapping):
        return _document_of_object(source, fields)
    elif "network" not in source and ("layers" in source or "nodes" in source):
        network = {name: value for name, value in source.items() if name != "parameters"}
        source = {"network": network, "parameters": source.get("parameters", {})}
    document = {**source, **fields} if fields else source
    loss = document.get("loss")
    if isinstance(loss, type) and loss.__module__ == "torch.nn.modules.loss":
        loss = loss()  # with its defaults
    if hasattr(loss, "reduction"):  # a loss module of PyTorch
        document = {**document, "loss": loss_of_module(loss, document.get("targets"))}
    return document


def _document_of_npz(archive: NpzFile) -> Mapping[str, Any]:
    """Return the submission in an open npz. Raises: MalformedSubmission for arrays alone."""
    if TEXT in archive.files:
        path = None if archive.zip is None else archive.zip.filename
        if path is None:
            raise malformed("", "an npz that was opened by its path", "a stream", "give the path itself")
        document: Mapping[str, Any] = parse_bytes(Path(path).read_bytes())
        return document
    remedy = "they may be gradients: give the problem first, verify(problem, gradients=np.load(…))"
    actual = f"arrays alone, {', '.join(archive.files[:5])}"
    raise malformed("", "an npz that holds a submission", actual, remedy)


def _document_of_object(source: Any, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    if hasattr(source, "grad_fn") or hasattr(source, "parents") or is_value(source):
        for field in fields.keys() & {"loss", "inputs", "targets", "parameters", "gradients"}:
            remedy = "leave it out: the graph has it, and gradients stand in .grad"
            raise refused(field, "nothing beside a live tensor", "some", remedy)
        document: Mapping[str, Any] = _importer_of(source)(source, **fields)
        return document
    if hasattr(source, "named_parameters"):
        return _document_of_module(source, dict(fields))
    remedy = "build_document makes a document of sizes, parameters, inputs, targets and gradients"
    if isinstance(source, ReportData):
        remedy = "it is the result already: look at its verdict"
    elif callable(source):
        remedy = "for a function and its gradient call check_gradient, for one operation check_operation"
    raise malformed("", _RULE, describe(source), remedy)


def _importer_of(source: Any) -> Any:
    """Return the importer of a live tensor or value."""
    if hasattr(source, "grad_fn"):
        return importers.from_torch_tensor
    is_edugrad = all(hasattr(source, field) for field in ("value", "parents", "name"))
    return importers.from_edugrad if is_edugrad or not is_value(source) else importers.from_value


def _document_of_module(module: Any, fields: dict[str, Any]) -> Mapping[str, Any]:
    if "parameters" in fields:
        raise refused("parameters", "none beside a module, which has its own", "some", "leave them out")
    for field in ("loss", "inputs", "targets"):
        if field not in fields:
            remedy = "add it: verify(module, loss=…, inputs=…, targets=…)"
            raise refused(field, f"the field {field!r} beside a module", "nothing", remedy)
    if fields.get("gradients") is None and all(each.grad is None for each in module.parameters()):
        raise refused("gradients", "gradients in the module's .grad", "none", "call loss.backward() first")
    question = [fields.pop(field) for field in ("loss", "inputs", "targets")]
    return importers.from_torch(module, *question, **fields)
