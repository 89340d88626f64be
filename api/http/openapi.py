"""The OpenAPI document: the schemas that no route declares because it reads its body itself, and errors."""

import re
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

_TEMPLATE = "#/components/schemas/{model}"
_METHODS = ("get", "put", "post", "delete", "patch")
_OWN_VALIDATION = ("HTTPValidationError", "ValidationError")  # FastAPI's; ours are problem documents


def reference(model: type[BaseModel]) -> dict[str, str]:
    """Give the schema that points to a model's own among the components."""
    return {"$ref": _TEMPLATE.format(model=model.__name__)}


def install(app: FastAPI, *models: type[BaseModel]) -> None:
    """Add models to the components of the application's OpenAPI document, and say what is left unsaid."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        fresh = app.openapi_schema is None
        document = generate()
        if fresh:
            _complete(document, models)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def methods_of(app: FastAPI, path: str) -> list[str]:
    """Give the methods that the document names for a path, for a header Allow."""
    found: set[str] = set()
    for template, item in app.openapi()["paths"].items():
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path):
            found |= {method.upper() for method in _METHODS if method in item}
    return sorted(found)


def _complete(document: dict[str, Any], models: tuple[type[BaseModel], ...]) -> None:
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_TEMPLATE)
    schemas = document["components"].setdefault("schemas", {})
    schemas.update(definitions.get("$defs", {}))
    for name in _OWN_VALIDATION:
        schemas.pop(name, None)
    for item in document["paths"].values():
        for method in _METHODS:
            if method in item:
                _complete_operation(item[method])


def _complete_operation(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    for content in (response.get("content", {}) for response in responses.values()):
        if content.get("text/event-stream", {}).pop("itemSchema", None):  # a word of OpenAPI 3.2
            content["text/event-stream"]["schema"] = {"type": "string"}
    if "HTTPValidationError" in str(responses.get("422", "")):
        del responses["422"]  # nothing of such an operation can be malformed
    if "429" in responses:
        waiting = {"description": "Seconds until it may be tried again", "schema": {"type": "integer"}}
        responses["429"] = {**responses["429"], "headers": {"Retry-After": waiting}}
    if operation.get("operationId") == "check":  # open to all, unless the setting open_checks says otherwise
        operation["security"] = [*operation.get("security", []), {}]
