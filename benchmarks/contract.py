"""Check with schemathesis that the service conforms to its OpenAPI document, for tokens of every role.

    python -m benchmarks.contract [EXAMPLES]

Valid and invalid requests are sent, with existing and with unknown ids. No response may be a server error,
have an undocumented status or media type, or violate its schema.
"""

import sys
from collections import Counter
from collections.abc import Mapping
from itertools import product
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from benchmarks.support.service import RunningService, request_json, running_service

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_BINARY = (
    "application/x-npz",
    "application/x-safetensors",
    "application/vnd.safetensors",
    "application/x-ndjson",
    "application/zip",
)


@schemathesis.serializer(*_BINARY)
def _unserialized(context: Any, value: Any) -> Any:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def check_operations(
    service: RunningService, role: str, examples: int, *, pairs: bool = False
) -> Counter[tuple[str, int]]:
    """Send requests to each operation and return the number of responses by operation and status.

    examples: requests per operation, mode and kind of ids.
    pairs: only valid requests with ids that exist, and invalid ones with ids that do not.
    Raises: an exception of schemathesis for a response that violates the document.
    """
    _, _, document = request_json(service.port, "GET", "/openapi.json", {})
    schema = openapi.from_dict(document)
    schema.config.update(base_url=service.url)
    responses: Counter[tuple[str, int]] = Counter()
    operations = [result.ok() for result in schema.get_all_operations()]
    operations.sort(key=lambda operation: operation.method == "delete")  # what the others ask for
    for operation in operations:
        for mode, ids in product((GenerationMode.POSITIVE, GenerationMode.NEGATIVE), (service.ids, {})):
            if not pairs or (mode is GenerationMode.POSITIVE) == bool(ids):
                _check_operation(operation, mode, service.tokens[role], ids, examples, responses)
    return responses


def _check_operation(
    operation: Any,
    mode: GenerationMode,
    token: Mapping[str, str],
    ids: Mapping[str, str],
    examples: int,
    responses: Counter[tuple[str, int]],
) -> None:
    @seed(0)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        existing = {name: ids[name] for name in case.path_parameters or {} if name in ids}
        case.path_parameters = {**(case.path_parameters or {}), **existing}
        case.headers = {k: v for k, v in (case.headers or {}).items() if k.lower() != "authorization"}
        response = case.call(headers=dict(token), timeout=60)
        responses[operation.definition.raw["operationId"], response.status_code] += 1
        case.validate_response(response, checks=CHECKS, headers=dict(token))

    try:
        holds()
    except Exception as error:
        if type(error).__name__ != "Unsatisfiable":  # an operation without input has no invalid requests
            raise


def main() -> None:
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with running_service(oracles="backpropagation") as service:
        totals: Counter[tuple[str, int]] = Counter()
        for role in service.tokens:
            totals += check_operations(service, role, examples)
    for (operation, status), count in sorted(totals.items()):
        print(f"{operation:20} {status} {count:8}")
    print(f"{totals.total()} requests, every answer as the document says")


if __name__ == "__main__":
    main()
