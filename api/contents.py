"""What the OpenAPI document says of bodies that hold a submission, and of answers that are reports."""

from typing import Any

from pydantic import BaseModel

from api.http.bodies import CONTENT_TYPES
from api.http.openapi import reference
from api.rendering import JSON, MEDIA_TYPES

REPORT_CONTENT = {name: {"schema": {"type": "string"}} for name in MEDIA_TYPES if name != JSON}


def submission_content(model: type[BaseModel]) -> dict[str, Any]:
    """Give a request body's content: JSON of a model, a binary file, or either in a form."""
    binary = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": {"file": binary}, "required": ["file"]}
    schemas = {"application/json": reference(model), "multipart/form-data": form}
    return {name: {"schema": schemas.get(name, binary)} for name in CONTENT_TYPES}
