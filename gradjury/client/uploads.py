"""Uploads: gradients, submissions and assignments, from files or from Python."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from os import PathLike, fspath
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias
from zipfile import ZIP_DEFLATED, ZipFile

if TYPE_CHECKING:
    from verifier.documents.typed import AssignmentFields, SubmissionFields

File: TypeAlias = str | PathLike[str]
Gradients: TypeAlias = Mapping[str, Any] | File
SubmissionSource: TypeAlias = "SubmissionFields | Mapping[str, Any] | File"
Submissions: TypeAlias = "Mapping[str, Gradients | SubmissionSource] | Iterable[File] | File"
AssignmentSource: TypeAlias = "AssignmentFields | Mapping[str, Any] | File"
Students: TypeAlias = Iterable[str] | Mapping[str, str | None]

JSON = "application/json"
_MEDIA_TYPES = MappingProxyType(
    {"json": JSON, "npz": "application/x-npz", "safetensors": "application/x-safetensors"}
)
_SUFFIX_OF = MappingProxyType({media_type: f".{name}" for name, media_type in _MEDIA_TYPES.items()})
ZIP = "application/zip"
_MAC_ARCHIVE = "__MACOSX"  # a folder that services skip
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


def batch_upload(submissions: Submissions, of_students: bool) -> Upload:
    """Return many submissions as a zip with a file for each.

    submissions: arrays, documents or files by name; or files and folders; or one folder or zip.
    of_students: a file has the name of its student, which it gets as in `gradjury check`.
    Raises: MalformedSubmission for unreadable files, and names that a zip or a class cannot have.
    """
    if isinstance(submissions, str | PathLike):
        if is_archive(submissions):
            return Upload(Path(submissions).read_bytes(), ZIP)
        submissions = [submissions]
    if isinstance(submissions, Mapping):
        upload_of = gradients_upload if of_students else submission_upload
        uploads = {str(name): upload_of(source) for name, source in submissions.items()}
    else:
        uploads = _uploads_of_files([fspath(path) for path in submissions], of_students)
    _check_names(uploads, of_students)
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for name, upload in uploads.items():
            archive.writestr(f"{name}{_SUFFIX_OF[upload.media_type]}", upload.content)
    return Upload(packed.getvalue(), ZIP)


def is_archive(path: File) -> bool:
    """True if a path has the suffix of a zip file."""
    return Path(path).suffix.lower() == ".zip"


def json_upload(document: Mapping[str, Any]) -> Upload:
    """Return a document as JSON; it may have arrays in place of lists."""
    from verifier.documents.json import encode  # loads numpy
    from verifier.documents.writing import arrays_to_lists

    return Upload(encode(arrays_to_lists(dict(document))), JSON)


def _file_upload(path: File) -> Upload:
    from verifier.documents.files import format_of  # loads numpy
    from verifier.documents.gradients import parse_gradients

    content = Path(path).read_bytes()
    format_name = format_of(content)
    if format_name == "mat":  # which the service does not take
        return _npz_upload(parse_gradients(content))
    return Upload(content, _MEDIA_TYPES.get(format_name or "", JSON))


def _uploads_of_files(arguments: Sequence[str], of_students: bool) -> dict[str, Upload]:
    # these load numpy
    from verifier.cli.files import common_folder, expand_paths, title_of, unreadable_file_error
    from verifier.exporters.grades import student_names
    from verifier.problem.errors import MalformedSubmission

    sources = list(expand_paths(arguments))
    folder = common_folder(arguments, sources)
    titles = [title_of(source, folder) for source in sources]
    names = student_names(titles) if of_students else [str(Path(title).with_suffix("")) for title in titles]
    uploads, errors = {}, []
    for name, source in zip(names, sources, strict=True):
        try:
            uploads[name] = _file_upload(source)
        except OSError as error:
            errors.append(replace(unreadable_file_error(error), pointer=source))
    if errors:
        raise MalformedSubmission(errors)
    return uploads


def _check_names(names: Iterable[str], of_students: bool) -> None:
    """Raise MalformedSubmission for names under which the service would find no file, or another student."""
    from verifier.problem.errors import ErrorCollector  # loads numpy

    errors, names = ErrorCollector(), list(names)
    for name in names:
        if any(not part or part.startswith(".") or part == _MAC_ARCHIVE for part in name.split("/")):
            errors.add(name, "a name that does not begin with a dot", repr(name), "rename it")
    files = Counter(name.partition("/")[0] for name in names)
    for student, count in files.items():
        if of_students and student not in names:
            remedy = "leave one, or give the files by name"
            errors.add(student, "one file for each student", f"{count} files", remedy)
    errors.raise_if_any()


def _document_of_arrays(gradients: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: gradients[name] for name in _FIELDS & gradients.keys()}
    return {**fields, "gradients": {name: gradients[name] for name in gradients if name not in fields}}


def _npz_upload(document: dict[str, Any]) -> Upload:
    from verifier.documents.files import write_document  # loads numpy

    return Upload(write_document(document, "npz"), _MEDIA_TYPES["npz"])
