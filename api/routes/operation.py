"""/metrics and the keys that reports are signed with."""

from typing import Any

from fastapi import APIRouter, Response

from api import metrics
from api.dependencies import TheService

router = APIRouter(tags=["operation"])


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Counters in Prometheus's format",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Metrics"}},
)
def get_metrics(service: TheService) -> Response:
    service.metrics.waiting.set(service.pool.standing)
    return Response(service.metrics.text(), media_type=metrics.MEDIA_TYPE)


@router.get(
    "/.well-known/jwks.json",
    operation_id="keys",
    summary="The public key of signed reports, for `gradjury verify-report`",
)
def get_keys(service: TheService) -> dict[str, Any]:
    return service.signer().key_set()
