"""What routes are given: the service, and who calls, counted.

FastAPI solves each dependency anew for each request, at a cost; so none of these asks for another.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from api.http.problems import ProblemError, unauthorized
from api.http.rate_limits import DEFAULT, POLICIES, REFUSED, Policy, address_key
from api.rate_limit_headers import STATE
from api.service import Service
from api.services.access import require_role
from api.services.tokens import authenticate
from api.storage.records import Role, Token

_TOKEN = "token"  # in a request's state


class _Asked(SecurityBase):
    """A dependency of which the OpenAPI document says that the operation takes a token."""

    scheme_name = "token"
    model = HTTPBearer(description="A token made by `gradjury token create`")

    def __init__(self, give: Callable[[Request], Awaitable[Token | None]]) -> None:
        self._give = give

    async def __call__(self, request: Request) -> Token | None:
        return await self._give(request)


async def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


TheService = Annotated[Service, Depends(service_of)]


async def _anyone(request: Request) -> Token | None:
    """Give the caller's token, None for a request without one, and count the request, once.

    Raises: ProblemError 401 for a bad token, 429 for one request too many.
    """
    state = request.scope["state"]
    if _TOKEN not in state:
        await counted(request, await service_of(request), _bearer(request))
    token: Token | None = state[_TOKEN]
    return token


async def counted(request: Request, service: Service, shown: str | None) -> Token | None:
    """Give the token that the text a caller shows proves, None where none is shown; count the request.

    Raises: ProblemError 401 for a bad token, 429 for one request too many.
    """
    address = address_key(request.client.host if request.client else None)
    try:
        token = await _authenticated(service, shown)
    except ProblemError:
        _count(request, service, REFUSED, address)
        raise
    request.scope["state"][_TOKEN] = token  # whose id the log tells
    operation = getattr(request.scope.get("route"), "operation_id", None)
    caller = address if token is None else f"token:{token.id}"
    _count(request, service, POLICIES.get(operation or "", DEFAULT), caller)
    return token


def _count(request: Request, service: Service, policy: Policy, caller: str) -> None:
    request.scope["state"][STATE] = service.rate_limits.count(policy, caller)


def _bearer(request: Request) -> str | None:
    """Give what follows `Bearer`: None without the header, empty for any other."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, text = header.partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


async def _authenticated(service: Service, shown: str | None) -> Token | None:
    if shown is None:
        return None
    if not shown:
        raise unauthorized("expected 'Authorization: Bearer TOKEN'")
    token = await run_sync(authenticate, service.repository.tokens, shown, service.now())
    if token is None:
        raise unauthorized("the token is unknown, expired or revoked")
    return token


Anyone = Annotated[Token | None, Depends(_anyone)]
COUNTED = Depends(_anyone)  # for routes that do not ask who calls; a bad token is refused there too


async def _caller(request: Request) -> Token:
    token = await _anyone(request)
    if token is None:
        raise unauthorized("this needs a token: send 'Authorization: Bearer TOKEN'")
    return token


Caller = Annotated[Token, Depends(_Asked(_caller))]


async def _checker(request: Request) -> Token | None:
    return may_check(await service_of(request), await _anyone(request))


def may_check(service: Service, anyone: Token | None) -> Token | None:
    """Give back who may have a submission checked. Raises: ProblemError 401, 403."""
    if service.settings.open_checks:
        return anyone
    if anyone is None:
        raise unauthorized("this service checks for holders of a token: send 'Authorization: Bearer TOKEN'")
    require_role(anyone, Role.GRADER, Role.CI)  # a check tells the answer that an assignment asks for
    return anyone


Checker = Annotated[Token | None, Depends(_Asked(_checker))]
