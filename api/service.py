"""What a running service holds: settings, storage, the judging processes, the time."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from secrets import token_bytes, token_hex
from threading import Event, Lock

from api.http.rate_limits import RateLimits
from api.metrics import new_metrics
from api.settings import Settings
from api.signing import Signer
from api.storage.database import open_repository
from api.storage.repository import Repository
from api.storage.work_queue import WorkQueue
from api.workers.pool import Limits, WorkerPool

_INSTANCES, _SIGNING = "instances", "signing"  # names of secrets
_SECRET_BYTES = 32
_ID = re.compile(r"[0-9A-Za-z_.-]{1,40}")


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_id() -> str:
    """Give an id that nobody can guess."""
    return token_hex(16)


def is_id(text: str) -> bool:
    """Whether a text of a client's can be an id, so that storage may be asked for it."""
    return _ID.fullmatch(text) is not None


class Service:
    """Storage is opened, and processes are started, when they are first asked for, or by `start`."""

    def __init__(self, settings: Settings, now: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self.now = now
        self.pool = WorkerPool(
            settings.processes, Limits(settings.seconds_each, settings.memory_each, settings.most_waiting)
        )
        self.metrics = new_metrics()
        self.stopping = Event()  # set when the process is told to end: long answers end then
        self.rate_limits = RateLimits(settings)
        self._lock = Lock()
        self._repository: Repository | None = None
        self._queue: WorkQueue | None = None

    @property
    def repository(self) -> Repository:
        """The storage. Raises: UnusableDatabaseError, and what the database raises, at the first use."""
        with self._lock:
            if self._repository is None:
                self._repository = open_repository(self.settings.database_url)
            return self._repository

    @property
    def queue(self) -> WorkQueue:
        """Where batches are put in line. Raises: what the database raises."""
        with self._lock:
            if self._queue is None:
                self._queue = WorkQueue(self.settings.database_url)
            return self._queue

    def instance_secret(self) -> bytes:
        """Give what per-student numbers are drawn from, the same in all processes and for good."""
        return self.repository.secrets.get_or_create(_INSTANCES, token_bytes(_SECRET_BYTES))

    def signer(self) -> Signer:
        """Give what signs reports, with the same key in all processes and for good."""
        return Signer(self.repository.secrets.get_or_create(_SIGNING, token_bytes(_SECRET_BYTES)))

    def start(self) -> None:
        """Open and start everything, so that what is wrong shows at the start and no request waits."""
        self.repository.check()
        self.pool.warm_up()

    def stop(self) -> None:
        """Stop the processes and close the storage; requests must have been answered."""
        self.pool.stop()
        with self._lock:
            if self._queue is not None:
                self._queue.close()
                self._queue = None
            if self._repository is not None:
                self._repository.close()
                self._repository = None
