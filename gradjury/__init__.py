"""Check gradients of neural networks, and name the mistake in a wrong one.

>>> import gradjury
>>> report = gradjury.verify(gradjury.load("homework.json"))

Names are loaded when they are first used, so `import gradjury` takes a few milliseconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gradjury.packages import import_package

if TYPE_CHECKING:
    from gradjury.client.async_client import AsyncClient
    from gradjury.client.client import Client
    from gradjury.client.errors import ServiceError
    from verifier import (
        DocumentError,
        GradientError,
        Inspection,
        MalformedSubmission,
        ProblemCache,
        Report,
        Submission,
        Verdict,
        build_document,
        check_gradient,
        check_operation,
        inspect,
        load,
        verify,
    )
    from verifier.documents.importers import (
        from_edugrad,
        from_keras,
        from_nielsen,
        from_onnx,
        from_sklearn,
        from_state_dict,
        from_torch,
        from_torch_tensor,
        from_value,
    )

_IMPORTERS = "verifier.documents.importers"
_CLIENTS = ("AsyncClient", "Client")
__all__ = [
    "AsyncClient",
    "Client",
    "DocumentError",
    "GradientError",
    "Inspection",
    "MalformedSubmission",
    "ProblemCache",
    "Report",
    "ServiceError",
    "Submission",
    "Verdict",
    "build_document",
    "check_gradient",
    "check_operation",
    "from_edugrad",
    "from_keras",
    "from_nielsen",
    "from_onnx",
    "from_sklearn",
    "from_state_dict",
    "from_torch",
    "from_torch_tensor",
    "from_value",
    "inspect",
    "load",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _CLIENTS:
        return import_module("gradjury.client").load_client(name)
    if name == "ServiceError":
        return import_module("gradjury.client.errors").ServiceError
    home = _IMPORTERS if name.startswith("from_") else "verifier"
    value = globals()[name] = getattr(import_package(home), name)  # the next time it is found at once
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
