"""What routes are given: the desk at which submissions are judged."""

from typing import Annotated

import anyio
from anyio.to_thread import run_sync
from fastapi import Depends, Request

from api.bodies import ParseDocument
from api.settings import Settings
from verifier import Report, verify


class JudgingDesk:
    """Judges in other threads, so many at a time, and never on the event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._limit = anyio.CapacityLimiter(settings.concurrent_checks)

    async def judge(self, parse: ParseDocument, body: bytes, entries: str = "worst") -> Report:
        """Parse and verify. Raises: MalformedSubmission."""

        def work() -> Report:
            return verify(parse(body), oracles=self.settings.oracle_names, entries=entries)

        return await run_sync(work, limiter=self._limit)


def _desk(request: Request) -> JudgingDesk:
    desk: JudgingDesk = request.app.state.desk
    return desk


Desk = Annotated[JudgingDesk, Depends(_desk)]
