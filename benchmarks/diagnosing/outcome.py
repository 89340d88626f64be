"""Whether what was said of one wrong submission is right; coincidences are recomputed, never believed."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.buggy_students import AT_OUTPUT, STUDENTS, Gradients, Mistake, hand_in, places
from benchmarks.diagnosing.said import Row, Said
from reference_impl import Problem

# named: by its id. also: by another whose gradients are the same here, itself among also_consistent.
# unlisted: by another whose gradients are the same here, itself not mentioned. unknown: by another, itself
# among also_consistent, and these students cannot repeat the other. extra: named, and more rows beside it.
KINDS = ("named", "also", "unknown", "unlisted", "unexplained", "silent", "extra", "false", "raised")
RIGHT = ("named", "also")
FALSE = ("false", "extra")
# no bugs but warnings; they may stand among the diagnosis or among the warnings alone
PROVENANCE = ("numerical-gradient", "lower-precision-than-declared")
# of the largest number of all: a parameter that small is 0 but for rounding
SMALL = {np.float64: 1e-5, np.float32: 1e-2}
CLOSE = {np.float64: 1e-9, np.float32: 1e-4}  # of a parameter's largest number; float32 sums lose that much


@dataclass(frozen=True)
class Outcome:
    """kind: one of KINDS, or `invisible` where no number handed in was judged incorrect."""

    seed: int
    bug: str
    form: str
    layer: int | None
    equation: str
    about: str
    kind: str
    located: bool = False
    equation_right: bool = False
    said: tuple[str, ...] = ()
    residual: float = 0.0

    def __str__(self) -> str:
        said = " | ".join(self.said) or "nothing"
        where = "" if self.located else ", wrong place"
        return (
            f"seed {self.seed}: {self.bug} ({self.form}) at {self.layer}, {self.about}: "
            f"{self.kind}{where}; said: {said}"
        )


def alike(first: Gradients, second: Gradients, dtype: type = np.float64) -> bool:
    """Whether all parameters that both have are the same within rounding."""
    with np.errstate(all="ignore"):
        everything = np.concatenate([array.ravel() for array in first.values()]).astype(np.float64)
        largest = float(np.abs(everything[np.isfinite(everything)]).max(initial=0.0))
        for name in first.keys() & second.keys():
            a, b = first[name].astype(np.float64), second[name].astype(np.float64)
            finite = np.isfinite(a) & np.isfinite(b)
            if not np.array_equal(np.isnan(a), np.isnan(b)):
                return False
            size = float(np.abs(np.concatenate([a[finite], b[finite], [SMALL[dtype] * largest]])).max())
            if not np.allclose(a, b, rtol=0.0, atol=CLOSE[dtype] * size + 1e-300, equal_nan=True):
                return False
    return True


def reproduced_at(
    problem: Problem, row: Row, gradients: Gradients, dtype: type, others: Iterable[Mistake] = ()
) -> list[int | None] | None:
    """Give the places at which the named bug's own student hands in these very gradients.

    None where no student can make that bug in this problem at all.
    """
    students = [table[row.bug] for table in (STUDENTS, AT_OUTPUT) if row.bug in table]
    possible, found = False, []
    for layer in [row.layer] + [other for other in places(problem) if other != row.layer]:
        forms = [form for own in students for form in own.forms(problem, layer, row.hints)]
        possible = possible or bool(forms)
        if any(alike(hand_in(problem, [*others, form], dtype), gradients, dtype) for form in forms):
            found.append(layer)
            if layer == row.layer:
                break
    return found if possible else None


def judge(
    problem: Problem, mistake: Mistake, gradients: Gradients, said: Said, dtype: type
) -> tuple[str, bool, bool]:
    """Give the kind, whether the place is right, and whether the equation is."""
    if not said.incorrect:
        return "invisible", False, False
    if mistake.bug in PROVENANCE and mistake.bug in said.warnings and not said.rows:
        return "named", True, True
    if not said.rows:
        return "silent", False, False
    main = next((row for row in said.rows if row.bug == mistake.bug), said.rows[0])
    equation = main.equation == mistake.equation
    here = main.layer == mistake.layer
    if main.bug == mistake.bug:
        rest = [row for row in said.rows if row is not main]
        repeated = mistake.spreads and all(row.bug == mistake.bug for row in rest)
        if not here:
            places_found = reproduced_at(problem, main, gradients, dtype)
            here = places_found is not None and main.layer in places_found
        return ("named" if not rest or repeated else "extra"), here, equation
    if any(row.bug == "unexplained" for row in said.rows):
        return "unexplained", here, equation
    if len(said.rows) > 1:
        return "false", here, equation
    found = reproduced_at(problem, main, gradients, dtype)
    listed = mistake.bug in main.also
    if found is None:
        return ("unknown" if listed else "false"), here, equation
    if not found:
        return "false", here, equation
    return ("also" if listed else "unlisted"), here or main.layer in found, equation
