"""/schemas: submissions and reports as JSON Schemas, for editors and validators.

The files in the folder `schemas` of the repository are the same: python -m api.routes.schemas schemas
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.dependencies import COUNTED
from api.http.problems import documented
from api.schemas.reports import ReportDocument
from api.schemas.submissions import SubmissionDocument
from verifier.documents.json import to_json

router = APIRouter(tags=["schemas"], dependencies=[COUNTED])
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MEDIA_TYPE = "application/schema+json"
_ANSWER = {"content": {_MEDIA_TYPE: {"schema": {"type": "object"}}}, "description": "A JSON Schema"}
_MODELS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {"submission": SubmissionDocument, "report": ReportDocument}
)


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema of `submission` or `report`."""
    return {"$schema": _DIALECT, "$id": f"urn:gradjury:{name}:1", **_MODELS[name].model_json_schema()}


@router.get(
    "/schemas/submission.json",
    operation_id="submission_schema",
    summary="The JSON Schema of submissions",
    response_class=Response,
    responses={200: _ANSWER, **documented(401, 429)},
)
def get_submission_schema() -> Response:
    return Response(to_json(schema_of("submission")), media_type=_MEDIA_TYPE)


@router.get(
    "/schemas/report.json",
    operation_id="report_schema",
    summary="The JSON Schema of reports",
    response_class=Response,
    responses={200: _ANSWER, **documented(401, 429)},
)
def get_report_schema() -> Response:
    return Response(to_json(schema_of("report")), media_type=_MEDIA_TYPE)


def write_schemas(folder: Path) -> None:
    """Write the schemas as files."""
    folder.mkdir(exist_ok=True)
    for name in _MODELS:
        (folder / f"{name}.json").write_text(to_json(schema_of(name), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
