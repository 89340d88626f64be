"""Wrong g′ at the output layer. The catalogue lists these bugs for hidden layers only."""

from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.support.buggy_students import losses
from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache
from benchmarks.support.buggy_students.hidden_slopes import SLOPES, Slope
from benchmarks.support.buggy_students.mistake import Hints, Mistake, Requirements, Student
from reference_impl import Problem


def _at_output(bug: str) -> Student:
    def forms(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
        last = len(problem.network.layers) - 1
        name = problem.network.layers[last].activation.name
        if layer != last or name in ("identity", "softmax") or problem.risk.on == "probabilities":
            return []
        mistakes = []
        for text, slope in SLOPES[bug](problem, last).items():

            def delta(cache: ForwardCache, slope: Slope = slope) -> Array:
                return losses.error(cache) * slope(cache, cache.last)

            mistakes.append(Mistake(bug, text, last, "output_delta", {("output_delta", last): delta}))
        return mistakes

    return Student(bug, forms, Requirements(output="tanh"))


AT_OUTPUT: Mapping[str, Student] = MappingProxyType({bug: _at_output(bug) for bug in SLOPES})
