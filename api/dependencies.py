"""What routes are given: the service, and who calls."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.problems import unauthorized
from api.service import Service
from api.storage.records import Token
from api.tokens import authenticate

_bearer = HTTPBearer(
    auto_error=False, scheme_name="token", description="A token made by `gradjury token create`"
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


TheService = Annotated[Service, Depends(_service)]


async def _anyone(request: Request, service: TheService, credentials: Credentials) -> Token | None:
    """Give the caller's token, None for a request without one. Raises: ProblemError 401 for a bad one."""
    if credentials is None:
        if "authorization" in request.headers:
            raise unauthorized("expected 'Authorization: Bearer TOKEN'")
        return None
    tokens = service.repository.tokens
    token = await run_sync(authenticate, tokens, credentials.credentials, service.now())
    if token is None:
        raise unauthorized("the token is unknown, expired or revoked")
    request.state.token = token
    return token


Anyone = Annotated[Token | None, Depends(_anyone)]


def _caller(anyone: Anyone) -> Token:
    if anyone is None:
        raise unauthorized("this needs a token: send 'Authorization: Bearer TOKEN'")
    return anyone


Caller = Annotated[Token, Depends(_caller)]


def _checker(anyone: Anyone, service: TheService) -> Token | None:
    if anyone is None and not service.settings.open_checks:
        raise unauthorized("this service checks for holders of a token: send 'Authorization: Bearer TOKEN'")
    return anyone


Checker = Annotated[Token | None, Depends(_checker)]
