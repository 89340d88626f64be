"""A student's backward function: called on a problem in the conventions it was written for, then judged."""

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
QUICK = ("backpropagation",)  # the certified reference alone: enough to find a failure


@dataclass(frozen=True, slots=True)
class Style:
    """How the function takes and gives arrays. classes: targets are class indices, not rows."""

    convention: Convention = field(default_factory=Convention)
    classes: bool = False


def document_for(problem: Problem, style: Style) -> dict[str, Any]:
    """Give the problem's document with arrays, in the function's conventions, without gradients."""
    document = document_of(submission_of(problem, {}, convention=style.convention))
    if style.classes:
        document["targets"] = problem.batch.targets.argmax(axis=1)
    return document


def call(backward: Backward, document: Mapping[str, Any]) -> dict[str, Any]:
    """Call the function with copies: (parameters, inputs, targets), or with the layers before them.

    It gives a dict by parameter; or (weight, bias) pairs or single arrays in the order of layers.
    """
    arguments = [
        {name: array.copy() for name, array in document["parameters"].items()},
        document["inputs"].copy(),
        document["targets"].copy(),
    ]
    if _takes_layers(backward):
        arguments.insert(0, [dict(layer) for layer in document["network"]["layers"]])
    return named_gradients(backward(*arguments), list(document["parameters"]))


def named_gradients(given: Any, names: Sequence[str]) -> dict[str, Any]:
    """Give gradients by parameter, whatever the function puts them into; else raise TypeError."""
    if isinstance(given, Mapping):
        return dict(given)
    if isinstance(given, tuple | list):
        flat: list[Any] = []
        for item in given:
            flat.extend(item if isinstance(item, tuple | list) and not _is_row(item) else [item])
        if len(flat) == len(names):
            return dict(zip(names, flat, strict=True))
        raise TypeError(
            f"expected gradients for {', '.join(names)} ({len(names)} arrays), got {len(flat)}; "
            "give a dict by parameter, or all of them in this order"
        )
    raise TypeError(
        f"expected gradients as a dict such as {{{names[0]!r}: …}}, got {type(given).__name__}; "
        "the function must return them"
    )


def judge(backward: Backward, problem: Problem, style: Style, *, quick: bool = True) -> Report:
    """Call the function on a problem and judge what it gives.

    quick: by the certified reference alone and without a diagnosis. Raises: whatever the function raises;
    TypeError and MalformedSubmission for what are no gradients of this problem.
    """
    document = document_for(problem, style)
    submission = read_submission({**document, "gradients": call(backward, document)})
    return verify(submission, oracles=QUICK if quick else None, diagnosis=not quick)


def _takes_layers(backward: Backward) -> bool:
    try:
        found = signature(backward).parameters.values()
    except (TypeError, ValueError):  # some callables of C have no signature
        return False
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p for p in found if p.kind in positional and p.default is Parameter.empty]
    return len(needed) == 4


def _is_row(item: Sequence[Any]) -> bool:
    return len(item) > 0 and all(isinstance(number, int | float | np.number) for number in item)


def parameters_of(problem: Problem) -> int:
    return sum(array.size for _, array in named(problem.parameters))
