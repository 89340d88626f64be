"""The OpenAPI document, with the submission's schema, which no route declares because it reads it itself."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

_TEMPLATE = "#/components/schemas/{model}"


def reference(model: type[BaseModel]) -> dict[str, str]:
    """Give the schema that points to a model's own among the components."""
    return {"$ref": _TEMPLATE.format(model=model.__name__)}


def install(app: FastAPI, *models: type[BaseModel]) -> None:
    """Add models to the components of the application's OpenAPI document."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        _, definitions = models_json_schema(
            [(model, "validation") for model in models], ref_template=_TEMPLATE
        )
        document["components"].setdefault("schemas", {}).update(definitions.get("$defs", {}))
        return document

    app.openapi = openapi  # type: ignore[method-assign]
