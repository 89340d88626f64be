"""Read forms, and return them with their errors and everything that was typed or chosen."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi import Request

from api.http.bodies import FORM, declared_type, parse_form, read_bounded
from api.http.problems import ProblemError, RefusedError, status_of
from api.workers.protocol import Refusal
from verifier.problem.errors import DocumentError, MalformedSubmission

_LARGEST_TEXT = 256 * 2**10  # bytes of a JSON file that is shown as text
_LARGEST_KEPT = 8 * 2**20  # bytes of a file that is kept in the page
_OTHER_FIELDS = 64 * 2**10  # bytes
_BASE64_GROWTH = 4 / 3


@dataclass(frozen=True, slots=True)
class SentDocument:
    """A document of a form. name: of its file, empty for typed text."""

    content: bytes
    name: str = ""


@dataclass(frozen=True, slots=True)
class KeptDocument:
    """A document that the returned page keeps, so that it need not be typed or chosen again.

    text: JSON. file: any other format, in base64. too_large: the file is too large to be kept.
    """

    text: str = ""
    file: str = ""
    name: str = ""
    too_large: bool = False


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    fields: Mapping[str, str]
    files: Mapping[str, SentDocument]

    def field(self, name: str) -> str:
        return self.fields.get(name, "")

    @property
    def has_document(self) -> bool:
        """True if a file was chosen, text was typed, or the page has kept a document."""
        return "file" in self.files or bool(self.field("text").strip() or self.field("kept"))

    def document(self) -> SentDocument:
        """Return the chosen file, else the text, else the document that the page has kept.

        Raise ProblemError 422 if there is none.
        """
        if "file" in self.files:
            return self.files["file"]
        if self.field("text").strip():
            return SentDocument(self.field("text").encode())
        if self.field("kept"):
            try:
                return SentDocument(b64decode(self.field("kept"), validate=True), self.field("kept_name"))
            except (binascii.Error, ValueError):
                pass
        detail = "expected a file or text, got neither; choose a file, or paste a document"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


_NO_DOCUMENT = KeptDocument()


@dataclass(frozen=True, slots=True)
class FormErrors:
    """A form to show again.

    kept, student: what the form held. document_errors: of its document.
    trouble: the message of any other error. values: the form's other fields.
    """

    status: HTTPStatus = HTTPStatus.OK
    kept: KeptDocument = _NO_DOCUMENT
    student: str = ""
    document_errors: tuple[DocumentError, ...] = ()
    trouble: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


EMPTY = FormErrors()


async def read_form(
    request: Request, largest: int, beside: int = _LARGEST_TEXT + _OTHER_FIELDS
) -> SubmittedForm:
    """Read a form with a document of at most `largest` bytes. Raise ProblemError 400, 413 or 415.

    beside: bytes of all other fields.
    """
    declared_type(request, (FORM,))
    # a kept file is sent in base64, and there may be text beside a file: each is checked below
    body = await read_bounded(request, int(_BASE64_GROWTH * largest) + beside)
    parsed = parse_form(request, body)
    files = {
        file.field: SentDocument(file.content, file.name)
        for file in parsed.files
        if file.content or file.name
    }
    form = SubmittedForm(dict(parsed.fields), files)
    for document in files.values():
        _check_size(len(document.content), largest)
    _check_size(len(form.field("text").encode()), largest)
    _check_size(int(len(form.field("kept")) / _BASE64_GROWTH), largest)
    return form


def keep_document(form: SubmittedForm) -> KeptDocument:
    """Return the document of a form for the next page: JSON as text, other formats in base64."""
    text = form.field("text")
    if "file" not in form.files:
        return KeptDocument(text, form.field("kept"), form.field("kept_name"))
    document = form.files["file"]
    if not text and len(document.content) <= _LARGEST_TEXT:
        try:
            return KeptDocument(document.content.decode())
        except UnicodeDecodeError:
            pass
    if len(document.content) > _LARGEST_KEPT:
        return KeptDocument(text, name=document.name, too_large=True)
    return KeptDocument(text, b64encode(document.content).decode(), document.name)


def form_errors(form: SubmittedForm, error: RefusedError | MalformedSubmission | ProblemError) -> FormErrors:
    """Return a form with an error, to be shown again."""
    kept, student = keep_document(form), form.field("student")
    if isinstance(error, ProblemError):
        return FormErrors(error.status, kept, student, trouble=error.detail, values=form.fields)
    refused = error.refused if isinstance(error, RefusedError) else Refusal.from_error(error)
    return FormErrors(status_of(refused), kept, student, refused.errors, values=form.fields)


def _check_size(size: int, largest: int) -> None:
    if size > largest:
        detail = f"expected a document of at most {largest} bytes; send safetensors instead of JSON, or less"
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
