"""Sources' libraries are loaded when one is asked; an absent one is named, with what to install."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from verifier.documents.importers import IMPORTERS

KERAS = Path(__file__).parents[3] / "data" / "keras"
HEAVY = ("torch", "sklearn", "keras", "h5py", "onnx", "scipy")

BLOCK = """
import sys

class Absent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Absent)
"""


def run(program: str, blocked: tuple[str, ...] = ()) -> str:
    """Run a program in which the import of some packages fails; give what it prints."""
    block = f"BLOCKED = {blocked!r}\n" + BLOCK
    done = subprocess.run(
        [sys.executable, "-c", block + program], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_loads_no_librarys_module() -> None:
    modules = [row.module for row in IMPORTERS.values()]
    program = (
        "import importlib, verifier, verifier.documents.importers\n"
        "import verifier.cli.main, verifier.cli.import_network\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    assert run(program).strip() == "[]"


def test_every_row_of_the_table_names_its_function() -> None:
    for row in IMPORTERS.values():
        assert row.load().__name__ == row.function
        assert row.function == f"from_{row.name}"


ABSENT = [
    ("from_torch(None, 'mse', None, None)", ("torch",), "install gradjury[torch]"),
    ("from_sklearn(None, None, None)", ("sklearn",), "install gradjury[sklearn]"),
    (f"from_keras({str(KERAS / 'regressor.keras')!r}, None, None)", ("h5py",), "install gradjury[keras]"),
    ("from_onnx(b'', 'mse', None, None)", ("onnx",), "install gradjury[onnx]"),
]


@pytest.mark.parametrize(("call", "blocked", "message"), ABSENT, ids=[row[1][0] for row in ABSENT])
def test_an_absent_library_is_named_with_what_to_install(
    call: str, blocked: tuple[str, ...], message: str
) -> None:
    name = call.partition("(")[0]
    program = (
        f"from verifier.documents.importers import {name}\n"
        f"try:\n    {call}\n"
        "except ImportError as error:\n    print(type(error).__name__, error)\n"
    )
    output = run(program, blocked)
    assert output.startswith("MissingLibrary expected the package")
    assert message in output


WITHOUT_TORCH = f"""
import json, numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save
from sklearn.neural_network import MLPRegressor
from verifier import verify
from verifier.documents.importers import from_keras, from_nielsen, from_onnx, from_sklearn, from_state_dict

x, y = np.linspace(-1, 1, 10).reshape(5, 2), np.linspace(0, 1, 5)[:, None]
w, b = np.array([[0.3], [-0.7]]), np.array([0.1])
value = helper.make_tensor_value_info
graph = helper.make_graph(
    [helper.make_node("Gemm", ["x", "w", "b"], ["y"])], "g",
    [value("x", TensorProto.DOUBLE, [5, 2])], [value("y", TensorProto.DOUBLE, [5, 1])],
    [numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
slope = 2 * (x @ w + b - y) / 5
right = {{"w": x.T @ slope, "b": slope.sum(axis=0)}}
with np.load({str(KERAS / "logits.npz")!r}) as archive:
    recorded = dict(archive)
kx, ky = recorded.pop("inputs"), recorded.pop("targets")
nielsen = dict(sizes=[2, 1], weights=[w.T.tolist()], biases=[[[0.1]]], cost="QuadraticCost")
estimator = MLPRegressor(hidden_layer_sizes=(2,), max_iter=1, solver="lbfgs").fit(x, y.ravel())
documents = [
    from_onnx(model, "torch.mse", x, y, gradients=right),
    from_state_dict(
        save({{"0.weight": np.ascontiguousarray(w.T), "0.bias": b}}), "relu", "torch.mse", x, y,
        gradients={{"0.weight": right["w"].T, "0.bias": right["b"]}},
    ),
    from_keras(
        {str(KERAS / "logits.json")!r}, kx, ky, weights={str(KERAS / "logits.weights.h5")!r},
        gradients={{key: array for key, array in recorded.items() if "/" in key}},
    ),
    from_nielsen(nielsen, x, y),
    from_sklearn(estimator, x, y.ravel()),
]
reports = [verify(document) for document in documents]
verdicts = [str(report.verdict) for report in reports]
print(json.dumps([verdicts, [report.to_dict()["evidence"] for report in reports]]))
"""


def test_without_torch_every_other_source_works_and_reports_say_so() -> None:
    verdicts, evidence = json.loads(
        run("import warnings; warnings.simplefilter('ignore')\n" + WITHOUT_TORCH, ("torch",))
    )
    assert verdicts == ["correct", "correct", "correct", "incorrect", "incorrect"]  # the last two: missing
    for rows in evidence:
        (autograd,) = [row for row in rows if row["oracle"] == "autograd"]
        assert "PyTorch cannot be imported" in json.dumps(autograd)
