"""What is sent: gradients, submissions and assignments, from files or from Python."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from verifier.documents.typed import AssignmentFields, SubmissionFields

File: TypeAlias = str | PathLike[str]
Gradients: TypeAlias = Mapping[str, Any] | File
SubmissionSource: TypeAlias = "SubmissionFields | Mapping[str, Any] | File"
AssignmentSource: TypeAlias = "AssignmentFields | Mapping[str, Any] | File"
Students: TypeAlias = Iterable[str] | Mapping[str, str | None]

JSON = "application/json"
_MEDIA_TYPES = MappingProxyType(
    {"json": JSON, "npz": "application/x-npz", "safetensors": "application/x-safetensors"}
)
_FIELDS = frozenset(("reported_loss", "precision", "names"))  # beside the gradients


@dataclass(frozen=True, slots=True)
class Upload:
    """The body of a request, and its media type."""

    content: bytes
    media_type: str


def gradients_upload(gradients: Gradients) -> Upload:
    """Return the gradients of a file or a mapping as npz, which keeps every digit and the precision.

    gradients: arrays by parameter; or a document with `gradients`, `reported_loss` and `precision`.
    Raises: OSError if the file cannot be read; MalformedSubmission for values that are no numbers.
    """
    if not isinstance(gradients, Mapping):
        return _file_upload(gradients)
    whole = isinstance(gradients.get("gradients"), Mapping)
    return _npz_upload(dict(gradients) if whole else _document_of_arrays(gradients))


def submission_upload(submission: SubmissionSource) -> Upload:
    """Return a submission's document as npz, and a file as it is. Raises as `gradients_upload`."""
    from verifier.documents.sources import document_of  # loads numpy
    from verifier.problem.errors import malformed

    if isinstance(submission, str | PathLike):
        return _file_upload(submission)
    document = document_of(submission, {})
    if not isinstance(document, Mapping):
        raise malformed("", "a document, or the path of its file", "a submission that was read already")
    return _npz_upload(dict(document))


def assignment_upload(assignment: AssignmentSource) -> Upload:
    """Return an assignment as JSON: a document with lists or arrays, or the path of its file."""
    if isinstance(assignment, str | PathLike):
        return Upload(Path(assignment).read_bytes(), JSON)
    return json_upload(assignment)


def roster_upload(students: Students) -> Upload:
    """Return the names of students as JSON; a mapping has their ids in a learning management system."""
    ids = students if isinstance(students, Mapping) else dict.fromkeys(students)
    rows = [{"student": name, **({} if lms is None else {"lms_id": lms})} for name, lms in ids.items()]
    return Upload(json.dumps(rows).encode(), JSON)


def json_upload(document: Mapping[str, Any]) -> Upload:
    """Return a document as JSON; it may have arrays in place of lists."""
    from verifier.documents.json import encode  # loads numpy
    from verifier.documents.writing import arrays_to_lists

    return Upload(encode(arrays_to_lists(dict(document))), JSON)


def _file_upload(path: File) -> Upload:
    from verifier.documents.files import format_of  # loads numpy

    content = Path(path).read_bytes()
    return Upload(content, _MEDIA_TYPES.get(format_of(content) or "", JSON))


def _document_of_arrays(gradients: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: gradients[name] for name in _FIELDS & gradients.keys()}
    return {**fields, "gradients": {name: gradients[name] for name in gradients if name not in fields}}


def _npz_upload(document: dict[str, Any]) -> Upload:
    from verifier.documents.files import write_document  # loads numpy

    return Upload(write_document(document, "npz"), _MEDIA_TYPES["npz"])
