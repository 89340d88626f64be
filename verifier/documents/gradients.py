"""Read the gradients that a student uploads for an assignment, and build a submission from them."""

from collections.abc import Mapping
from typing import Any

from verifier.documents.files import parse_bytes, resolve_format
from verifier.documents.json import DEFAULT_BOUNDS, Bounds, parse
from verifier.documents.layer_kinds import has_layer_kinds
from verifier.documents.matlab import read_matrices
from verifier.documents.names import NAMES
from verifier.documents.npz import read_members_and_text
from verifier.documents.reading import AnySubmission, is_graph, read_any_submission, read_submission
from verifier.documents.safetensors import BFLOAT16, TEXT, read_tensors_and_text
from verifier.problem.errors import ErrorCollector, describe, malformed

_DEFAULT_PRECISIONS = ("float64", "float32")
FIELDS = ("gradients", "reported_loss", "precision", NAMES)
_ASSIGNMENT_FIELDS = ("network", "loss", "parameters", "inputs", "targets", "masks", "tolerance", "name")


def parse_gradients(content: bytes, bounds: Bounds = DEFAULT_BOUNDS, declared: str | None = None) -> Any:
    """Return the document in a student's JSON, npz, safetensors or .mat file.

    Gradients are under `gradients` (`gradients.layers.0.weight` in binary files), or at the top level.
    declared: the declared format, or None to detect it.
    Raises: UnreadableSubmission, MalformedSubmission.
    """
    file_format = resolve_format(content, declared)
    if file_format == "npz":
        return _with_gradients(*read_members_and_text(content, bounds), bounds)
    if file_format == "mat":
        return _with_gradients(read_matrices(content, bounds), None, bounds)
    if file_format == "safetensors":
        tensors, text, formats = read_tensors_and_text(content, bounds)
        document = _with_gradients(tensors, text, bounds)
        return {"precision": "bfloat16", **document} if set(formats.values()) == {BFLOAT16} else document
    document = parse_bytes(content, bounds, declared)
    if isinstance(document, dict) and document and document.keys().isdisjoint((*FIELDS, *_ASSIGNMENT_FIELDS)):
        return {"gradients": document}
    return document


def read_uploaded_gradients(problem: Mapping[str, Any], uploaded: Any) -> AnySubmission:
    """Return the submission of uploaded gradients to a problem's document.

    Where the problem names no precision, only float64 and float32 are accepted. A narrower precision would
    widen the tolerance, and a student who guesses could declare it for this reason.
    Raises: MalformedSubmission with all errors.
    """
    document = submission_document(problem, uploaded)
    # an assignment of layers asks for the gradients of parameters alone
    as_graph = is_graph(document) or has_layer_kinds(document)
    submission = read_any_submission(document) if as_graph else read_submission(document)
    if problem.get("precision") is None and submission.precision.name not in _DEFAULT_PRECISIONS:
        rule = f"gradients in {' or '.join(_DEFAULT_PRECISIONS)}"
        remedy = "compute in one of them; narrower ones only where the assignment's problem names them"
        raise malformed("/precision", rule, submission.precision.name, remedy)
    return submission


def submission_document(problem: Mapping[str, Any], uploaded: Any) -> dict[str, Any]:
    """Return a problem's document with the uploaded fields, without the problem's name.

    Names and shapes of the gradients are checked later, by `read_claim`.
    Raises: MalformedSubmission for unexpected or missing fields.
    """
    errors = ErrorCollector()
    if not isinstance(uploaded, Mapping):
        errors.add("", 'gradients, as {"gradients": {"layers.0.weight": …}}', describe(uploaded))
        errors.raise_if_any()
    required_precision, declared_precision = problem.get("precision"), uploaded.get("precision")
    if required_precision is not None and declared_precision not in (None, required_precision):
        rule = f"{required_precision!r}, which the assignment asks for"
        errors.add("/precision", rule, describe(declared_precision), "compute in it, or leave it out")
    for field in uploaded:
        if field in _ASSIGNMENT_FIELDS:
            remedy = "leave it out: the assignment has it"
            errors.add((field,), "gradients alone", f"the field {field!r}", remedy)
        elif field not in FIELDS:
            rule = f"a known field ({', '.join(FIELDS)})"
            errors.add((field,), rule, f"the field {str(field)[:40]!r}")
    if "gradients" not in uploaded:
        errors.add("/gradients", "the field 'gradients'", "nothing", "add it")
    errors.raise_if_any()
    answer = {field: value for field, value in uploaded.items() if value is not None}
    if isinstance(answer.get(NAMES), Mapping):
        answer[NAMES] = {**problem.get(NAMES, {}), **answer[NAMES]}
    return {**problem, "name": None, **answer}


def _with_gradients(tensors: Mapping[str, Any], text: str | None, bounds: Bounds) -> dict[str, Any]:
    rest = {} if text is None else parse(text, bounds)
    errors = ErrorCollector()
    if not isinstance(rest, dict):
        errors.add("", f"one JSON object named {TEXT!r}", describe(rest))
        errors.raise_if_any()
    gradients = {name.removeprefix("gradients."): tensor for name, tensor in tensors.items()}
    if "gradients" in rest or len(gradients) < len(tensors):
        errors.add("/gradients", "every gradient once", "some twice", "keep one of them")
    errors.raise_if_any()
    return {**rest, "gradients": gradients}
