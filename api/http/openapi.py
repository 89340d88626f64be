"""The OpenAPI document: schemas of bodies that routes parse themselves, and corrections."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.http.bodies import CONTENT_TYPES
from api.http.problems import METHODS
from api.rendering import JSON, MEDIA_TYPES

_TEMPLATE = "#/components/schemas/{model}"
REPORT_CONTENT = {name: {"schema": {"type": "string"}} for name in MEDIA_TYPES if name != JSON}
_FASTAPI_ERRORS = ("HTTPValidationError", "ValidationError")  # replaced by problem documents


def reference(model: type[BaseModel]) -> dict[str, str]:
    """Return a reference to the schema of a model among the components."""
    return {"$ref": _TEMPLATE.format(model=model.__name__)}


def install(app: FastAPI, *models: type[BaseModel]) -> None:
    """Add the schemas of models to the OpenAPI document, and correct its operations."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        fresh = app.openapi_schema is None
        document = generate()
        if fresh:
            _complete(document, models)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def submission_content(model: type[BaseModel]) -> dict[str, Any]:
    """Return the content of a submission's request body: JSON, a binary file, or either of them in a form."""
    binary = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": {"file": binary}, "required": ["file"]}
    schemas = {"application/json": reference(model), "multipart/form-data": form}
    return {name: {"schema": schemas.get(name, binary)} for name in CONTENT_TYPES}


def _complete(document: dict[str, Any], models: tuple[type[BaseModel], ...]) -> None:
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_TEMPLATE)
    schemas = document["components"].setdefault("schemas", {})
    schemas.update(definitions.get("$defs", {}))
    for name in _FASTAPI_ERRORS:
        schemas.pop(name, None)
    for item in document["paths"].values():
        for method in METHODS:
            if method in item:
                _complete_operation(item[method])


def _complete_operation(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    for content in (response.get("content", {}) for response in responses.values()):
        if content.get("text/event-stream", {}).pop(
            "itemSchema", None
        ):  # from OpenAPI 3.2; the document is 3.1
            content["text/event-stream"]["schema"] = {"type": "string"}
        if JSON in content:  # generators of clients read the first type
            rest = dict(content)
            content.clear()
            content.update({JSON: rest.pop(JSON), **rest})
    if "HTTPValidationError" in str(responses.get("422", "")):
        del responses["422"]  # it has no parameter that could be invalid
    if "429" in responses:
        retry_after = {"description": "Seconds until it may be tried again", "schema": {"type": "integer"}}
        responses["429"] = {**responses["429"], "headers": {"Retry-After": retry_after}}
    if operation.get("operationId") == "check":  # without a token if the setting open_checks is on
        operation["security"] = [*operation.get("security", []), {}]
