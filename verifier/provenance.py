"""How a gradient was come by, told from its errors: differences, or a lower precision than declared."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from reference_impl.network import Trace
from reference_impl.problem import Problem, risk_value
from verifier.caution import Caution
from verifier.comparison import Comparison
from verifier.enclosure.estimates import enclosed
from verifier.precision import PRECISIONS, Precision, rounded
from verifier.rounding import rounding
from verifier.rounding_arithmetic import DEVIATIONS

_STEPS = sorted(
    [m * 10.0**-k for k in range(3, 11) for m in (1, 2, 3, 5)]
    + [2.0**-k for k in range(7, 31)]
    + [2.0 ** (-52 / 3)]
)
_COARSER = 16.0  # multiples of so many digits as well are dyadic numbers, not differences
_TELLING = 6  # entries that must be multiples of the loss's last digit over the step
_NEAR = 0.05  # of one such digit
_TRUNCATED = 0.1  # of an entry's scale: what too large a step may cost
_NOISE = 1e-3  # of an entry's scale: a step's noise is smaller
_SHARE = 0.02  # of a precision's expected rounding: most entries lose more


@dataclass(frozen=True, slots=True, eq=False)
class _Errors:
    """Flat arrays over all entries that were submitted and decided."""

    submitted: Array
    expected: Array
    error: Array
    scale: Array
    to_rounding: Array


@np.errstate(all="ignore")  # what overflows is explained by nothing
def notice_provenance(
    problem: Problem,
    trace: Trace,
    comparisons: Mapping[str, Comparison],
    scales: Mapping[str, Array],
    declared: Precision,
) -> Caution | None:
    """Say what the errors look like, if they are neither rounding as declared nor a real mistake."""
    if not comparisons:
        return None
    decided = {name: c.correct | c.incorrect for name, c in comparisons.items()}
    errors = _Errors(
        *(
            np.concatenate([array[decided[name]] for name, array in arrays.items()])
            for arrays in (
                {name: c.submitted for name, c in comparisons.items()},
                {name: c.expected for name, c in comparisons.items()},
                {name: c.error for name, c in comparisons.items()},
                {name: scales[name] for name in comparisons},
                {name: c.to_rounding for name, c in comparisons.items()},
            )
        )
    )
    informative = errors.expected != 0
    mostly_off = bool(np.mean(~errors.to_rounding[informative]) > 0.5) if informative.any() else False
    if not mostly_off or not np.isfinite(errors.error).all() or _by_one_factor(errors):
        return None
    in_float32 = (rounded(errors.submitted, PRECISIONS["float32"]) == errors.submitted).all()
    step = None
    if declared.name == "float64" and not in_float32:
        step = _step_of_differences(problem, trace, errors)
    if step is not None:
        return Caution(
            "numerical-gradient",
            f"the gradient was computed by finite differences, with a step of about {step:.1g}: every entry "
            "is a multiple of the loss's last digit over that step, and correct only to its noise",
        )
    narrower = _narrower_precision(problem, trace, comparisons, declared)
    if narrower is not None:
        return Caution(
            "lower-precision-than-declared",
            f"the gradient is correct to {narrower.name}, but {declared.name} was declared; "
            f"declare precision {narrower.name}, or compute in {declared.name} throughout",
        )
    if (errors.error <= _NOISE * errors.scale).all() and declared.name == "float64":
        return Caution(
            "numerical-gradient",
            "most entries are off by a little, all over the gradient, more than rounding explains: as if "
            "they were computed by finite differences",
        )
    return None


def _by_one_factor(errors: _Errors) -> bool:
    """Say whether all entries are off by nearly the same factor, which is a mistake and no noise."""
    told = (errors.expected != 0) & ~errors.to_rounding
    ratios = errors.submitted[told] / errors.expected[told] - 1.0
    return bool(np.ptp(ratios) < 0.2 * abs(np.mean(ratios))) if ratios.size > 1 else True


def _step_of_differences(problem: Problem, trace: Trace, errors: _Errors) -> float | None:
    """Find a step h for which every entry is a whole multiple of the loss's last digit over h or 2h.

    Two nearby losses differ by a multiple of the last digit of the smaller; half a digit allows for a binade.
    """
    digit = 0.5 * float(np.spacing(abs(risk_value(problem, trace))))
    if (
        digit == 0
        or not np.isfinite(digit)
        or not (errors.error <= _TRUNCATED * errors.scale + digit / min(_STEPS)).all()
    ):
        return None
    for step in _STEPS:
        for width in (2.0 * step, step):
            multiples = errors.submitted * (width / digit)
            telling = np.rint(multiples) != 0
            blurred = np.abs(multiples) * 2.0**-50
            off = np.abs(multiples - np.rint(multiples))
            fits = off <= np.maximum(_NEAR, blurred)
            if not ((blurred < _NEAR).all() and fits.all() and telling.sum() >= _TELLING):
                continue
            coarse = multiples / _COARSER
            if (np.abs(coarse - np.rint(coarse)) > _NEAR).any():
                return float(step)
    return None


def _narrower_precision(
    problem: Problem, trace: Trace, comparisons: Mapping[str, Comparison], declared: Precision
) -> Precision | None:
    for precision in PRECISIONS.values():
        if precision.unit_roundoff <= declared.unit_roundoff:
            continue
        expected = rounding(problem, trace, precision)
        truth = enclosed(problem, expected.kinks, precision)
        explained, exact, shares = True, True, []
        for name, comparison in comparisons.items():
            error = np.abs(comparison.submitted - truth[name].value)
            allowance = expected.allowance[name]
            explained = explained and bool((error <= truth[name].reach + allowance).all())
            shares.append(np.ravel(comparison.error / (allowance / DEVIATIONS)))
            exact = exact and bool((rounded(comparison.submitted, precision) == comparison.submitted).all())
        if explained and exact:
            return precision
        if explained and precision.name == "float32":  # narrower ones explain nearly anything
            # rounding is everywhere: one wrong entry among exact ones is no lower precision
            return precision if np.nanmedian(np.concatenate(shares)) >= _SHARE else None
    return None
