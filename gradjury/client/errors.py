"""Exceptions of the client. Each has the problem document (RFC 9457) that the service answered.

ServiceError
├── InvalidRequestError      400, 406, 413, 415, 422: `errors` lists every mistake
├── AuthenticationError      401: no token, or one that is unknown, expired or revoked
├── PermissionDeniedError    403: the token's role, or the assignment's window, does not allow it
├── NotFoundError            404
├── ConflictError            409: no attempt is left, or somebody else changed it meanwhile
├── RateLimitError           429: more requests than a minute allows
└── UnavailableError         500 and above
    └── UnreachableError     no answer at all: the service does not run, or the network failed
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake in what was sent.

    pointer: JSON pointer to the value, empty for the whole document. detail: the rest as one sentence.
    expected, actual, remedy: the rule, the value and a fix; empty where the service gives none.
    """

    pointer: str
    detail: str
    expected: str = ""
    actual: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.pointer or '(document)'}: {self.detail}"


class ServiceError(Exception):
    """The service refused a request, or did not answer it.

    Attributes
    ----------
    status : int or None
        The HTTP status; None without an answer.
    detail : str
        The reason, in a sentence.
    errors : tuple of Mistake
        Every mistake in what was sent, each with its location, the rule, the value and a fix.
    problem : mapping
        The problem document of the answer; empty if it had none.
    request_id : str or None
        The id that the service's log has for the request.
    """

    def __init__(
        self,
        detail: str,
        status: int | None = None,
        problem: Mapping[str, Any] = _NOTHING,
        request_id: str | None = None,
    ) -> None:
        self.detail = detail
        self.status = status
        self.problem = problem
        self.request_id = request_id
        self.errors = tuple(_read_mistake(row) for row in problem.get("errors") or ())
        head = f"{detail.removesuffix('; see errors')}:" if self.errors else detail
        super().__init__("\n".join((head, *map(str, self.errors))))


class InvalidRequestError(ServiceError):
    """The service cannot take what was sent. `errors` lists every mistake."""


class AuthenticationError(ServiceError):
    """The request needs a token, or its token is unknown, expired or revoked."""


class PermissionDeniedError(ServiceError):
    """The token's role does not allow this, or the assignment is not open."""


class NotFoundError(ServiceError):
    """It does not exist, or the token does not open it."""


class ConflictError(ServiceError):
    """No attempt is left, or somebody else has changed it meanwhile."""


class RateLimitError(ServiceError):
    """The caller has sent more requests than a minute allows."""


class UnavailableError(ServiceError):
    """The service cannot answer now, or failed."""


class UnreachableError(UnavailableError):
    """No answer came: the service does not run, or the network failed."""


_BY_STATUS: Mapping[int, type[ServiceError]] = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: InvalidRequestError,
        HTTPStatus.UNAUTHORIZED: AuthenticationError,
        HTTPStatus.FORBIDDEN: PermissionDeniedError,
        HTTPStatus.NOT_FOUND: NotFoundError,
        HTTPStatus.NOT_ACCEPTABLE: InvalidRequestError,
        HTTPStatus.CONFLICT: ConflictError,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: InvalidRequestError,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: InvalidRequestError,
        HTTPStatus.UNPROCESSABLE_ENTITY: InvalidRequestError,
        HTTPStatus.TOO_MANY_REQUESTS: RateLimitError,
    }
)


def service_error(status: int, problem: Mapping[str, Any], request_id: str | None) -> ServiceError:
    """Return the exception for an answer's status and its problem document, which may be empty."""
    kind = _BY_STATUS.get(status, UnavailableError if status >= 500 else ServiceError)
    detail = problem.get("detail") or f"the answer has the status {status} and no reason"
    return kind(str(detail), status, problem, request_id)


def _read_mistake(row: Mapping[str, Any]) -> Mistake:
    return Mistake(
        str(row.get("pointer", "")),
        str(row.get("detail", "")),
        *(str(row.get(field) or "") for field in ("expected", "actual", "remedy")),
    )
