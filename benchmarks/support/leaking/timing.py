"""Measure the information about the verdict in the response time, in this process and over HTTP."""

import json
import os
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from api.service import Service
from api.services.tokens import issue
from api.settings import Settings
from api.storage.records import Role
from benchmarks.load import running_service
from benchmarks.support.leaking.question import (
    PROBLEM,
    Gradients,
    report_text,
    right_gradients,
    verify_problem,
)
from benchmarks.support.leaking.telling import bugs
from verifier.report.assignment import StudentVisibility

BINS = 6
_PERMUTATIONS = 50


def submission_kinds() -> dict[str, Gradients]:
    """Return correct gradients and several kinds of wrong ones."""
    truth, planted = right_gradients(), bugs()
    entry = {name: np.array(array) for name, array in truth.items()}
    entry["layers.0.weight"][1, 2] += 0.25
    noise = np.random.default_rng(0)
    return {
        "right": truth,
        "sign": {name: -array for name, array in truth.items()},
        "a bug": planted[-20],
        "one entry": entry,
        "random": {name: noise.normal(size=array.shape) for name, array in truth.items()},
    }


def information(classes: Sequence[Any], seconds: Sequence[float]) -> tuple[float, float]:
    """Return the mutual information between time and class in bits, and twice its standard deviation.

    The estimate is the plug-in estimate over bins of equal counts minus its mean over permutations. The
    deviation is that of the permutations.
    """
    edges = np.quantile(seconds, np.linspace(0, 1, BINS + 1)[1:-1])
    bins = np.searchsorted(edges, seconds, side="right")
    _, codes = np.unique(classes, return_inverse=True)
    rng = np.random.default_rng(0)
    permuted = [_plug_in(rng.permutation(codes), bins) for _ in range(_PERMUTATIONS)]
    return _plug_in(codes, bins) - float(np.mean(permuted)), 2.0 * float(np.std(permuted))


def _plug_in(first: Any, second: Any) -> float:
    joint = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(joint, (first, second), 1.0)
    joint /= joint.sum()
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    nonzero = joint > 0
    return float((joint[nonzero] * np.log2(joint[nonzero] / independent[nonzero])).sum())


def in_process(repeats: int) -> tuple[list[str], list[float]]:
    """Return the kind and the seconds of each judgement, with the kinds in turn."""
    names, seconds = [], []
    submissions = submission_kinds()
    for _ in range(repeats):
        for name, gradients in submissions.items():
            started = time.perf_counter()
            report_text(verify_problem(gradients), StudentVisibility())
            names.append(name)
            seconds.append(time.perf_counter() - started)
    return names, seconds


def through_service(repeats: int, grid: float) -> tuple[list[str], list[float]]:
    """Return the kind and the seconds of each request to a service, as measured by a student.

    grid: value of GRADJURY_ANSWER_GRID.
    """
    names, seconds = [], []
    submissions = {
        name: {n: np.asarray(array).tolist() for n, array in gradients.items()}
        for name, gradients in submission_kinds().items()
    }
    os.environ["GRADJURY_ANSWER_GRID"] = str(grid)
    with tempfile.TemporaryDirectory() as folder, running_service(1, Path(folder)) as (url, _):
        grader = _token(Path(folder), Role.GRADER, "prof")
        hw = _post(f"{url}/v1/assignments", grader, {"problem": PROBLEM, "students_see": ["verdict"]})["id"]
        student = _token(Path(folder), Role.STUDENT, "ada", hw)
        for repeat in range(repeats + 1):
            for name, gradients in submissions.items():
                started = time.perf_counter()
                _post(f"{url}/v1/assignments/{hw}/submissions", student, {"gradients": gradients})
                if repeat:  # the first round warms up
                    names.append(name)
                    seconds.append(time.perf_counter() - started)
    return names, seconds


def _token(folder: Path, role: Role, subject: str, *assignments: str) -> str:
    service = Service(Settings(database_url=f"sqlite:///{folder / 'gradjury.sqlite'}"))
    _, text = issue(service.repository.tokens, role, subject, frozenset(assignments), datetime.now(UTC), None)
    return text


def _post(url: str, token: str, document: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(document).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
