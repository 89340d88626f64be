"""Call a student's backward function on a problem, in its own conventions, and judge the result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import Parameter, signature
from typing import Any

import numpy as np

from reference_impl.network import named
from reference_impl.problem import Problem
from verifier.convention import Convention
from verifier.documents.of_problem import submission_of
from verifier.documents.reading import read_submission
from verifier.documents.submission_document import document_of
from verifier.pipeline import verify
from verifier.report import Report

Backward = Callable[..., Any]
QUICK = ("backpropagation",)  # one certified oracle is enough to find a failure


@dataclass(frozen=True, slots=True)
class Style:
    """Conventions of a backward function. classes: True if the targets are class indices."""

    convention: Convention = field(default_factory=Convention)
    classes: bool = False


def document_for(problem: Problem, style: Style) -> dict[str, Any]:
    """Return the problem's document with arrays, in the function's conventions, without gradients."""
    document = document_of(submission_of(problem, {}, convention=style.convention))
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


def judge(backward: Backward, problem: Problem, style: Style, *, quick: bool = True) -> Report:
    """Return the report on the gradients that the function returns for a problem.

    quick: use one oracle and no diagnosis.
    Raises: any exception of the function; TypeError or MalformedSubmission for an invalid result.
    """
    document = document_for(problem, style)
    submission = read_submission({**document, "gradients": call(backward, document)})
    return verify(submission, oracles=QUICK if quick else None, diagnosis=not quick)


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


def parameters_of(problem: Problem) -> int:
    """Return the number of parameter entries."""
    return sum(array.size for _, array in named(problem.parameters))
