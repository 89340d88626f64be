"""The uEd evaluation API, version 0.1.0: POST /evaluate and GET /evaluate/health.

A submission's `content` is the contract's document under any of the types MODEL, MATH, CODE and OTHER; or,
with `task.taskId` naming an assignment that the token opens, gradients alone. Nothing is stored, so with an
assignment this is for graders: a student's attempts would not be counted.
"""

from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import COUNTED, Checker, TheService
from api.http.problems import ProblemError, documented, unauthorized
from api.routes.assignments import graded
from api.services.access import require_role
from api.services.checks import check_oracles, judge
from api.services.evaluation import feedback_of
from api.storage.records import Role
from api.workers.protocol import RenderRequest, Task
from verifier.allowed import DEFAULT
from verifier.assignment import Assignment
from verifier.documents.json_text import parse, write
from verifier.documents.report_reading import read_report
from verifier.report import Audience

VERSION = "0.1.0"
router = APIRouter(prefix="/evaluate", tags=["uEd"], dependencies=[COUNTED])
ArtefactType = Literal["TEXT", "CODE", "MODEL", "MATH", "OTHER"]


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
    """What we read of the standard's request; the rest is accepted and plays no part."""

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
    responses=documented(400, 401, 403, 404, 406, 413, 422, 429),
)
async def evaluate(
    request: EvaluationRequest,
    service: TheService,
    checker: Checker,
    x_api_version: Annotated[str | None, Header()] = None,
) -> JSONResponse:
    _check_version(x_api_version)
    if request.callbackUrl is not None:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "the answer comes at once; leave callbackUrl out")
    assignment: Assignment | None = None
    if request.task is not None and request.task.taskId is not None:
        if checker is None:
            raise unauthorized("a task of this service needs a grader's token")
        require_role(checker, Role.GRADER)
        assignment = (await run_sync(graded, service, checker, request.task.taskId)).assignment
    for_learner = request.user.type in ("LEARNER", "OTHER")
    allowed = assignment.allowed if assignment is not None else DEFAULT
    if for_learner and not allowed.verdict:
        raise ProblemError(HTTPStatus.FORBIDDEN, "the assignment shows its students no verdict")
    task = Task(
        write(request.submission.content).encode(),
        "json",
        problem=None if assignment is None else write(dict(assignment.problem)).encode(),
        oracles=service.settings.oracle_names,
        allowed=allowed,
        render=RenderRequest(
            "application/json", audience=Audience.STUDENT if for_learner else Audience.GRADER
        ),
        tolerance=service.settings.preset,
    )
    outcome = await judge(service, task)
    report = read_report(parse(outcome.answer))
    found = feedback_of(report, None if assignment is None else assignment.points)
    return JSONResponse(found, headers={"X-Api-Version": VERSION})


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


def _check_version(asked: str | None) -> None:
    if asked not in (None, VERSION):
        raise ProblemError(HTTPStatus.NOT_ACCEPTABLE, f"expected X-Api-Version {VERSION}, got {asked[:20]!r}")
