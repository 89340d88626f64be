"""Create the application: the API's routes, the pages, middleware and error handlers.

Nothing is opened or read at import.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from threading import Timer

from anyio.to_thread import run_sync
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

from api.http import openapi, problems
from api.http.connections import CONNECTIONS, Connections
from api.http.guard import GuardMiddleware
from api.http.middleware import (
    InternalErrorMiddleware,
    RateLimitMiddleware,
    RequestLogMiddleware,
    log_as_json,
)
from api.http.root_path import RootPathMiddleware
from api.pages import site
from api.routes import (
    assignments,
    batches,
    catalogue,
    checks,
    classes,
    evaluate,
    operation,
    reports,
    roster,
    schemas,
    submissions,
    tokens,
)
from api.schemas.classes import (
    AssignmentChanges,
    AssignmentDocument,
    AssignmentReplacement,
    RosterDocument,
    StudentTokensDocument,
)
from api.schemas.service import ProblemDocument
from api.schemas.submissions import GradientsDocument, SubmissionDocument
from api.server import on_shutdown_signal
from api.service import Service
from api.services.assignments import warn_of_open_checks
from api.settings import Settings, read_settings
from verifier.engine.threads import disable_heap_trimming

_DESCRIPTION = """Check gradients of neural networks and name the mistake in a wrong one.

Send a network, its parameters, a batch, a loss and the gradients that you computed. The answer is a report
with the error of each parameter and the mistake. Errors are RFC 9457 problem documents."""

_ROUTES = (
    checks,
    assignments,
    submissions,
    classes,
    roster,
    batches,
    reports,
    catalogue,
    schemas,
    operation,
    evaluate,
    tokens,
)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, Connections]]:
    service: Service = app.state.service
    log_as_json(service.settings.log_level)
    disable_heap_trimming()  # request bodies have megabytes
    await run_sync(service.start)
    await run_sync(warn_of_open_checks, service)
    connections, loop = Connections(service.settings), asyncio.get_running_loop()
    end = 0.0  # of the grace period

    def begin_stop() -> None:
        nonlocal end
        end = loop.time() + service.settings.stopping_seconds
        service.guards.stop()
        connections.stop()

    def stop() -> None:  # called by a signal handler
        service.stopping.set()
        loop.call_soon_threadsafe(begin_stop)

    try:
        worker = None
        if service.settings.worker:
            from api.batches.worker import BatchWorker  # loads DBOS

            worker = BatchWorker(service)
            await run_sync(worker.start)
        try:
            with on_shutdown_signal(stop):
                yield {CONNECTIONS: connections}
        finally:
            if worker is not None:
                rest = end - loop.time() if end else service.settings.stopping_seconds
                kill = Timer(max(0.0, rest), service.pool.stop)  # a submission may take longer
                kill.start()
                await run_sync(worker.stop)
                kill.cancel()
    finally:
        await run_sync(service.stop)


def create_app(settings: Settings | None = None, service: Service | None = None) -> FastAPI:
    """Return the application of a service, or of settings; by default those of the environment."""
    app: FastAPI = FastAPIOffline(
        title="GradJury",
        version=version("gradjury"),
        description=_DESCRIPTION,
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
        responses=problems.documented(500),
    )
    app.add_middleware(RootPathMiddleware)
    app.add_middleware(InternalErrorMiddleware)
    app.add_middleware(RateLimitMiddleware)
    app.state.service = service or Service(settings or read_settings())
    problems.install(app)
    app.add_middleware(GuardMiddleware, guards=app.state.service.guards)
    app.add_middleware(RequestLogMiddleware, metrics=app.state.service.metrics)
    for module in _ROUTES:
        app.include_router(module.router)
    openapi.install(
        app,
        SubmissionDocument,
        AssignmentDocument,
        AssignmentReplacement,
        AssignmentChanges,
        RosterDocument,
        GradientsDocument,
        ProblemDocument,
        StudentTokensDocument,
        evaluate.EvaluationRequest,
    )

    site.install(app)
    _check_bodies(app)
    return app


def _check_bodies(app: FastAPI) -> None:
    """Raise TypeError for a route whose body FastAPI would read, before the caller is known and unbounded."""
    for route in app.routes:
        if isinstance(route, APIRoute) and route.body_field is not None:
            raise TypeError(f"{route.path}: read the body by read_bounded, and parse it in a worker process")
