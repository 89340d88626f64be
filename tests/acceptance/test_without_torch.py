"""Without PyTorch every door works: the same verdicts, and reports say that autograd was not asked.

The processes find no PyTorch, as where it was never installed.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.acceptance.server import running_service
from tests.prefork.programs import COLD, programs, start_programs
from tests.verifier.documents.importers.test_nielsen import Nielsen
from tests.verifier.documents.importers.test_onnx_model import GOOD
from tests.without_torch import without_torch
from verifier import verify
from verifier.documents.files import write_document
from verifier.examples.layers import EXAMPLES, example_document

ROOT = Path(__file__).parents[2]
KERAS = ROOT / "tests" / "data" / "keras"
Environment = Mapping[str, str]


@pytest.fixture(scope="session")
def no_torch(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The environment of a process, and of its processes, in which importing torch fails."""
    return without_torch(tmp_path_factory.mktemp("no_torch"))


@pytest.fixture(scope="session")
def programs_without_torch(no_torch: Environment) -> Path:
    """The folder of programs that are forked from a process in which importing torch fails."""
    return start_programs(no_torch)


def run(
    *arguments: Any, folder: Path, environment: Environment = os.environ, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(argument) for argument in arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        input=stdin,
        env=dict(environment),
    )


def without_autograd(report: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is PyTorch's own, and the time."""
    evidence = [row for row in report["evidence"] if row["oracle"] != "autograd"]
    versions = {name: version for name, version in report["versions"].items() if name != "torch"}
    return report | {"evidence": evidence, "versions": versions, "seconds": 0}


def autograd_evidence(report: dict[str, Any]) -> dict[str, Any]:
    (row,) = [row for row in report["evidence"] if row["oracle"] == "autograd"]
    return row


def test_a_check_judges_as_with_torch_and_says_that_it_is_absent(
    no_torch: Environment, tmp_path: Path
) -> None:
    for position, name in enumerate(EXAMPLES):
        suffix = ("json", "npz", "safetensors")[position % 3]
        document = example_document(name)
        (tmp_path / f"{name}.{suffix}").write_bytes(write_document(document, suffix))
    arguments = ("check", ".", "--format", "json")
    whole = run(programs() / "gradjury", *arguments, folder=tmp_path)
    bare = run(COLD, *arguments, "--jobs", 2, folder=tmp_path, environment=no_torch)
    assert (whole.stderr, bare.stderr) == ("", "")
    assert whole.returncode == bare.returncode == 1
    reports = [[json.loads(line) for line in one.stdout.splitlines()] for one in (whole, bare)]
    assert len(reports[1]) == len(EXAMPLES)
    for with_torch, without in zip(*reports, strict=True):
        assert without_autograd(without) == without_autograd(with_torch)
        assert autograd_evidence(with_torch)["agrees"] is True
        assert autograd_evidence(without)["agrees"] is None
        assert autograd_evidence(without)["reason"] == "PyTorch cannot be imported: No module named 'torch'"
        assert "torch" not in without["versions"]


@pytest.mark.parametrize(
    "command",
    [
        ("inspect", "pytorch.json"),
        ("example", "--strong", "--like", "pytorch.json"),
        ("example", "columns"),
        ("catalogue", "--format", "json"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_what_needs_no_oracle_prints_the_same(
    command: tuple[str, ...], no_torch: Environment, programs_without_torch: Path, tmp_path: Path
) -> None:
    (tmp_path / "pytorch.json").write_bytes(write_document(example_document("pytorch"), "json"))
    bare = run(programs_without_torch / "gradjury", *command, folder=tmp_path, environment=no_torch)
    assert (bare.returncode, bare.stderr) == (0, "")
    assert bare.stdout == run(programs() / "gradjury", *command, folder=tmp_path).stdout


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network, a batch and gradients of every source of files."""
    folder = tmp_path_factory.mktemp("networks")
    rng = np.random.default_rng(3)
    np.save(folder / "x.npy", rng.normal(size=(5, 4)))
    np.save(folder / "y.npy", rng.random(size=(5, 3)))
    np.save(folder / "y6.npy", rng.random(size=(5, 6)))
    (folder / "network.json").write_text(json.dumps(Nielsen("QuadraticCost").to_json()))
    (folder / "model.onnx").write_bytes(GOOD)
    layers = {"0.weight": rng.normal(size=(3, 4)), "0.bias": rng.normal(size=3)}
    save_file(layers, folder / "model.safetensors")
    save_file(layers, folder / "gradients.safetensors")
    with np.load(KERAS / "logits.npz") as recorded:
        np.savez(folder / "kg.npz", **{name: recorded[name] for name in recorded if "/" in name})
        np.save(folder / "kx.npy", recorded["inputs"])
        np.save(folder / "ky.npy", recorded["targets"])
    return folder


BATCH = ("--inputs", "x.npy", "--targets", "y.npy")
SOURCES = {
    "keras": (
        KERAS / "logits.json", KERAS / "logits.weights.h5",
        "--inputs", "kx.npy", "--targets", "ky.npy", "--gradients", "kg.npz",
    ),
    "onnx": ("model.onnx", "--inputs", "x.npy", "--targets", "y6.npy", "--loss", "torch.mse"),
    "nielsen": ("network.json", *BATCH),
    "state_dict": (
        "model.safetensors", *BATCH, "--loss", "torch.mse",
        "--activations", "tanh", "--gradients", "gradients.safetensors",
    ),
}  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
def test_networks_of_files_are_imported_the_same(
    source: str, no_torch: Environment, programs_without_torch: Path, networks: Path
) -> None:
    command = ("import", source, *SOURCES[source])
    bare = run(programs_without_torch / "gradjury", *command, folder=networks, environment=no_torch)
    assert (bare.returncode, bare.stderr) == (0, "")
    assert bare.stdout == run(programs() / "gradjury", *command, folder=networks).stdout
    check = (programs_without_torch / "gradjury", "check", "-")
    judged = run(*check, folder=networks, environment=no_torch, stdin=bare.stdout)
    assert judged.returncode == (0 if source == "keras" else 1), judged.stderr  # only Keras's are right


def test_importing_a_module_of_torch_is_refused_with_its_remedy(
    no_torch: Environment, programs_without_torch: Path, tmp_path: Path
) -> None:
    program = (
        "from verifier.documents.importers import from_torch\n"
        "try:\n    from_torch(None, 'mse', [[1.0]], [[1.0]])\n"
        "except ImportError as error:\n    print(error)\n"
    )
    answer = run(sys.executable, "-c", program, folder=tmp_path, environment=no_torch)
    assert answer.stdout == (
        "expected the package 'torch' for this source, got none (No module named 'torch'); "
        "install gradjury[torch]\n"
    )
    arguments = ("import", "torch", "model.pt", *BATCH)
    command = run(programs_without_torch / "gradjury", *arguments, folder=tmp_path, environment=no_torch)
    assert command.returncode == 2
    assert command.stderr.startswith("SOURCE: expected a source of files, got torch: a live torch.nn.Module")
    assert command.stderr.endswith("; call verifier.documents.importers.from_torch in Python\n")


def test_the_pytest_fixture_names_the_same_mistake(
    no_torch: Environment, programs_without_torch: Path, tmp_path: Path
) -> None:
    student = shutil.copytree(ROOT / "examples" / "student", tmp_path / "student")
    (student / "test_check.py").write_text(
        "import numpy as np\n"
        "def test_check(gradients):\n"
        "    layers, weight = [{'in': 1, 'out': 1, 'bias': False}], {'layers.0.weight': [[2.0]]}\n"
        "    one = np.ones((1, 1))\n"
        "    report = gradients.check(layers, 'mse', one, one, weight | {'layers.0.weight': one},"
        " parameters=weight)\n"
        "    (row,) = [row for row in report.evidence if row.oracle == 'autograd']\n"
        "    assert row.reason.startswith('PyTorch cannot be imported')\n"
    )
    command = (
        programs_without_torch / "python3",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        ".",
    )
    bare = run(*command, folder=student, environment=no_torch)
    assert "bug: wrong-activation-derivative in layer 0 (hidden_delta)" in bare.stdout
    assert bare.stdout.splitlines()[-1].startswith("1 failed, 1 passed")


def test_the_service_answers_and_is_ready(no_torch: Environment, foreign_folder: Path) -> None:
    with running_service(foreign_folder, no_torch) as address:
        for name in ("pytorch", "wrong-layer"):
            report = httpx2.post(f"{address}/v1/checks", json=example_document(name), timeout=300).json()
            with_torch = verify(example_document(name)).to_dict()
            assert without_autograd(report) == without_autograd(with_torch)
            assert (
                autograd_evidence(report)["reason"] == "PyTorch cannot be imported: No module named 'torch'"
            )
        ready = httpx2.get(f"{address}/health/ready", timeout=300)
        assert ready.status_code == 200
        assert ready.json()["oracles"].pop("autograd") is None
