"""The service: the only place where its parts meet. Nothing is opened or read at import."""

from importlib.metadata import version

from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from fastapi_offline import FastAPIOffline

from api import openapi, problems
from api.dependencies import JudgingDesk
from api.routes import catalogue, checks, health
from api.schemas import SubmissionDocument
from api.settings import Settings

_DESCRIPTION = """Is this gradient right, and if not, what is the mistake?

Submit a network, its parameters, a batch, a loss and the gradients that you computed; get a report of
discrepancy per parameter. Errors are RFC 9457 problem documents."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application from settings (the environment's where none are given)."""
    app: FastAPI = FastAPIOffline(
        title="GradJury", version=version("gradjury"), description=_DESCRIPTION, redoc_url=None
    )
    app.state.desk = JudgingDesk(settings or Settings())
    problems.install(app)
    for routes in (checks, catalogue, health):
        app.include_router(routes.router)
    openapi.install(app, SubmissionDocument)

    @app.get("/", include_in_schema=False)
    async def home() -> RedirectResponse:
        return RedirectResponse("docs")

    return app
