"""Import networks of other libraries as documents of submissions: `from_torch`, `from_keras` and so on.

Each function returns a document with numpy arrays, which `verify`, `inspect`, the file writers and the HTTP
client accept. A name is loaded at its first use, and a source's library at the importer's first call.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from verifier.documents.importers.common import Importer
from verifier.documents.importers.table import IMPORTERS

if TYPE_CHECKING:
    from verifier.documents.importers.edugrad_tensor import from_edugrad
    from verifier.documents.importers.keras_model import from_keras
    from verifier.documents.importers.nielsen import from_nielsen
    from verifier.documents.importers.onnx_model import from_onnx
    from verifier.documents.importers.scikit_learn import from_sklearn
    from verifier.documents.importers.state_dict import from_state_dict
    from verifier.documents.importers.torch_module import from_torch
    from verifier.documents.importers.torch_tensor import from_torch_tensor
    from verifier.documents.importers.value_graph import from_value

__all__ = [
    "IMPORTERS",
    "Importer",
    "from_edugrad",
    "from_keras",
    "from_nielsen",
    "from_onnx",
    "from_sklearn",
    "from_state_dict",
    "from_torch",
    "from_torch_tensor",
    "from_value",
]


def __getattr__(name: str) -> Any:
    for row in IMPORTERS.values():
        if row.function == name:
            return getattr(import_module(row.module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
