"""Rate limits and their headers (draft-ietf-httpapi-ratelimit-headers).

Counts are kept in memory: each process of a service counts its own requests.
"""

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from math import ceil
from time import monotonic
from types import MappingProxyType

from api.http.problems import ProblemError
from api.settings import Settings

_WINDOW = 60  # seconds
_MOST_STREAMS = 32  # event streams of one caller at once
_REMOVALS = 2  # expired windows removed for each new one, so that no request removes very many


@dataclass(frozen=True, slots=True)
class Policy:
    """A quota per minute. operations: ids of the OpenAPI operations it counts; empty for all others."""

    name: str
    quota: Callable[[Settings], int]
    operations: frozenset[str] = frozenset()


DEFAULT = Policy("default", lambda settings: settings.requests_per_minute)
_CHECKS = frozenset({"check", "evaluate", "check_page", "example_page", "submission_page"})
_SUBMISSIONS = frozenset({"submit", "submit_page"})
_POLICIES = (
    Policy("checks", lambda settings: settings.checks_per_minute, _CHECKS),
    Policy("submissions", lambda settings: settings.submissions_per_minute, _SUBMISSIONS),
)
REFUSED = Policy("refused", lambda settings: settings.refused_per_minute)  # bad tokens, by address


def _by_operation() -> dict[str, Policy]:
    return {operation: policy for policy in _POLICIES for operation in policy.operations}


POLICIES: Mapping[str, Policy] = MappingProxyType(_by_operation())


@dataclass(slots=True)
class _Window:
    """A count of requests. ends: time by a monotonic clock."""

    ends: float
    count: int = 0


class RateLimits:
    """Count requests by caller and policy in windows of a minute. A window starts at the first request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._streams: Counter[str] = Counter()
        self._windows: OrderedDict[tuple[str, str], _Window] = OrderedDict()  # in the order in which they end

    def count(self, policy: Policy, caller: str) -> dict[str, str]:
        """Count a request and return its headers. Raise ProblemError 429 if it exceeds the quota."""
        quota = policy.quota(self._settings)
        now = monotonic()
        window = self._window(policy.name, caller, now)
        window.count += 1
        left = max(0, quota - window.count)
        wait = min(_WINDOW, max(1, ceil(window.ends - now)))
        headers = {
            "RateLimit-Policy": f'"{policy.name}";q={quota};w={_WINDOW}',
            "RateLimit": f'"{policy.name}";r={left};t={wait}',
        }
        if window.count > quota:
            detail = f"expected at most {quota} requests a minute; try again in {wait} seconds"
            raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, detail, headers | {"Retry-After": str(wait)})
        return headers

    @contextmanager
    def open_stream(self, caller: str) -> Iterator[None]:
        """Count an event stream while it is open. Raise ProblemError 429 for too many of one caller."""
        if self._streams[caller] >= _MOST_STREAMS:
            detail = f"expected at most {_MOST_STREAMS} event streams at once; close one"
            raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, detail, {"Retry-After": "5"})
        self._streams[caller] += 1
        try:
            yield
        finally:
            self._streams[caller] -= 1
            if not self._streams[caller]:
                del self._streams[caller]

    def _window(self, policy: str, caller: str, now: float) -> _Window:
        window = self._windows.get((policy, caller))
        if window is not None and window.ends > now:
            return window
        self._windows.pop((policy, caller), None)
        for _ in range(_REMOVALS):
            if not self._windows or next(iter(self._windows.values())).ends > now:
                break
            self._windows.popitem(last=False)
        window = self._windows[policy, caller] = _Window(now + _WINDOW)
        return window


@lru_cache(maxsize=1024)
def address_key(host: str | None) -> str:
    """Return a key for the address of a caller. An IPv6 host may own a whole /64, so that is its key.

    An IPv4 address has one key, also where a socket of IPv6 shows it as ::ffff:a.b.c.d.
    """
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return f"address:{host}"
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.version == 4:
        return f"address:{address}"
    return f"address:{ipaddress.ip_network((address, 64), strict=False)}"
