"""/v1/catalogue and /v1/examples: what a submission may choose from, and submissions to start from."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter

from api.dependencies import COUNTED
from api.http.problems import ProblemError, documented
from verifier.cli.catalogue import catalogue
from verifier.examples.named import list_examples, load_example

router = APIRouter(tags=["catalogue"], dependencies=[COUNTED])


@router.get(
    "/v1/catalogue",
    operation_id="catalogue",
    summary="List what a submission may choose from",
    responses=documented(401, 429),
)
def get_catalogue() -> dict[str, Any]:
    return catalogue()


@router.get(
    "/v1/examples/{name:path}",
    operation_id="example",
    summary="Give a submission to start from",
    responses=documented(401, 404, 429),
)
def get_example(name: str) -> dict[str, Any]:
    if name not in list_examples():
        raise ProblemError(HTTPStatus.NOT_FOUND, f"no such example; there are {', '.join(list_examples())}")
    return load_example(name)
