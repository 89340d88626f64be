"""What a student hands in to an assignment: gradients alone, and a submission made of them."""

from collections.abc import Mapping
from typing import Any

from verifier.claim import Claim, read_claim
from verifier.documents.bounds import GENEROUS, Bounds
from verifier.documents.files import parse_bytes, settled_format
from verifier.documents.json_text import parse
from verifier.documents.mistakes import MalformedSubmission, Mistake, Mistakes, at, shown
from verifier.documents.npz import read_members_and_text
from verifier.documents.safetensors import BFLOAT16, read_tensors_and_text
from verifier.documents.tensor_document import TEXT

_UNASKED = ("float64", "float32")
FIELDS = ("gradients", "reported_loss", "precision")
_OF_ASSIGNMENT = ("network", "loss", "parameters", "inputs", "targets", "masks", "tolerance", "name")


def parse_gradients(content: bytes, bounds: Bounds = GENEROUS, declared: str | None = None) -> Any:
    """Give the document in a student's file: JSON, npz or safetensors.

    Gradients may stand under `gradients` (in binary files as `gradients.layers.0.weight`), or by themselves.
    declared: as `parse_bytes` takes it. Raises: UnreadableSubmission, MalformedSubmission.
    """
    found = settled_format(content, declared)
    if found == "npz":
        return _assembled(*read_members_and_text(content, bounds), bounds)
    if found == "safetensors":
        tensors, text, formats = read_tensors_and_text(content, bounds)
        document = _assembled(tensors, text, bounds)
        return {"precision": "bfloat16", **document} if set(formats.values()) == {BFLOAT16} else document
    document = parse_bytes(content, bounds, declared)
    if isinstance(document, dict) and document and all(name.startswith("layers.") for name in document):
        return {"gradients": document}
    return document


def read_handed_in(problem: Mapping[str, Any], handed_in: Any) -> Claim:
    """Read what was handed in as an answer to a problem's document.

    Where the problem names no precision, narrow ones are refused: what they round away would be excused, and
    whoever guesses would declare them. Raises: MalformedSubmission with everything that is wrong.
    """
    submission = read_claim(submission_document(problem, handed_in))
    if problem.get("precision") is None and submission.precision.name not in _UNASKED:
        rule = f"gradients in {' or '.join(_UNASKED)}"
        remedy = "compute in one of them; narrower ones only where the assignment's problem names them"
        raise MalformedSubmission([Mistake("/precision", rule, submission.precision.name, remedy)])
    return submission


def submission_document(problem: Mapping[str, Any], handed_in: Any) -> dict[str, Any]:
    """Put a problem's document and what was handed in together; the problem's name is not the answer's.

    Raises: MalformedSubmission for what is no answer; whether its names and shapes fit is read later.
    """
    mistakes = Mistakes()
    if not isinstance(handed_in, Mapping):
        mistakes.add("", 'gradients, as {"gradients": {"layers.0.weight": …}}', shown(handed_in))
        mistakes.raise_if_any()
    asked, said = problem.get("precision"), handed_in.get("precision")
    if asked is not None and said not in (None, asked):
        rule = f"{asked!r}, which the assignment asks for"
        mistakes.add("/precision", rule, shown(said), "compute in it, or leave it out")
    for field in handed_in:
        if field in _OF_ASSIGNMENT:
            remedy = "leave it out: the assignment has it"
            mistakes.add(at("", field), "gradients alone", f"the field {field!r}", remedy)
        elif field not in FIELDS:
            rule = f"a known field ({', '.join(FIELDS)})"
            mistakes.add(at("", field), rule, f"the field {str(field)[:40]!r}")
    if "gradients" not in handed_in:
        mistakes.add("/gradients", "the field 'gradients'", "nothing", "add it")
    mistakes.raise_if_any()
    return {
        **problem,
        "name": None,
        **{field: value for field, value in handed_in.items() if value is not None},
    }


def _assembled(tensors: Mapping[str, Any], text: str | None, bounds: Bounds) -> dict[str, Any]:
    rest = {} if text is None else parse(text, bounds)
    mistakes = Mistakes()
    if not isinstance(rest, dict):
        mistakes.add("", f"one JSON object named {TEXT!r}", shown(rest))
        mistakes.raise_if_any()
    gradients = {name.removeprefix("gradients."): tensor for name, tensor in tensors.items()}
    if "gradients" in rest or len(gradients) < len(tensors):
        mistakes.add("/gradients", "every gradient once", "some twice", "keep one of them")
    mistakes.raise_if_any()
    return {**rest, "gradients": gradients}
