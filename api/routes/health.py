"""GET /health/live and /health/ready."""

from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError

from api.dependencies import TheService
from api.schemas import Readiness
from api.service import Service
from api.services.checks import all_agree, check_oracles

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", operation_id="live", summary="Whether the process answers")
async def live() -> dict[str, str]:
    return {"status": "live"}


@router.get(
    "/ready",
    response_model=Readiness,
    operation_id="ready",
    summary="Whether the storage answers, the oracles answer a known problem, and they agree",
    responses={
        503: {
            "model": Readiness,
            "description": "The storage is away; or an oracle contradicts the others; or one named in "
            "GRADJURY_ORACLES cannot be asked. Unnamed, one without its package is null and the rest judge.",
        }
    },
)
async def ready(service: TheService, response: Response) -> dict[str, Any]:
    oracles = await check_oracles(service)
    storage = await run_sync(_storage_answers, service)
    well = storage and all_agree(oracles, service.settings.oracle_names or ())
    response.status_code = 200 if well else 503
    return {"status": "ready" if well else "not ready", "storage": storage, "oracles": oracles}


def _storage_answers(service: Service) -> bool:
    try:
        service.repository.check()
    except SQLAlchemyError:
        return False
    return True
