"""The address, the token and the options of a client, and the requests of its calls."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar
from uuid import uuid4

import httpx2

from gradjury.client.calls import ServiceCall
from gradjury.client.logins import find_login
from gradjury.client.records import BatchStatus
from gradjury.client.transport import check_url, exception_of, pause_before_retry

Answer = TypeVar("Answer")
Entries = Literal["worst", "all"]
Counts = Literal["latest", "best"]
Progress = Callable[[BatchStatus], object]
TIMEOUT = 60.0  # seconds; judging one submission may take 30
RETRIES = 4


class BaseClient:
    """The address, the token and the options of a client; the requests of its calls."""

    def __init__(self, url: str | None, token: str | None, timeout: float, retries: int) -> None:
        login = find_login(url, token)
        self.url = check_url(login.url)
        self._token = login.token
        self._retries = retries
        self._options: dict[str, Any] = {
            "base_url": self.url,
            "timeout": timeout,
            "headers": {"User-Agent": "gradjury"}
            | ({} if login.token is None else {"Authorization": f"Bearer {login.token}"}),
        }

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    def _pause_or_raise(
        self, failure: httpx2.TransportError | httpx2.Response, attempt: int, call: ServiceCall[Any]
    ) -> float:
        """Return the seconds to wait before a request is sent again. Raises: the failure, if it is not."""
        pause = pause_before_retry(failure, attempt, self._retries, call.repeatable)
        if pause is None:
            raise exception_of(failure, self.url)
        return pause

    def _request(self, http: httpx2.Client | httpx2.AsyncClient, call: ServiceCall[Any]) -> httpx2.Request:
        headers = {"Accept": call.accept}
        content = b""
        if call.upload is not None:
            headers["Content-Type"], content = call.upload.media_type, call.upload.content
        if call.keyed:
            headers["Idempotency-Key"] = uuid4().hex
        return http.build_request(call.method, call.path, params=call.query, content=content, headers=headers)
