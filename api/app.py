"""Create the application: the API's routes, the pages, middleware and error handlers.

Nothing is opened or read at import.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from anyio.to_thread import run_sync
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api.http import openapi, problems
from api.http.middleware import (
    InternalErrorMiddleware,
    RateLimitMiddleware,
    RequestLogMiddleware,
    log_as_json,
)
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
    submissions,
)
from api.schemas import AssignmentDocument, GradientsDocument, ProblemDocument, SubmissionDocument
from api.server import on_shutdown_signal
from api.service import Service
from api.settings import Settings
from verifier.engine.threads import disable_heap_trimming

_DESCRIPTION = """Is this gradient right, and if not, what is the mistake?

Submit a network, its parameters, a batch, a loss and the gradients that you computed; get a report of
discrepancy per parameter. Errors are RFC 9457 problem documents."""

_ROUTES = (
    checks,
    assignments,
    submissions,
    classes,
    batches,
    reports,
    catalogue,
    operation,
    evaluate,
)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    log_as_json(service.settings.log_level)
    disable_heap_trimming()  # request bodies have megabytes
    await run_sync(service.start)
    try:
        worker = None
        if service.settings.worker:
            from api.batches.worker import BatchWorker  # loads DBOS

            worker = BatchWorker(service)
            await run_sync(worker.start)
        try:
            with on_shutdown_signal(service.stopping.set):
                yield
        finally:
            if worker is not None:
                await run_sync(worker.stop)
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
    app.add_middleware(InternalErrorMiddleware)
    app.add_middleware(RateLimitMiddleware)
    app.state.service = service or Service(settings or Settings())
    problems.install(app)
    app.add_middleware(RequestLogMiddleware, metrics=app.state.service.metrics)
    for module in _ROUTES:
        app.include_router(module.router)
    openapi.install(app, SubmissionDocument, AssignmentDocument, GradientsDocument, ProblemDocument)

    site.install(app)
    return app
