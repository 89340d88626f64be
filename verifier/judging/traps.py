"""Problems whose settings are possible, but seldom meant: softmax under a loss on logits, labels from 1."""

from collections.abc import Iterator

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.judging.warnings import target_warnings
from verifier.problem.errors import ReportWarning

_ON_LOGITS = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}
_FEWEST_CLASSES = 3  # with two, a batch of one class is nothing unusual
_FEWEST_IN_THE_SAME_WAY = 3
ANOTHER_LOSS = "right-gradient-of-another-loss"


def problem_traps(problem: Problem) -> Iterator[ReportWarning]:
    """Yield a warning for each setting of a problem that is probably a mistake of the problem's author."""
    yield from setting_traps(problem)
    yield from target_warnings(problem)


def setting_traps(problem: Problem) -> Iterator[ReportWarning]:
    """Yield those warnings that a report has only if the submission is not correct."""
    risk, output = problem.risk, problem.network.layers[-1].activation.name
    if risk.on == "logits" and _ON_LOGITS.get(risk.loss.name) == output:
        yield ReportWarning(
            f"{output}-on-logits",
            f"the last layer is {output} and {risk.loss.name} is on logits, so {output} is applied twice; "
            f'write "on": "probabilities" in the loss, or give the last layer no activation',
            layer=len(problem.network.layers) - 1,
        )
    targets = problem.batch.targets
    classes = targets.shape[1]
    if classes >= _FEWEST_CLASSES and _is_one_hot(targets):
        present = np.any(targets != 0, axis=0)
        if not present[0] and present[1:].all():
            yield ReportWarning(
                "labels-from-one",
                f"no example is of class 0, and every other class up to {classes - 1} has one: if the labels "
                f"count from 1, subtract 1 and give the last layer {classes - 1} units",
            )


def _is_one_hot(targets: Array) -> bool:
    return bool(((targets == 0) | (targets == 1)).all() and (targets.sum(axis=1) == 1).all())


def another_loss_notice(students: int, judged: int) -> str | None:
    """Return a question to the grader if most of a class have the right gradient of another loss.

    students: those whose gradient is the one of another loss. judged: all students.
    """
    if students < _FEWEST_IN_THE_SAME_WAY or 2 * students < judged:
        return None
    return f"{students} of {judged} fit another loss: is the assignment's loss the one you meant?"
