"""The state of a running service: settings, storage, worker pool, metrics and clock."""

import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_bytes, token_hex
from threading import Event, Lock
from typing import Any

from api.http.guard import Guards
from api.http.rate_limits import RateLimits
from api.metrics import new_metrics
from api.settings import Settings
from api.signing import Signer
from api.storage.database import open_repository
from api.storage.repository import Repository
from api.storage.work_queue import WorkQueue
from api.workers.pool import Limits, WorkerPool

_INSTANCE_SECRET, _SIGNING_SECRET = "instances", "signing"  # names in the storage
_SECRET_BYTES = 32
_RESERVE = 2  # processes for callers who have nothing in work while others keep all others busy
_ID = re.compile(r"[0-9A-Za-z_.-]{1,40}")


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_id() -> str:
    """Return a random id that cannot be guessed."""
    return token_hex(16)


def is_id(text: str) -> bool:
    """True if a text of a client has the form of an id. No other text is looked up in the storage."""
    return _ID.fullmatch(text) is not None


class Service:
    """Everything that requests share. Storage and processes are opened by `start`, or at their first use."""

    def __init__(self, settings: Settings, now: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self.now = now
        self.pool = WorkerPool(
            settings.processes,
            Limits(settings.seconds_each, settings.memory_each, settings.most_waiting),
            _RESERVE,
        )
        self.metrics = new_metrics()
        self.stopping = Event()  # set on shutdown, so that event streams end
        self.rate_limits = RateLimits(settings)
        self.guards = Guards(settings)
        self.derived: dict[str, Any] = {}  # values that `api.services.cached` keeps, by name
        self._lock = Lock()
        self._repository: Repository | None = None
        self._queue: WorkQueue | None = None

    @property
    def repository(self) -> Repository:
        """The storage. Its first use can raise UnusableDatabaseError, or the database's own error."""
        with self._lock:
            if self._repository is None:
                self._repository = open_repository(self.settings.database_url, self.settings.database_wait)
            return self._repository

    @property
    def queue(self) -> WorkQueue:
        """The work queue of batches. Its first use can raise the database's error."""
        with self._lock:
            if self._queue is None:
                self._queue = WorkQueue(self.settings.database_url)
            return self._queue

    def instance_secret(self) -> bytes:
        """Return the secret from which per-student numbers are drawn. It never changes."""
        return self.repository.secrets.get_or_create(_INSTANCE_SECRET, token_bytes(_SECRET_BYTES))

    def derived_id(self, name: str) -> str:
        """Return the id that belongs to a name, such as that of a request with an Idempotency-Key."""
        return hmac.new(self.instance_secret(), name.encode(), sha256).hexdigest()[:32]

    def signer(self) -> Signer:
        """Return the signer of reports. Its key never changes."""
        return Signer(self.repository.secrets.get_or_create(_SIGNING_SECRET, token_bytes(_SECRET_BYTES)))

    def start(self) -> None:
        """Open the storage and start the worker pool, so that errors show at start and no request waits."""
        self.repository.check()
        self.pool.warm_up()

    def stop(self) -> None:
        """Stop the processes and close the storage, after all requests have been answered."""
        self.pool.stop()
        with self._lock:
            if self._queue is not None:
                self._queue.close()
                self._queue = None
            if self._repository is not None:
                self._repository.close()
                self._repository = None
