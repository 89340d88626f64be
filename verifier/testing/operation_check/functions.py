"""Check the gradient of any Python function of arrays."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from verifier.problem.errors import MalformedSubmission, malformed, suggest_name
from verifier.report.verdict import Verdict
from verifier.testing.operation_check.answers import MOST_ENTRIES
from verifier.testing.operation_check.check import check_plan
from verifier.testing.operation_check.forms import read_function
from verifier.testing.operation_check.forward_mode import linearity_findings, read_product
from verifier.testing.operation_check.inputs import (
    DOMAINS,
    Case,
    default_inputs,
    draw_case,
    upstream_drawn,
)
from verifier.testing.operation_check.references import CheckPlan, Reference, plan_check, read_shapes
from verifier.testing.operation_check.result import OperationCheck
from verifier.testing.operation_check.structures import read_arguments, required_count

_UPSTREAMS = 2  # gradients of the output that are drawn for each of the caller's own points


def check_gradient(
    function: Any,
    gradient: Any = None,
    *arguments: Any,
    at: Sequence[Sequence[Any]] | None = None,
    shapes: Sequence[Any] | None = None,
    domain: str | Sequence[str] = "any",
    form: str | None = None,
    order: int = 1,
    jvp: Any = None,
    name: str | None = None,
    require: Sequence[str] = (),
) -> OperationCheck:
    """Check the gradient of a function of arrays, at points of the caller's own or at drawn ones.

    The gradient is compared with finite differences of the function, and with complex steps where the
    function takes complex numbers. Their errors follow from the measured noise of the function.

    Parameters
    ----------
    function : callable, class or object
        A function of arrays; an operation or a layer with `forward` and `backward`; a function or a module of
        PyTorch; a function of JAX.
    gradient : callable, array_like or mapping, optional
        The derivative, as a function of the same arguments; a backward function of the output's gradient and
        a cache, or of the output's gradient and the arguments; or the numbers of the gradient. Left out where
        the function itself has it.
    *arguments : array_like, or structures of arrays
        The point at which to check. Without arguments points are drawn. Integers are not differentiated.
    at : sequence of sequences, optional
        Several points, each a sequence of arguments.
    shapes : sequence, optional
        Shapes of drawn arguments, as in `check_operation`.
    domain : str or sequence of str, optional
        Domain of drawn numbers, as in `check_operation`.
    form : str, optional
        Form of the function and its gradient, if they do not show it. See `FORMS`.
    order : {1, 2}, optional
        2 for the second derivatives of a function of PyTorch or JAX.
    jvp : callable or True, optional
        The Jacobian-vector product, checked alone or beside the gradient. A function of the arguments and
        their tangents, ``jvp(x, w, dx, dw)``, or of two tuples, ``jvp(primals, tangents)``. It returns the
        tangent of the output, or the output and its tangent. True for the forward mode of PyTorch or JAX.
    name : str, optional
        Name of the function in the report.
    require : sequence of str, optional
        Side effects that count as errors, as in `check_operation`.

    Returns
    -------
    OperationCheck
        Verdict, findings, and code that reproduces the first one. True if the gradient is correct.

    Raises
    ------
    MalformedSubmission
        If the arguments do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from verifier import check_gradient
    >>> bool(check_gradient(np.sin, np.cos, 0.5))
    True
    >>> bool(check_gradient(np.sin, np.sin, 0.5))
    False
    """
    if order not in (1, 2):
        raise malformed("order", "1 or 2", repr(order))
    points = [tuple(point) for point in at] if at is not None else [arguments] if arguments else []

    def checked(slope: Any, slope_form: str | None) -> OperationCheck:
        if points:
            return _at_points(function, slope, points, slope_form, order, name, require)
        return _at_drawn_points(function, slope, shapes, domain, slope_form, order, name, require)

    if jvp is None:
        return checked(gradient, form)
    if order != 1:
        raise malformed("order", "1 beside jvp", str(order))
    if not points:
        raise malformed("arguments", "a point beside jvp", "none", "give the arguments, or at=[…]")
    of_jvp = _with_linearity(checked(jvp, "jvp"), function, jvp, points[0])
    return of_jvp if gradient is None else _joined(checked(gradient, form), of_jvp)


def _with_linearity(check: OperationCheck, function: Any, jvp: Any, point: tuple[Any, ...]) -> OperationCheck:
    """Return the check of a Jacobian-vector product with the findings that concern it alone."""
    if check.verdict is Verdict.INCORRECT:
        return check
    taken = read_arguments(function, point)
    fixed = tuple(place for place, array in enumerate(taken.arrays) if array.dtype.kind != "f")
    product = read_product(function, jvp, point)
    findings = tuple(linearity_findings(function, product, taken, fixed))
    return replace(check, verdict=Verdict.INCORRECT, findings=findings) if findings else check


def _joined(first: OperationCheck, second: OperationCheck) -> OperationCheck:
    """Return one result of two checks of the same function."""
    failing = next((check for check in (first, second) if check.findings), first)
    verdicts = (first.verdict, second.verdict)
    worst = next(
        (verdict for verdict in (Verdict.INCORRECT, Verdict.UNDECIDED) if verdict in verdicts),
        Verdict.CORRECT,
    )
    return replace(
        failing,
        verdict=worst,
        cases=first.cases + second.cases,
        findings=(*first.findings, *second.findings),
        warnings=tuple(dict.fromkeys((*first.warnings, *second.warnings))),
    )


def _at_points(
    function: Any,
    gradient: Any,
    points: Sequence[tuple[Any, ...]],
    form: str | None,
    order: int,
    name: str | None,
    require: Sequence[str],
) -> OperationCheck:
    written = read_function(function, gradient, points[0], form, name, order)
    cases = []
    for point in points:
        arrays = (
            written.arrays
            if point is points[0]
            else read_function(function, gradient, point, form, name, order).arrays
        )
        is_large = sum(array.size for array in arrays) > MOST_ENTRIES
        cases += [Case(arrays, _upstream(seed)) for seed in range(1 if is_large else _UPSTREAMS)]
    reference = _reference(written.operation.name, written.fixed)
    shapes = tuple(dict.fromkeys(case.shapes for case in cases))
    plan = CheckPlan(written.operation, reference, shapes, ("any",), len(shapes), tuple(cases))
    return check_plan(plan, require)


def _upstream(seed: int) -> Any:
    """Return a function that returns a gradient of the output: ones for the first seed, else drawn."""
    return np.ones if seed == 0 else upstream_drawn(seed)


def _reference(name: str, fixed: tuple[int, ...]) -> Reference:
    return Reference(f"derivatives of {name}", None, None, None, {}, fixed, is_definition=True)


def _at_drawn_points(
    function: Any,
    gradient: Any,
    shapes: Sequence[Any] | None,
    domain: str | Sequence[str],
    form: str | None,
    order: int,
    name: str | None,
    require: Sequence[str],
) -> OperationCheck:
    """Check at drawn points. The form is read where the function takes the numbers."""
    domains = [domain] if isinstance(domain, str) else [*domain]
    for row in domains:
        if row not in DOMAINS:
            remedy = suggest_name(str(row), DOMAINS)
            raise malformed("domain", f"one of {', '.join(DOMAINS)}", repr(row), remedy)
    count = required_count(getattr(function, "forward", function))
    if count < 1:
        raise malformed("function", "a function of at least one argument", "one without", "give arguments")
    candidates = default_inputs(count).shapes({}) if shapes is None else read_shapes(shapes, count)
    refusal: MalformedSubmission | None = None
    for candidate in candidates:
        arrays = draw_case(candidate, domains, 0, False, True).arguments
        try:
            written = read_function(function, gradient, arrays, form, name, order)
        except MalformedSubmission as error:
            refusal = refusal or error
            continue
        if len(written.arrays) != len(arrays):
            raise malformed(
                "arguments", f"an input for the form {written.operation.form}", "none", "give one"
            )
        reference = _reference(written.operation.name, written.fixed)
        return check_plan(plan_check(written.operation, reference, candidates, domains), require)
    assert refusal is not None
    raise refusal
