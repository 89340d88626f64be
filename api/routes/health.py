"""GET /health/live and /health/ready."""

from collections.abc import Mapping, Sequence
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError

from api.dependencies import TheService
from api.judging.task import Judged, Task
from api.schemas import Readiness
from api.service import Service
from verifier.documents.json_text import write
from verifier.examples import example_document
from verifier.oracles import ORACLES

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
    oracles = await self_check(service)
    storage = await run_sync(_storage_answers, service)
    well = storage and agree(oracles, service.settings.oracle_names or ())
    response.status_code = 200 if well else 503
    return {"status": "ready" if well else "not ready", "storage": storage, "oracles": oracles}


async def self_check(service: Service) -> dict[str, bool | None]:
    """Put a known problem to every oracle; say of each whether it agrees with the others, None if unasked."""
    content = write(example_document("sigmoid-mse")).encode()
    outcome = await service.pool.judge(Task(content, "json", oracles=service.settings.oracle_names))
    return dict(outcome.findings.oracles) if isinstance(outcome, Judged) else {}


def agree(oracles: Mapping[str, bool | None], named: Sequence[str]) -> bool:
    """Whether all agree but those without their package, unless somebody asked for them by name."""
    known = oracles.keys() & ORACLES.keys()  # those of graphs alone say nothing of a problem of layers
    absent = {name for name in known if oracles[name] is None and ORACLES[name].needs}
    asked = known - (absent - set(named))
    return bool(asked) and all(oracles[name] for name in asked)


def _storage_answers(service: Service) -> bool:
    try:
        service.repository.check()
    except SQLAlchemyError:
        return False
    return True
