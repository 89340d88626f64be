"""Judge the diagnosis of one wrong submission. Claimed coincidences are recomputed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.support.buggy_students import (
    AT_OUTPUT,
    STUDENTS,
    Gradients,
    Mistake,
    mistake_layers,
    student_gradients,
)
from benchmarks.support.diagnosing.summary import DiagnosisSummary, SummaryRow
from reference_impl import Problem

# named: the bug is named.
# also: another bug with the same gradients is named, and the bug is in also_consistent.
# unlisted: another bug with the same gradients is named, and the bug is not mentioned.
# unknown: another bug is named that these students cannot reproduce, and the bug is in also_consistent.
# extra: the bug is named, together with others.
KINDS = ("named", "also", "unknown", "unlisted", "unexplained", "silent", "extra", "false", "raised")
RIGHT = ("named", "also")
FALSE = ("false", "extra")
# reported as warnings, and possibly also in the diagnosis
PROVENANCE = ("numerical-gradient", "lower-precision-than-declared")
# relative to the largest number of all: smaller gradients are rounding errors
SMALL = {np.float64: 1e-5, np.float32: 1e-2}
CLOSE = {np.float64: 1e-9, np.float32: 1e-4}  # relative to a parameter's largest number


@dataclass(frozen=True)
class DiagnosisOutcome:
    """Result for one case. kind: one of KINDS, or `invisible` if no number is judged incorrect."""

    seed: int
    bug: str
    form: str
    layer: int | None
    equation: str
    about: str
    kind: str
    located: bool = False
    equation_right: bool = False
    diagnosis: tuple[str, ...] = ()
    residual: float = 0.0

    def __str__(self) -> str:
        diagnosis = " | ".join(self.diagnosis) or "nothing"
        where = "" if self.located else ", wrong place"
        return (
            f"seed {self.seed}: {self.bug} ({self.form}) at {self.layer}, {self.about}: "
            f"{self.kind}{where}; diagnosis: {diagnosis}"
        )


def same_gradients(first: Gradients, second: Gradients, dtype: type = np.float64) -> bool:
    """True if all common parameters are equal within rounding errors."""
    with np.errstate(all="ignore"):
        numbers = np.concatenate([array.ravel() for array in first.values()]).astype(np.float64)
        largest = float(np.abs(numbers[np.isfinite(numbers)]).max(initial=0.0))
        for name in first.keys() & second.keys():
            a, b = first[name].astype(np.float64), second[name].astype(np.float64)
            finite = np.isfinite(a) & np.isfinite(b)
            if not np.array_equal(np.isnan(a), np.isnan(b)):
                return False
            size = float(np.abs(np.concatenate([a[finite], b[finite], [SMALL[dtype] * largest]])).max())
            if not np.allclose(a, b, rtol=0.0, atol=CLOSE[dtype] * size + 1e-300, equal_nan=True):
                return False
    return True


def layers_reproducing(
    problem: Problem,
    row: SummaryRow,
    gradients: Gradients,
    dtype: type,
    others: Iterable[Mistake] = (),
    same: Callable[[Gradients, Gradients], bool] | None = None,
) -> list[int | None] | None:
    """Return the layers at which the named bug reproduces these gradients.

    None if the bug is impossible in this problem. same: by default equality within rounding errors.
    """
    same = same or partial(same_gradients, dtype=dtype)
    students = [table[row.bug] for table in (STUDENTS, AT_OUTPUT) if row.bug in table]
    possible, layers = False, []
    for layer in [row.layer] + [other for other in mistake_layers(problem) if other != row.layer]:
        forms = [form for student in students for form in student.forms(problem, layer, row.hints)]
        possible = possible or bool(forms)
        if any(same(student_gradients(problem, [*others, form], dtype), gradients) for form in forms):
            layers.append(layer)
            if layer == row.layer:
                break
    return layers if possible else None


def judge(
    problem: Problem, mistake: Mistake, gradients: Gradients, summary: DiagnosisSummary, dtype: type
) -> tuple[str, bool, bool]:
    """Return the kind, and whether the layer and the equation are right."""
    if not summary.incorrect:
        return "invisible", False, False
    if mistake.bug in PROVENANCE and mistake.bug in summary.warnings and not summary.rows:
        return "named", True, True
    if not summary.rows:
        return "silent", False, False
    main = next((row for row in summary.rows if row.bug == mistake.bug), summary.rows[0])
    equation = main.equation == mistake.equation
    is_located = main.layer == mistake.layer
    if main.bug == mistake.bug:
        rest = [row for row in summary.rows if row is not main]
        repeated = mistake.spreads and all(row.bug == mistake.bug for row in rest)
        if not is_located:
            places = layers_reproducing(problem, main, gradients, dtype)
            is_located = places is not None and main.layer in places
        return ("named" if not rest or repeated else "extra"), is_located, equation
    if any(row.bug == "unexplained" for row in summary.rows):
        return "unexplained", is_located, equation
    if len(summary.rows) > 1:
        return "false", is_located, equation
    places = layers_reproducing(problem, main, gradients, dtype)
    listed = mistake.bug in main.equivalent_bugs
    if places is None:
        return ("unknown" if listed else "false"), is_located, equation
    if not places:
        return "false", is_located, equation
    return ("also" if listed else "unlisted"), is_located or main.layer in places, equation
