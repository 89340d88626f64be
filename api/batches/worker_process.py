"""`gradjury worker`: a process that judges batches, on any machine that reaches the database."""

import signal
from threading import Event

from api.batches.worker import Worker
from api.service import Service
from api.settings import Settings


def run_worker(name: str | None, database_url: str | None) -> None:
    """Judge batches until SIGTERM or SIGINT; the submissions in work are finished first."""
    settings = Settings() if database_url is None else Settings(database_url=database_url)
    told = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    service = Service(settings)
    try:
        service.start()
        worker = Worker(service, name)
        worker.start()
        try:
            told.wait()
        finally:
            worker.stop()
    finally:
        service.stop()
