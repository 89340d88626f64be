"""/metrics and the keys that reports are signed with."""

from typing import Any

from fastapi import APIRouter, Response

from api import metrics
from api.dependencies import COUNTED, Anyone, TheService
from api.http.problems import documented
from api.storage.records import Role

router = APIRouter(tags=["operation"], dependencies=[COUNTED])


@router.get(
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
    text = service.metrics.text(of_judging=grader or service.settings.open_checks)
    return Response(text, media_type=metrics.MEDIA_TYPE)


@router.get(
    "/.well-known/jwks.json",
    operation_id="keys",
    summary="The public key of signed reports, for `gradjury verify-report`",
    responses=documented(401, 429),
)
def get_keys(service: TheService) -> dict[str, Any]:
    return service.signer().key_set()
