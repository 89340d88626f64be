"""Call a backward function for layered networks on a problem, in its conventions, and judge the result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import Parameter, signature
from typing import Any

import numpy as np

from reference_impl.problem import Problem
from verifier.documents.reading import read_submission
from verifier.documents.writing import make_submission, submission_to_document
from verifier.pipeline.layers import verify
from verifier.problem.submission import Convention
from verifier.report.report import Report
from verifier.report.verdict import Verdict

Backward = Callable[..., Any]
QUICK = ("backpropagation",)  # one certified oracle is enough to find a failure


@dataclass(frozen=True, slots=True)
class BackwardConventions:
    """Conventions of a backward function. classes: True if the targets are class indices."""

    convention: Convention = field(default_factory=Convention)
    classes: bool = False


def document_for(problem: Problem, style: BackwardConventions) -> dict[str, Any]:
    """Return the problem's document with arrays, in the function's conventions, without gradients."""
    document = submission_to_document(make_submission(problem, {}, convention=style.convention))
    if style.classes:
        document["targets"] = problem.batch.targets.argmax(axis=1)
    return document


def call(backward: Backward, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the gradients by parameter that the function returns for a problem.

    The function is called with copies of (parameters, inputs, targets), or of the layers and these three.
    """
    arguments = [
        {name: array.copy() for name, array in document["parameters"].items()},
        document["inputs"].copy(),
        document["targets"].copy(),
    ]
    if _takes_layers(backward):
        arguments.insert(0, [dict(layer) for layer in document["network"]["layers"]])
    _check_signature(backward, arguments)
    return named_gradients(backward(*arguments), list(document["parameters"]))


def named_gradients(returned: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return gradients by parameter.

    returned: result of the function: a dict by parameter, or a sequence of arrays or of (weight, bias) pairs
    in the order of the layers.
    Raises: TypeError for any other result.
    """
    if isinstance(returned, Mapping):
        return dict(returned)
    if isinstance(returned, tuple | list):
        if any(isinstance(item, Mapping) for item in returned):
            raise TypeError("expected gradients alone, got them beside other values; return the dict alone")
        flat: list[Any] = []
        for item in returned:
            flat.extend(item if isinstance(item, tuple | list) and not _is_row(item) else [item])
        if len(flat) == len(names):
            return dict(zip(names, flat, strict=True))
        raise TypeError(
            f"expected gradients for {', '.join(names)} ({len(names)} arrays), got {len(flat)}; "
            "give a dict by parameter, or all of them in this order"
        )
    raise TypeError(
        f"expected gradients as a dict such as {{{names[0]!r}: …}}, got {type(returned).__name__}; "
        "the function must return them"
    )


def judge(
    backward: Backward,
    problem: Problem,
    style: BackwardConventions,
    *,
    quick: bool = True,
    diagnosis: bool | None = None,
) -> Report:
    """Return the report on the gradients that the function returns for a problem.

    quick: use one oracle. diagnosis: by default only if not quick.
    Raises: any exception of the function; TypeError or MalformedSubmission for an invalid result.
    """
    document = document_for(problem, style)
    submission = read_submission({**document, "gradients": call(backward, document)})
    return verify(
        submission, oracles=QUICK if quick else None, diagnosis=not quick if diagnosis is None else diagnosis
    )


def is_wrong(backward: Backward, problem: Problem, style: BackwardConventions) -> bool:
    """True if the function raises, or returns an incorrect gradient or none."""
    try:
        return judge(backward, problem, style).verdict is Verdict.INCORRECT
    except Exception:  # any exception is a failure; its text is reported for the smallest problem
        return True


def judge_unless_raised(
    backward: Backward, problem: Problem, style: BackwardConventions, *, quick: bool = False
) -> Report | None:
    """Return the report with its diagnosis; None if the function raises. quick: use one oracle."""
    try:
        return judge(backward, problem, style, quick=quick, diagnosis=True)
    except Exception:  # exceptions are reported for the smallest problem only
        return None


def bugs_named(report: Report | None) -> set[str]:
    return set() if report is None else {row.bug for row in report.diagnosis}


def _check_signature(backward: Backward, arguments: Sequence[Any]) -> None:
    try:
        signature(backward).bind(*arguments)
    except ValueError:  # some callables written in C have no signature
        return
    except TypeError as error:
        rule = "expected a function of (parameters, inputs, targets) or (layers, parameters, inputs, targets)"
        name = getattr(backward, "__name__", type(backward).__name__)
        raise TypeError(f"{rule}, got {name}{signature(backward)}: {error}") from None


def _takes_layers(backward: Backward) -> bool:
    try:
        parameters = signature(backward).parameters.values()
    except (TypeError, ValueError):  # some callables written in C have no signature
        return False
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    required = [p for p in parameters if p.kind in positional and p.default is Parameter.empty]
    return len(required) == 4


def _is_row(item: Sequence[Any]) -> bool:
    return len(item) > 0 and all(isinstance(number, int | float | np.number) for number in item)
