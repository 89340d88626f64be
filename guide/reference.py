"""Write the reference pages from docstrings, the OpenAPI document and the help of commands."""

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import typer
from typer.cli import get_docs_for_click

import api.command_line  # noqa: F401 -- adds the commands of the service
import gradjury
from api.app import create_app
from verifier.cli import main as cli

_FURTHER = {
    "In pytest": ["verifier.testing.pytest_gradients.Gradients"],
    "Hypothesis strategies": ["verifier.testing.strategies"],
    "Checking a backward pass without pytest": ["verifier.testing.check_backward.check_backward"],
}


def python_reference() -> str:
    """Return the page of everything that `gradjury` exports. mkdocstrings replaces its `:::` lines."""
    objects = {name: getattr(gradjury, name) for name in gradjury.__all__}
    sections: dict[str, list[str]] = {"Importers": [], "Functions": [], "Classes and exceptions": []}
    for name, item in objects.items():
        place = _identifier(item)
        if name.startswith("from_"):
            sections["Importers"].append(place)
        else:
            sections["Classes and exceptions" if isinstance(item, type) else "Functions"].append(place)
    parts = ["# Python reference", "Everything in `gradjury`, and what pytest and Hypothesis can use."]
    for title in ("Functions", "Classes and exceptions", "Importers"):
        parts += [f"## {title}", *(f"::: {place}" for place in sections[title])]
    for title, places in _FURTHER.items():
        parts += [f"## {title}", *(f"::: {place}" for place in places)]
    return "\n\n".join(parts) + "\n"


def _identifier(item: Any) -> str:
    module = importlib.import_module(item.__module__)
    assert getattr(module, item.__qualname__) is item
    return f"{item.__module__}.{item.__qualname__}"


def command_line_reference() -> str:
    """Return the page of all commands, as Typer writes it."""
    command = typer.main.get_command(cli.app)
    context = typer.Context(command, info_name="gradjury")
    text = get_docs_for_click(obj=command, ctx=context, name="gradjury", title="Command line reference")
    return re.sub(r"^\* ", "- ", text, flags=re.MULTILINE)


def http_reference() -> str:
    """Return the page of all calls, by their tags in the OpenAPI document."""
    document = create_app().openapi()
    parts = [
        "# HTTP reference",
        "The service shows this at `/docs`, and as data at `/openapi.json`.",
    ]
    groups: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            (tag, *_) = operation.get("tags", ["other"])
            groups.setdefault(tag, []).append("\n\n".join(_operation(document, method, path, operation)))
    for tag, operations in groups.items():
        parts += [f"## {tag.capitalize()}", *operations]
    parts += ["## Documents", *_schemas(document)]
    return "\n\n".join(parts) + "\n"


def _operation(
    document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]
) -> Iterator[str]:
    yield f"### {method.upper()} {path}"
    yield operation.get("description") or operation.get("summary", "")
    parameters = operation.get("parameters", [])
    if parameters:
        rows = [
            f"| `{one['name']}` | {one['in']}{', required' if one.get('required') else ''} "
            f"| {_type(one.get('schema', {}))} | {_cell(one.get('description', ''))} |"
            for one in parameters
        ]
        yield "\n".join(["| parameter | in | type | meaning |", "|---|---|---|---|", *rows])
    body = operation.get("requestBody", {}).get("content", {})
    if body:
        forms = (f"`{kind}` ({_type(content.get('schema', {}))})" for kind, content in body.items())
        yield f"Body: {', '.join(forms)}."
    rows = []
    for status, response in operation["responses"].items():
        reference = response.get("$ref")
        if reference:
            response = document["components"]["responses"][reference.rpartition("/")[2]]
        kinds = ", ".join(f"`{kind}`" for kind in response.get("content", {}))
        rows.append(f"| {status} | {_cell(response.get('description', ''))} | {kinds} |")
    yield "\n".join(["| status | meaning | content |", "|---|---|---|", *rows])


def _schemas(document: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in document["components"]["schemas"].items():
        yield f"### {name}"
        if schema.get("description"):
            yield schema["description"]
        if "properties" in schema:
            needed = schema.get("required", [])
            rows = [
                f"| `{field}` | {_type(row)} | {'yes' if field in needed else ''} "
                f"| {_cell(row.get('description', ''))} |"
                for field, row in schema["properties"].items()
            ]
            yield "\n".join(["| field | type | required | meaning |", "|---|---|---|---|", *rows])
        else:
            yield f"Type: {_type(schema)}."


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema or "oneOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema.get("anyOf", schema.get("oneOf"))))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"array of {_type(schema['items'])}" if schema.get("items") else "array"
    return str(schema.get("type", "any"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
