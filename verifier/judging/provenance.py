"""Detect from its errors that a gradient was computed by finite differences or in a lower precision."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from reference_impl.array import Array
from reference_impl.network import Trace, forward
from reference_impl.problem import Problem, risk_value
from verifier.engine.enclosure import enclosed
from verifier.engine.rounding import DEVIATIONS
from verifier.engine.rounding_allowance import rounding
from verifier.judging.comparison import Comparison
from verifier.problem.errors import ReportWarning
from verifier.problem.precision import PRECISIONS, Precision, round_to_precision

_STEPS = sorted(
    [m * 10.0**-k for k in range(3, 11) for m in (1, 2, 3, 5)]
    + [2.0**-k for k in range(7, 31)]
    + [2.0 ** (-52 / 3)]
)
_COARSER = 16.0  # multiples of this many digits are short binary numbers, not differences
_DIGITS_OF_NOISE = 64.0  # the rounding errors of two losses, in digits: each is a sum of many terms
_MOST_DIFFERENCES = 8  # entries that are compared with differences
_MIN_MULTIPLES = 6  # nonzero entries that must be multiples of the loss's last digit over the step
_MULTIPLE_TOLERANCE = 0.05  # in such digits
_MAX_TRUNCATION_ERROR = 0.1  # of an entry's scale, for a large step
_MAX_NOISE = 1e-3  # of an entry's scale: finite differences with a usual step are more accurate
_MIN_LOG_LIKELIHOOD = 3.0  # by which differences must explain the errors better than other noise
_MIN_LOG_LIKELIHOOD_PER_ENTRY = 0.2  # the same in large gradients, whose errors are not independent
_MAX_KURTOSIS = 5.0  # of errors of one size; 3 for a normal distribution
_LARGEST_ACCURATE_STEP = 1e-4  # a larger one leaves truncation errors, which are not of one size
_SMALLEST_STEP = 5e-9  # a smaller one leaves few digits, so nobody takes it
_MOST_DECIMALS = 13  # of parameters that were printed
_PRINTED_ERRORS = (1e-3, 1e2)  # of the last printed digit of the parameters: the errors that it leaves
_MIN_ROUNDING_SHARE = 0.02  # of a precision's expected rounding: the median error is larger


@dataclass(frozen=True, slots=True, eq=False)
class _Errors:
    """Flat arrays over all submitted entries with a decided verdict."""

    submitted: Array
    expected: Array
    error: Array
    scale: Array
    to_rounding: Array


@np.errstate(all="ignore")  # an error that overflows is not explained
def detect_numerical_provenance(
    problem: Problem,
    trace: Trace,
    comparisons: Mapping[str, Comparison],
    scales: Mapping[str, Array],
    declared: Precision,
) -> ReportWarning | None:
    """Return a warning if finite differences or a lower precision explain the errors, else None.

    scales: by parameter, the scale of each entry's rounding error. declared: the declared precision.
    """
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
    in_float32 = (round_to_precision(errors.submitted, PRECISIONS["float32"]) == errors.submitted).all()
    step = None
    if declared.name == "float64" and not in_float32:
        step = _step_of_differences(problem, trace, errors, comparisons)
    if step is not None:
        return ReportWarning(
            "numerical-gradient",
            f"the gradient was computed by finite differences, with a step of about {step:.1g}: every entry "
            "is a multiple of the loss's last digit over that step, and correct only to its noise",
        )
    narrower = _narrower_precision(problem, trace, comparisons, declared)
    if narrower is not None:
        return ReportWarning(
            "lower-precision-than-declared",
            f"the gradient is correct to {narrower.name}, but {declared.name} was declared; "
            f"declare precision {narrower.name}, or compute in {declared.name} throughout",
        )
    if not (errors.error <= _MAX_NOISE * errors.scale).all() or declared.name != "float64":
        return None
    size = _size_of_equal_errors(errors, abs(risk_value(problem, trace)))
    if size is not None and not _is_of_printed_parameters(problem, size):
        return ReportWarning(
            "numerical-gradient",
            "most entries are off by a little, all over the gradient, more than rounding explains: as if "
            "they were computed by finite differences",
        )
    return ReportWarning(
        "inexact-numbers",
        "most entries are off by a little, all over the gradient, more than rounding explains: as if a small "
        "constant stood in a quotient or a logarithm, as if the parameters or the gradient had been printed "
        "with few digits, or as if the gradient had been taken from a weight update",
    )


def _size_of_equal_errors(errors: _Errors, risk: float) -> float | None:
    """Return the errors' size if one for all is likelier than sizes in proportion to the entries' scales.

    The size must be the rounding error of the risk over a usual step. Weight updates leave less, and
    parameters that were printed with few digits leave more.
    Differences of the loss have the former: each has the loss's rounding error over the step. The two normal
    distributions are compared at their likeliest widths.
    """
    known = (errors.expected != 0) & (errors.error > 0) & (errors.scale > 0)
    error, scale = errors.error[known], errors.scale[known]
    if not error.size:
        return None
    size, rounding_error = float(np.sqrt(np.mean(np.square(error)))), float(np.spacing(risk)) / 2.0
    is_of_step = rounding_error / _LARGEST_ACCURATE_STEP <= size <= rounding_error / _SMALLEST_STEP
    if not is_of_step or np.mean((error / size) ** 4) > _MAX_KURTOSIS:
        return None
    equal = np.log(size)
    proportional = np.log(np.sqrt(np.mean(np.square(error / scale)))) + np.mean(np.log(scale))
    least = max(_MIN_LOG_LIKELIHOOD, _MIN_LOG_LIKELIHOOD_PER_ENTRY * error.size)
    return size if error.size * (proportional - equal) >= least else None


def _is_of_printed_parameters(problem: Problem, size: float) -> bool:
    """True if errors of this size remain where parameters and inputs were printed as they are declared."""
    arrays = (*problem.arrays.values(), problem.batch.inputs)
    values = np.concatenate([array.ravel() for array in arrays])
    for decimals in range(1, _MOST_DECIMALS + 1):
        if np.array_equal(np.round(values, decimals), values):
            least, most = (share * 10.0**-decimals for share in _PRINTED_ERRORS)
            return least <= size <= most
    return False


def _by_one_factor(errors: _Errors) -> bool:
    """True if all entries have nearly the same relative error: a wrong factor, not noise."""
    informative = (errors.expected != 0) & ~errors.to_rounding
    ratios = errors.submitted[informative] / errors.expected[informative] - 1.0
    return bool(np.ptp(ratios) < 0.2 * abs(np.mean(ratios))) if ratios.size > 1 else True


def _step_of_differences(
    problem: Problem, trace: Trace, errors: _Errors, comparisons: Mapping[str, Comparison]
) -> float | None:
    """Return a step h such that every entry is a multiple of the loss's last digit over h or 2h, or None.

    Two nearby losses differ by a multiple of the smaller one's last digit, which may be half of this loss's.
    The differences with this step must have the errors of the submitted numbers: weight updates are multiples
    of a last digit, too, and few numbers are so by chance.
    """
    digit = 0.5 * float(np.spacing(abs(risk_value(problem, trace))))
    if (
        digit == 0
        or not np.isfinite(digit)
        or not (errors.error <= _MAX_TRUNCATION_ERROR * errors.scale + digit / min(_STEPS)).all()
    ):
        return None
    for step in _STEPS:
        for width in (2.0 * step, step):
            multiples = errors.submitted * (width / digit)
            nonzero = np.rint(multiples) != 0
            rounding_error = np.abs(multiples) * 2.0**-50
            distance = np.abs(multiples - np.rint(multiples))
            fits = distance <= np.maximum(_MULTIPLE_TOLERANCE, rounding_error)
            if not (
                (rounding_error < _MULTIPLE_TOLERANCE).all()
                and fits.all()
                and nonzero.sum() >= _MIN_MULTIPLES
            ):
                continue
            coarse_multiples = multiples / _COARSER
            if (np.abs(coarse_multiples - np.rint(coarse_multiples)) > _MULTIPLE_TOLERANCE).any():
                noise = _DIGITS_OF_NOISE * digit / width
                if _has_errors_of_differences(problem, comparisons, width, noise):
                    return float(step)
    return None


def _has_errors_of_differences(
    problem: Problem, comparisons: Mapping[str, Comparison], width: float, noise: float
) -> bool:
    """True if differences over a width give the entries with the largest errors, within the losses' noise.

    The differences are central, forward or backward.
    """
    entries = [(name, int(np.argmax(np.nan_to_num(row.error)))) for name, row in comparisons.items()]
    entries = sorted(entries, key=lambda entry: -float(comparisons[entry[0]].error.flat[entry[1]]))
    shifts = [(-0.5 * width, 0.5 * width), (0.0, width), (-width, 0.0)]
    for name, place in entries[:_MOST_DIFFERENCES]:
        submitted = float(comparisons[name].submitted.flat[place])
        shifts = [
            (low, high)
            for low, high in shifts
            if abs(
                (_moved_risk(problem, name, place, high) - _moved_risk(problem, name, place, low)) / width
                - submitted
            )
            <= noise
        ]
        if not shifts:
            return False
    return True


def _moved_risk(problem: Problem, name: str, place: int, shift: float) -> float:
    """Return the risk where one entry of a parameter is moved."""
    _, index, kind = name.split(".")
    layer = problem.parameters[int(index)]
    array = np.array(getattr(layer, kind))
    array.flat[place] += shift
    parameters = (
        *problem.parameters[: int(index)],
        replace(layer, **{kind: array}),
        *problem.parameters[int(index) + 1 :],
    )
    moved = replace(problem, parameters=parameters)
    return risk_value(moved, forward(moved.network, parameters, moved.batch))


def _narrower_precision(
    problem: Problem, trace: Trace, comparisons: Mapping[str, Comparison], declared: Precision
) -> Precision | None:
    """Return a lower precision whose rounding explains all errors, or None."""
    for precision in PRECISIONS.values():
        if precision.unit_roundoff <= declared.unit_roundoff:
            continue
        expected = rounding(problem, trace, precision)
        truth = enclosed(problem, expected.kinks, precision, loss_kinks=expected.loss_kinks)
        within_rounding, representable, shares = True, True, []
        for name, comparison in comparisons.items():
            error = np.abs(comparison.submitted - truth[name].value)
            allowance = expected.allowance[name]
            within_rounding = within_rounding and bool((error <= truth[name].half_width + allowance).all())
            shares.append(np.ravel(comparison.error / (allowance / DEVIATIONS)))
            representable = representable and bool(
                (round_to_precision(comparison.submitted, precision) == comparison.submitted).all()
            )
        if within_rounding and representable:
            return precision
        if within_rounding and precision.name == "float32":  # lower precisions explain almost any error
            # a lower precision affects most entries, not one among exact ones
            return precision if np.nanmedian(np.concatenate(shares)) >= _MIN_ROUNDING_SHARE else None
    return None
