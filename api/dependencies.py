"""FastAPI dependencies of routes and pages: the service, and the caller's token.

FastAPI resolves nested dependencies anew for each request, which is slow. So these call each other directly.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from api.http.guard import guard_of
from api.http.middleware import RATE_LIMIT_HEADERS
from api.http.problems import ProblemError, unauthorized
from api.http.rate_limits import DEFAULT, POLICIES, REFUSED, Policy, address_key
from api.service import Service
from api.services.access import require_checker, require_sender
from api.services.tokens import authenticate
from api.storage.records import Token
from api.workers.turns import anonymous, holder

_TOKEN = "token"  # key of a request's state


class _TokenDependency(SecurityBase):
    """A dependency that the OpenAPI document shows as a bearer token."""

    scheme_name = "token"
    model = HTTPBearer(description="A token made by `gradjury token create`")

    def __init__(self, dependency: Callable[[Request], Awaitable[Token | None]]) -> None:
        self._dependency = dependency

    async def __call__(self, request: Request) -> Token | None:
        return await self._dependency(request)


async def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def authenticate_and_count(request: Request, service: Service, text: str | None) -> Token | None:
    """Return the token of a text that the caller sent, None if there is no text, and count the request.

    Raise ProblemError 401 for an invalid token, 429 if the caller has sent too many requests.
    """
    address = address_key(request.client.host if request.client else None)
    try:
        token = await _authenticate(service, text)
    except ProblemError:
        _count(request, service, REFUSED, address)
        raise
    request.scope["state"][_TOKEN] = token  # the request log has its id
    operation = getattr(request.scope.get("route"), "operation_id", None)
    caller = anonymous(address) if token is None else holder(token.id)
    _count(request, service, POLICIES.get(operation or "", DEFAULT), caller.member or caller.group)
    guard = guard_of(request.scope)
    guard.admit(caller)
    if _is_answered_by_thread(request):
        await guard.take_turn(caller)
    return token


async def _anyone(request: Request) -> Token | None:
    """Return the caller's token, None if the request has none, and count the request once."""
    state = request.scope["state"]
    if _TOKEN not in state:
        await authenticate_and_count(request, await service_of(request), _bearer(request))
    token: Token | None = state[_TOKEN]
    return token


async def _caller(request: Request) -> Token:
    token = await _anyone(request)
    if token is None:
        raise unauthorized("this needs a token: send 'Authorization: Bearer TOKEN'")
    return token


async def _checker(request: Request) -> Token | None:
    token = await _anyone(request)
    require_checker(await service_of(request), token)
    return token


TheService = Annotated[Service, Depends(service_of)]
Anyone = Annotated[Token | None, Depends(_anyone)]
COUNTED = Depends(_anyone)  # for routes that do not use the token: an invalid one is refused there too
Caller = Annotated[Token, Depends(_TokenDependency(_caller))]
Checker = Annotated[Token | None, Depends(_TokenDependency(_checker))]


def _sender(caller: Caller) -> Token:
    require_sender(caller)
    return caller


Sender = Annotated[Token, Depends(_sender)]


async def _one_stream(request: Request) -> AsyncIterator[None]:
    """Count an event stream of the caller while it is open. Raise ProblemError 429 for too many."""
    service = await service_of(request)
    token: Token = request.scope["state"][_TOKEN]
    with service.rate_limits.open_stream(f"token:{token.id}"):
        yield


OneStream = Annotated[None, Depends(_one_stream)]


def _is_answered_by_thread(request: Request) -> bool:
    endpoint = getattr(request.scope.get("route"), "endpoint", None)
    return endpoint is not None and not (iscoroutinefunction(endpoint) or isasyncgenfunction(endpoint))


def _count(request: Request, service: Service, policy: Policy, caller: str) -> None:
    request.scope["state"][RATE_LIMIT_HEADERS] = service.rate_limits.count(policy, caller)


def _bearer(request: Request) -> str | None:
    """Return the bearer token of a request: None without the header, empty for another scheme."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, text = header.partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


async def _authenticate(service: Service, text: str | None) -> Token | None:
    if text is None:
        return None
    if not text:
        raise unauthorized("expected 'Authorization: Bearer TOKEN'")
    token = await run_sync(authenticate, service.repository.tokens, text, service.now())
    if token is None:
        raise unauthorized("the token is unknown, expired or revoked")
    return token
