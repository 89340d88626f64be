"""/health, /metrics, and the public key of signed reports."""

from importlib.metadata import version
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError

from api import metrics
from api.dependencies import COUNTED, Anyone, TheService
from api.http.problems import documented
from api.schemas.service import Readiness, VersionDocument
from api.service import Service
from api.services.cached import cached
from api.services.checks import all_agree, check_oracles
from api.storage.records import Role
from verifier.report.model import SCHEMA

_STORAGE_AGE = 1.0  # seconds

router = APIRouter()
_health = APIRouter(prefix="/health", tags=["health"])
_operation = APIRouter(tags=["operation"], dependencies=[COUNTED])


@_health.get("/live", operation_id="live", summary="Whether the process answers")
async def live() -> dict[str, str]:
    return {"status": "live"}


@_health.get(
    "/ready",
    response_model=Readiness,
    operation_id="ready",
    summary="Whether the storage takes a write, the oracles answer a known problem, and they agree",
    responses={
        503: {
            "model": Readiness,
            "description": "The storage is away, locked or full; or an oracle contradicts the others; or one "
            "named in GRADJURY_ORACLES cannot be asked. Unnamed, one without its package is null and the "
            "rest judge.",
        }
    },
)
async def ready(service: TheService, response: Response) -> dict[str, Any]:
    oracles = await check_oracles(service)
    storage = await cached(service, "storage", lambda: run_sync(_storage_answers, service), _STORAGE_AGE)
    well = storage and all_agree(oracles, service.settings.oracle_names or ())
    response.status_code = 200 if well else 503
    return {"status": "ready" if well else "not ready", "storage": storage, "oracles": oracles}


@_operation.get(
    "/metrics",
    operation_id="metrics",
    summary="Counters in Prometheus's format; of judging, where checks are not open, to graders alone",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Metrics"},
        **documented(401, 429),
    },
)
def get_metrics(service: TheService, anyone: Anyone) -> Response:
    service.metrics.waiting.set(service.pool.pending)
    grader = anyone is not None and anyone.role is Role.GRADER
    text = service.metrics.text(include_judging=grader or service.settings.open_checks)
    return Response(text, media_type=metrics.MEDIA_TYPE)


@_operation.get(
    "/version",
    operation_id="version",
    summary="The release of the service, and the schema of its reports",
    response_model=VersionDocument,
    responses=documented(401, 429),
)
async def get_version() -> dict[str, str]:
    return {"name": "gradjury", "version": version("gradjury"), "report": SCHEMA}


@_operation.get(
    "/.well-known/jwks.json",
    operation_id="keys",
    summary="The public key of signed reports, for `gradjury verify-report`",
    responses=documented(401, 429),
)
def get_keys(service: TheService) -> dict[str, Any]:
    return service.signer().key_set()


router.include_router(_health)
router.include_router(_operation)


def _storage_answers(service: Service) -> bool:
    try:
        service.repository.check_writable()
    except SQLAlchemyError:
        return False
    return True
