"""Cases with one bug in one random problem, submitted in different ways."""

import traceback
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from benchmarks.support.buggy_students import (
    AT_OUTPUT,
    STUDENTS,
    Gradients,
    Mistake,
    Student,
    mistake_layers,
    student_gradients,
)
from benchmarks.support.diagnosing.outcome import PROVENANCE, DiagnosisOutcome, judge
from benchmarks.support.diagnosing.summary import submission, summarize
from benchmarks.support.general_position import CONFIGURATIONS, Configuration, draw
from reference_impl import Problem
from verifier.documents.reading import read_submission
from verifier.documents.writing import submission_to_document
from verifier.problem.submission import EXAMPLE_AXES, WEIGHT_LAYOUTS, Convention, Submission

_STRIDE = 367  # coprime to the number of cells, so that consecutive seeds visit all cells
_ATTEMPTS = 60


@dataclass(frozen=True)
class SubmissionMode:
    """Way of submitting gradients.

    dtype: precision of the computation.
    missing: True if some gradients are missing.
    random_layout: True if the arrays have random layouts.
    students: bugs by id.
    """

    dtype: type = np.float64
    missing: bool = False
    random_layout: bool = False
    students: Mapping[str, Student] = field(default_factory=lambda: STUDENTS)


MODES = {
    "single": SubmissionMode(),
    "float32": SubmissionMode(dtype=np.float32),
    "missing": SubmissionMode(missing=True),
    "conventions": SubmissionMode(random_layout=True),
    "output-slopes": SubmissionMode(students=AT_OUTPUT),
}


@dataclass(frozen=True, eq=False)
class DiagnosisCase:
    seed: int
    cell: Configuration
    problem: Problem
    mistake: Mistake
    gradients: Gradients
    submission: Submission

    @property
    def about(self) -> str:
        problem = self.problem
        layers = problem.network.layers
        names = "-".join(layer.activation.name for layer in layers)
        sizes = "-".join(str(size) for size in [layers[0].inputs, *(layer.outputs for layer in layers)])
        risk = problem.risk
        extras = ["" if layers[0].bias else "no bias", "masks" if problem.batch.masks else ""]
        extras += [f"{penalty.norm} {penalty.batch} {penalty.biases}" for penalty in risk.penalties]
        biases = sum(parameters.bias is not None for parameters in problem.parameters)
        missing = len(problem.parameters) + biases - len(self.gradients)
        extras += [f"{missing} missing" if missing > 0 else ""]
        loss = f"{risk.loss.name} on {risk.on}, {risk.factor:g}, batch {risk.batch}, outputs {risk.outputs}"
        return f"{sizes} {names}, N = {problem.batch.size}, {loss} " + " ".join(filter(None, extras))


def case_of(bug: str, seed: int, mode: SubmissionMode) -> DiagnosisCase | None:
    """Draw a case in the first cell, starting at the seed's, in which the bug is possible."""
    student, start = mode.students[bug], zlib.crc32(bug.encode())
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([start, seed, attempt])
        cell = CONFIGURATIONS[(start + _STRIDE * seed + 7 * (attempt // 3)) % len(CONFIGURATIONS)]
        problem = _problem(student, cell, mode, rng)
        possible = [layer for layer in mistake_layers(problem) if student.applies(problem, layer)]
        if possible:
            layer = possible[rng.integers(len(possible))]
            mistake = student.draw(problem, layer, rng)
            return _case_with(seed, cell, problem, mistake, mode, rng)
    return None


def _problem(
    student: Student, cell: Configuration, mode: SubmissionMode, rng: np.random.Generator
) -> Problem:
    requirements = student.requirements
    if mode.missing and requirements.bias is None and rng.random() < 0.5:
        requirements = replace(requirements, bias=False)
    return draw(rng, cell, requirements)


def _case_with(
    seed: int,
    cell: Configuration,
    problem: Problem,
    mistake: Mistake,
    mode: SubmissionMode,
    rng: np.random.Generator,
) -> DiagnosisCase:
    gradients = student_gradients(problem, [mistake], mode.dtype)
    if mode.missing:
        kept = rng.random(len(gradients)) < 0.65
        needed = _required_parameter(mistake, gradients, rng)
        names = zip(gradients.items(), kept, strict=True)
        gradients = {name: array for (name, array), keep in names if keep or name == needed}
    tolerance = "strict" if mistake.bug in PROVENANCE or rng.random() < 0.25 else "standard"
    precision = "float32" if mode.dtype is np.float32 else "float64"
    submitted = submission(problem, gradients, precision, tolerance)
    if mode.random_layout:
        submitted = read_submission(
            submission_to_document(replace(submitted, convention=_convention(problem, rng)))
        )
    return DiagnosisCase(seed, cell, problem, mistake, gradients, submitted)


def _required_parameter(mistake: Mistake, gradients: Gradients, rng: np.random.Generator) -> str:
    """Return a parameter that must be submitted, so that the layer of the mistake is present."""
    if mistake.layer is None:
        return str(rng.choice(list(gradients)))
    kind = "bias" if mistake.equation == "bias_gradient" else "weight"
    return f"layers.{mistake.layer}.{kind}"


def _convention(problem: Problem, rng: np.random.Generator) -> Convention:
    shapes = {}
    for index, parameters in enumerate(problem.parameters):
        if parameters.bias is not None:
            size = parameters.bias.size
            shapes[f"layers.{index}.bias"] = [(size,), (1, size), (size, 1)][rng.integers(3)]
    return Convention(str(rng.choice(WEIGHT_LAYOUTS)), str(rng.choice(EXAMPLE_AXES)), shapes)


def measure(work: tuple[str, int, str]) -> DiagnosisOutcome | None:
    """Judge one case of (bug, seed, name of a mode); None if the bug is impossible."""
    bug, seed, mode = work
    case = case_of(bug, seed, MODES[mode])
    if case is None:
        return None
    mistake = case.mistake
    outcome = DiagnosisOutcome(seed, bug, mistake.form, mistake.layer, mistake.equation, case.about, "raised")
    try:
        summary = summarize(case.submission)
    except Exception:
        return replace(outcome, diagnosis=(traceback.format_exc(limit=-2).replace("\n", " "),))
    kind, located, equation = judge(case.problem, mistake, case.gradients, summary, MODES[mode].dtype)
    residual = max((row.residual for row in summary.rows if row.bug != "unexplained"), default=0.0)
    return replace(
        outcome,
        kind=kind,
        located=located,
        equation_right=equation,
        diagnosis=tuple(str(row) for row in summary.rows),
        residual=residual,
    )
