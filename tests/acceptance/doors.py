"""The doors of the product. Each takes a submission's document and gives the report's."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from tests.prefork.programs import COLD, warm_gradjury
from verifier import verify
from verifier.documents.files import write_document

Door = Callable[[dict[str, Any], Path, str], dict[str, Any]]
MEDIA_TYPES = {
    "json": "application/json",
    "npz": "application/x-npz",
    "safetensors": "application/x-safetensors",
}


def check_in_python(document: dict[str, Any], folder: Path, url: str) -> dict[str, Any]:
    def as_arrays(value: Any) -> Any:  # a graph has several inputs
        if isinstance(value, dict):
            return {name: as_arrays(each) for name, each in value.items()}
        return np.array(value, dtype=float)

    arrays = {group: as_arrays(document[group]) for group in ("parameters", "gradients", "inputs")}
    return verify(document | arrays).to_dict()


def command_line_door(format_name: str, program: Callable[[], Path] = warm_gradjury) -> Door:
    def door(document: dict[str, Any], folder: Path, url: str) -> dict[str, Any]:
        path = folder / f"submission.{format_name}"
        path.write_bytes(write_document(document, format_name))
        run = subprocess.run(
            [program(), "check", path, "--format", "json"], cwd=folder, capture_output=True, text=True
        )
        assert run.stderr == "", run.stderr
        report = json.loads(run.stdout)
        assert report.pop("source") == str(path)
        assert run.returncode == {"correct": 0, "incorrect": 1, "undecided": 3}[report["verdict"]]
        return report

    return door


def http_door(format_name: str) -> Door:
    def door(document: dict[str, Any], folder: Path, url: str) -> dict[str, Any]:
        answer = httpx2.post(
            f"{url}/v1/checks",
            content=write_document(document, format_name),
            headers={"content-type": MEDIA_TYPES[format_name]},
            timeout=300,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    return door


def check_by_form(document: dict[str, Any], folder: Path, url: str) -> dict[str, Any]:
    answer = httpx2.post(f"{url}/v1/checks", files={"file": write_document(document, "npz")}, timeout=300)
    assert answer.status_code == 200, answer.text
    return answer.json()


DOORS: dict[str, Door] = {
    "python-arrays": check_in_python,
    **{f"cli-{name}": command_line_door(name) for name in MEDIA_TYPES},
    "cli-cold": command_line_door("json", lambda: COLD),
    **{f"http-{name}": http_door(name) for name in MEDIA_TYPES},
    "http-form": check_by_form,
}
