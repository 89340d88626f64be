"""Files and variables that the reader of a page has before the first command."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.request import Request, urlopen

import numpy as np

from tests.docs.pages import PAGES, ROOT, blocks_of
from tests.docs.shell import gradjury
from verifier.examples.layers import example_document

KERAS = ROOT / "tests" / "data" / "keras"
Material = Callable[[Path, str, Mapping[str, str]], dict[str, str]]


def assignment(folder: Path, service: str, variables: Mapping[str, str]) -> dict[str, str]:
    """The assignment that docs/assignments.md shows."""
    (shown,) = [block for block in blocks_of(PAGES["docs/assignments.md"]) if block.file == "assignment.json"]
    (folder / "assignment.json").write_text(shown.text)
    return {}


def student(folder: Path, service: str, variables: Mapping[str, str]) -> dict[str, str]:
    """A token, and the id of an assignment that it opens."""
    document = example_document("sigmoid-mse")
    del document["gradients"]
    grader = gradjury(variables, "token", "create", "--role", "grader", "--subject", "prof")
    made = submit(f"{service}/v1/assignments", grader, {"title": "Homework 1", "problem": document})
    token = gradjury(
        variables, "token", "create", "--role", "student", "--subject", "ada", "--assignment", made["id"]
    )
    return {"TOKEN": token, "ID": made["id"]}


def submit(address: str, token: str, document: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    with urlopen(Request(address, json.dumps(document).encode(), headers)) as answer:
        return json.load(answer)


def networks(folder: Path, service: str, variables: Mapping[str, str]) -> dict[str, str]:
    """A network of every library that saves files, and a batch of six for all of them."""
    import torch  # here, since every process that collects these tests would wait for it
    from safetensors.torch import save_file

    from tests.verifier.documents.importers.test_nielsen import Nielsen
    from tests.verifier.documents.importers.test_onnx_model import GOOD

    with np.load(KERAS / "logits.npz") as recorded:
        inputs, rows = recorded["inputs"].astype(np.float64), recorded["targets"]
    classes = rows.argmax(axis=1)
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "classes.npy", classes)
    np.save(folder / "three.npy", rows)
    (folder / "rows.json").write_text(json.dumps(np.zeros((len(inputs), 6)).tolist()))
    shutil.copy(KERAS / "logits.json", folder / "model.json")
    shutil.copy(KERAS / "logits.weights.h5", folder / "model.weights.h5")
    (folder / "model.onnx").write_bytes(GOOD)
    (folder / "network.json").write_text(json.dumps(Nielsen("QuadraticCost").to_json()))
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3)).double()
    labels = torch.as_tensor(classes)
    torch.nn.functional.cross_entropy(module(torch.as_tensor(inputs)), labels).backward()
    save_file(module.state_dict(), folder / "model.safetensors")
    save_file({name: one.grad for name, one in module.named_parameters()}, folder / "gradients.safetensors")
    return {}


MATERIALS: Mapping[str, Material] = MappingProxyType(
    {
        "docs/bundles.md": assignment,
        "docs/importers.md": networks,
        "docs/quickstart-student.md": student,
    }
)
