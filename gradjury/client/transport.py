"""Connections to a service: requests, timeouts, and when a request is sent again."""

from collections.abc import Iterator, Mapping
from itertools import repeat
from random import uniform
from typing import Any
from urllib.parse import urlsplit

import httpx2

from gradjury.client.errors import ServiceError, UnreachableError, service_error

Response = httpx2.Response
PROBLEM = "application/problem+json"
_FIRST_PAUSE = 0.25  # seconds; doubled with every attempt
_LONGEST_PAUSE = 60.0  # seconds that an answer's Retry-After may ask for
_POLLS = (0.1, 0.2, 0.5, 1.0)  # seconds between the first questions how far a batch is
_LAST_POLLS = 2.0
# answers that say that nothing was done; a 409 with Retry-After is of a request in work under the same key
_AGAIN = (409, 429, 502, 503, 504)


def check_url(url: str) -> str:
    """Return the address of a service without a slash at its end. Raises: ValueError for no such address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"expected the address of a service, such as http://127.0.0.1:8000, got {url!r}")
    return url.rstrip("/")


def pause_before_retry(
    failure: httpx2.TransportError | Response, attempt: int, retries: int, repeatable: bool = True
) -> float | None:
    """Return the seconds to wait before a request is sent again; None if it is not.

    attempt: the number of times that it was sent again.
    repeatable: False if it may have been done already, and would be done twice.
    """
    if attempt >= retries:
        return None
    pause = _FIRST_PAUSE * 2**attempt
    pause = uniform(pause / 2, pause)  # a class does not come back in one moment
    if isinstance(failure, httpx2.TransportError):
        untouched = isinstance(failure, httpx2.ConnectError | httpx2.ConnectTimeout)
        return pause if repeatable or untouched else None
    if failure.status_code not in _AGAIN:
        return None
    retry_after = failure.headers.get("retry-after", "")
    if not retry_after.isdecimal():
        return None if failure.status_code == 409 else pause
    return float(retry_after) + pause if float(retry_after) <= _LONGEST_PAUSE else None


def polling_pauses() -> Iterator[float]:
    """Yield the seconds to wait before each question how far a batch is, without end."""
    yield from _POLLS
    yield from repeat(_LAST_POLLS)


def exception_of(failure: httpx2.TransportError | Response, url: str) -> ServiceError:
    """Return the exception for a request that failed for good."""
    if isinstance(failure, httpx2.TimeoutException):
        return UnreachableError(f"the service at {url} did not answer in time; raise timeout, or try again")
    if isinstance(failure, httpx2.TransportError):
        reason = str(failure) or type(failure).__name__
        return UnreachableError(f"the service at {url} cannot be reached ({reason}); is the address right?")
    problem: Mapping[str, Any] = {}
    if failure.headers.get("content-type", "").partition(";")[0] == PROBLEM:
        problem = failure.json()
    elif failure.is_redirect:
        there = failure.headers["location"]
        return ServiceError(f"{url} leads to {there}; give that address", failure.status_code)
    else:
        problem = {
            "detail": f"{url} answered {failure.status_code}, and not as GradJury does; see the address"
        }
    return service_error(failure.status_code, problem, failure.headers.get("x-request-id"))
