"""What a form sends: fields, and a file that was chosen, typed, or kept in the page from the last time."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Request
from starlette.datastructures import UploadFile

from api.http.bodies import FORM, declared_type, parse_form, read_bounded
from api.http.problems import ProblemError

_MOST_TYPED = 256 * 2**10  # characters of a JSON file that are put in the page as text
_MOST_KEPT = 8 * 2**20  # bytes of a file that are kept in the page
_BESIDE = 64 * 2**10  # bytes of a form beside its document
_GROWTH = 4 / 3  # of bytes in base64


@dataclass(frozen=True, slots=True)
class Handed:
    """A document that a form brought. name: of its file, empty for what was typed."""

    content: bytes
    name: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a page gives back, so that nothing has to be typed or chosen again.

    file, name: of a file that is no text, in base64. lost: the file is too large for that.
    """

    text: str = ""
    file: str = ""
    name: str = ""
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    fields: Mapping[str, str]
    files: Mapping[str, Handed]

    def field(self, name: str) -> str:
        return self.fields.get(name, "")

    def document(self) -> Handed:
        """Give the file that was chosen, else the text, else what was kept.

        Raises: ProblemError 422 where there is none of them.
        """
        if "file" in self.files:
            return self.files["file"]
        if self.field("text").strip():
            return Handed(self.field("text").encode())
        if self.field("kept"):
            try:
                return Handed(b64decode(self.field("kept"), validate=True), self.field("kept_name"))
            except (binascii.Error, ValueError):
                pass
        detail = "expected a file or text, got neither; choose a file, or paste a document"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


async def read_form(request: Request, largest: int) -> Form:
    """Read a form whose document may have so many bytes. Raises: ProblemError 400, 413, 415."""
    declared_type(request, (FORM,))
    # a kept file comes in base64, and beside a file there may be text; each is held to the bound below
    body = await read_bounded(request, int(_GROWTH * largest) + _MOST_TYPED + _BESIDE)
    form = await parse_form(request, body)
    fields: dict[str, str] = {}
    files: dict[str, Handed] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            content = await value.read()
            if content or value.filename:
                files[name] = Handed(content, value.filename or "")
        else:
            fields[name] = value
    await form.close()
    found = Form(fields, files)
    for handed in files.values():
        _hold(len(handed.content), largest)
    _hold(len(found.field("text").encode()), largest)
    _hold(int(len(found.field("kept")) / _GROWTH), largest)
    return found


def keep(form: Form) -> Kept:
    """Give back what a form brought: JSON as text that can be changed, anything else as it is."""
    text = form.field("text")
    if "file" not in form.files:
        return Kept(text, form.field("kept"), form.field("kept_name"))
    handed = form.files["file"]
    if not text and len(handed.content) <= _MOST_TYPED:
        try:
            return Kept(handed.content.decode())
        except UnicodeDecodeError:
            pass
    if len(handed.content) > _MOST_KEPT:
        return Kept(text, name=handed.name, lost=True)
    return Kept(text, b64encode(handed.content).decode(), handed.name)


def _hold(size: int, largest: int) -> None:
    if size > largest:
        detail = f"expected a document of at most {largest} bytes; send safetensors instead of JSON, or less"
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
