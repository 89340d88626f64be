"""The table of importers, one row per source.

To add one, write a module with a function that returns `document_of_import` of a chain, and add a row here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from verifier.documents.importers.common import Importer

IMPORTERS: Mapping[str, Importer] = MappingProxyType(
    {
        row.name: row
        for row in (
            Importer(
                "torch",
                "verifier.documents.importers.torch_module",
                "from_torch",
                "a live torch.nn.Module of Linear layers and activations",
                extra="torch",
            ),
            Importer(
                "torch_tensor",
                "verifier.documents.importers.torch_tensor",
                "from_torch_tensor",
                "a live scalar tensor of PyTorch, its graph and the gradients in .grad",
                extra="torch",
            ),
            Importer(
                "edugrad",
                "verifier.documents.importers.edugrad_tensor",
                "from_edugrad",
                "a live scalar edugrad.Tensor, its graph and the gradients in .grad",
            ),
            Importer(
                "value",
                "verifier.documents.importers.value_graph",
                "from_value",
                "a live Value of micrograd or of a program like it, its graph and the gradients in .grad",
            ),
            Importer(
                "state_dict",
                "verifier.documents.importers.state_dict",
                "from_state_dict",
                "a PyTorch state_dict, live or as a safetensors file, and the activations",
                from_files=True,
                required=("activations",),
                optional=("order",),
            ),
            Importer(
                "sklearn",
                "verifier.documents.importers.scikit_learn",
                "from_sklearn",
                "a live, fitted MLPClassifier or MLPRegressor",
                extra="sklearn",
            ),
            Importer(
                "keras",
                "verifier.documents.importers.keras_model",
                "from_keras",
                "Keras 3: a .keras file; model.to_json() and its .weights.h5; a live model",
                from_files=True,
                further_files=("weights",),
                extra="keras",
            ),
            Importer(
                "onnx",
                "verifier.documents.importers.onnx_model",
                "from_onnx",
                "an ONNX model of Gemm, MatMul, Add and activations",
                from_files=True,
                extra="onnx",
            ),
            Importer(
                "nielsen",
                "verifier.documents.importers.nielsen",
                "from_nielsen",
                "the JSON that Nielsen's network2.py saves",
                from_files=True,
            ),
        )
    }
)
