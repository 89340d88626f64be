"""Wrong factors of the loss."""

from reference_impl.problem import Problem


def examples(problem: Problem) -> tuple[float, ...]:
    return (float(problem.batch.size),) if problem.risk.batch == "mean" else ()


def one_over_examples(problem: Problem) -> tuple[float, ...]:
    return (1.0 / problem.batch.size,)


def outputs(problem: Problem) -> tuple[float, ...]:
    """Return C if the loss is a mean over outputs, else 1/C."""
    count = float(problem.batch.targets.shape[-1])
    return (count,) if problem.risk.outputs == "mean" else (1.0 / count,)


def two_or_half(problem: Problem) -> tuple[float, ...]:
    return (2.0, 0.5)


def minus_one(problem: Problem) -> tuple[float, ...]:
    return (-1.0,)
