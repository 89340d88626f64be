"""GET /health/live and /health/ready."""

from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Response

from api.dependencies import TheService
from verifier import verify
from verifier.examples import example_document

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", operation_id="live", summary="Whether the process answers")
async def live() -> dict[str, str]:
    return {"status": "live"}


@router.get(
    "/ready",
    operation_id="ready",
    summary="Whether every oracle answers a known problem, and they agree",
    responses={503: {"description": "Some oracle cannot be asked, or contradicts the others"}},
)
async def ready(service: TheService, response: Response) -> dict[str, Any]:
    def self_check() -> dict[str, Any]:
        report = verify(example_document("sigmoid-mse"), oracles=service.settings.oracle_names)
        return {item.oracle: item.agrees for item in report.evidence}

    oracles = await run_sync(self_check)
    well = all(oracles.values())
    response.status_code = 200 if well else 503
    return {"status": "ready" if well else "not ready", "oracles": oracles}
