"""The uEd evaluation API, version 0.1.0: POST /evaluate and GET /evaluate/health.

The `content` of a submission is the same document as for POST /v1/checks, under any of the types MODEL, MATH,
CODE and OTHER. If `task.taskId` is the id of an assignment, it is gradients alone.
"""

from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import COUNTED, Checker, TheService
from api.http.bodies import declared_type, read_bounded
from api.http.problems import ProblemError, documented
from api.rendering import JSON
from api.services.checks import check_oracles, read
from api.services.evaluation import evaluate_submission
from api.workers.protocol import ReadTask
from verifier.report.model import Audience

VERSION = "0.1.0"
router = APIRouter(prefix="/evaluate", tags=["uEd"], dependencies=[COUNTED])
ArtefactType = Literal["TEXT", "CODE", "MODEL", "MATH", "OTHER"]


_REQUEST = {
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/EvaluationRequest"}}},
    }
}


class EvaluatedSubmission(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: ArtefactType
    content: dict[str, Any]


class EvaluatedTask(BaseModel):
    model_config = ConfigDict(extra="allow")

    taskId: str | None = None  # noqa: N815 -- the standard's name


class EvaluatedUser(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: Literal["LEARNER", "TEACHER", "EDU_ADMIN", "SYS_ADMIN", "OTHER"] = "LEARNER"


class EvaluationRequest(BaseModel):
    """The fields of the standard's request that are read; the others are ignored."""

    model_config = ConfigDict(extra="allow")

    submission: EvaluatedSubmission
    task: EvaluatedTask | None = None
    user: EvaluatedUser = Field(default_factory=EvaluatedUser)
    callbackUrl: str | None = None  # noqa: N815


class Feedback(BaseModel):
    model_config = ConfigDict(extra="allow")

    feedbackId: str  # noqa: N815
    title: str
    message: str
    awardedPoints: float | None = None  # noqa: N815


@router.post(
    "",
    operation_id="evaluate",
    summary="Judge a submission as the uEd API asks: a list of feedback",
    response_model=list[Feedback],
    responses=documented(400, 401, 403, 404, 406, 413, 415, 422, 429),
    openapi_extra=_REQUEST,
)
async def evaluate(
    request: Request,
    service: TheService,
    checker: Checker,
    x_api_version: Annotated[str | None, Header()] = None,
) -> JSONResponse:
    _check_version(x_api_version)
    declared_type(request, (JSON,))
    body = await read_bounded(request, service.settings.largest_body)
    document = await read(service, ReadTask(body, "evaluation", service.settings.bounds))
    if document.callback:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "the answer comes at once; leave callbackUrl out")
    audience = Audience.STUDENT if document.user in ("LEARNER", "OTHER") else Audience.GRADER
    feedback = await evaluate_submission(service, checker, document.content, document.task, audience)
    return JSONResponse(feedback, headers={"X-Api-Version": VERSION})


@router.get(
    "/health",
    operation_id="evaluate_health",
    summary="What the uEd API asks of health and capabilities",
    responses=documented(401, 406, 429),
)
async def health(service: TheService, x_api_version: Annotated[str | None, Header()] = None) -> JSONResponse:
    _check_version(x_api_version)
    oracles = await check_oracles(service)
    status = "OK" if oracles and all(oracles.values()) else "DEGRADED" if oracles else "UNAVAILABLE"
    document = {
        "status": status,
        "version": version("gradjury"),
        "requirements": {"requiresAuthorizationHeader": not service.settings.open_checks},
        "capabilities": {
            "supportsEvaluate": True,
            "supportsPreSubmissionFeedback": True,
            "supportsFormativeFeedback": True,
            "supportsSummativeFeedback": True,
            "supportsDataPolicy": "NOT_SUPPORTED",
            "supportedArtefactProfiles": [
                {"type": kind, "supportedFormats": ["gradjury.submission/1"]}
                for kind in ("MODEL", "MATH", "CODE", "OTHER")
            ],
            "supportedAPIVersions": [VERSION],
        },
    }
    return JSONResponse(document, headers={"X-Api-Version": VERSION})


def _check_version(requested: str | None) -> None:
    if requested not in (None, VERSION):
        raise ProblemError(
            HTTPStatus.NOT_ACCEPTABLE, f"expected X-Api-Version {VERSION}, got {requested[:20]!r}"
        )
