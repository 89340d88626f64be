"""A form given back with what is wrong about it, and with all that it held."""

from dataclasses import dataclass
from http import HTTPStatus

from api.http.problems import ProblemError, RefusedError, status_of
from api.pages.forms import Form, Kept, keep
from api.workers.protocol import Refused
from verifier.documents.mistakes import MalformedSubmission, Mistake

_NOTHING = Kept()


@dataclass(frozen=True, slots=True)
class Returned:
    """kept, student: what the form held. mistakes: of its document. trouble: what else is wrong."""

    status: HTTPStatus = HTTPStatus.OK
    kept: Kept = _NOTHING
    student: str = ""
    mistakes: tuple[Mistake, ...] = ()
    trouble: str = ""


FRESH = Returned()
Wrong = RefusedError | MalformedSubmission | ProblemError


def returned(form: Form, error: Wrong) -> Returned:
    """Give a form back."""
    kept, student = keep(form), form.field("student")
    if isinstance(error, ProblemError):
        return Returned(error.status, kept, student, trouble=error.detail)
    found = error.refused if isinstance(error, RefusedError) else Refused.from_error(error)
    return Returned(status_of(found), kept, student, found.mistakes)
