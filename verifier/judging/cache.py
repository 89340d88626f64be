"""Keep the reference of a problem for the next submission: forward pass, rounding, and oracles' answers."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256

import numpy as np

from reference_impl.network import Batch, LayerParameters, Trace, forward
from reference_impl.problem import Problem
from verifier.engine.estimate import Answer, Estimate
from verifier.engine.rounding_allowance import Rounding, rounding
from verifier.judging.float32_errors import Float32Errors
from verifier.oracles import ARBITER, answer_of, ask
from verifier.problem.precision import PRECISIONS, Precision

_OF_A_LAYER = 50  # the memory of a layer's Python objects, some 8 KB, counted in numbers


@dataclass(eq=False)
class ProblemReferences:
    """The reference of one problem. Each part is computed when it is first needed.

    oracles: names of those to ask; None for those that take little time.
    """

    problem: Problem
    oracles: Sequence[str] | None
    _roundings: dict[tuple[str, bool], Rounding] = field(default_factory=dict, init=False)
    _float32_errors: Float32Errors | None = field(default=None, init=False)

    @cached_property
    def trace(self) -> Trace:
        return forward(self.problem.network, self.problem.parameters, self.problem.batch)

    @property
    def float64_rounding(self) -> Rounding:
        return self.rounding(PRECISIONS["float64"])

    def rounding(self, precision: Precision, *, independent: bool = False) -> Rounding:
        """Return the rounding errors in a precision. independent: see `RoundingArithmetic`."""
        key = precision.name, independent or precision.name == "float64"
        if key not in self._roundings:
            self._roundings[key] = rounding(self.problem, self.trace, precision, independent=key[1])
        return self._roundings[key]

    @cached_property
    def answers(self) -> dict[str, Answer]:
        """Return the answer of each oracle. Raise ValueError as `ask` does."""
        return ask(self.problem, self.float64_rounding, self.oracles)

    def float32_errors(self, reference: Mapping[str, Estimate]) -> Float32Errors:
        """Return the errors of correct float32 programs. reference: the right values, with their errors."""
        if self._float32_errors is None:
            self._float32_errors = Float32Errors(
                self.problem,
                self.trace,
                reference,
                lambda independent: self.rounding(PRECISIONS["float32"], independent=independent),
            )
        return self._float32_errors

    @cached_property
    def arbiter_answer(self) -> Answer:
        """Return the answer of the arbiter, which may take seconds."""
        return answer_of(ARBITER, self.problem, self.float64_rounding)


class ProblemCache:
    """The references of the problems used last. Not for several threads at once.

    numbers: the largest total of weights, inputs and pre-activations of all problems, where every layer
    counts as 50 numbers. A reference takes about twenty times the memory of these numbers.
    """

    def __init__(self, numbers: int = 400_000) -> None:
        self._most = numbers
        self.forget()

    def forget(self) -> None:
        """Remove all references, to free memory."""
        self._room = self._most
        self._kept: OrderedDict[tuple[bytes, tuple[str, ...] | None], ProblemReferences] = OrderedDict()

    def of(self, problem: Problem, oracles: Sequence[str] | None = None) -> ProblemReferences:
        """Return the reference of this problem, a new one if it is not known yet."""
        size = _numbers(problem)
        if size > self._most:
            return ProblemReferences(problem, oracles)
        key = fingerprint(problem), None if oracles is None else tuple(oracles)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        while self._room < size:
            self._room += _numbers(self._kept.popitem(last=False)[1].problem)
        self._room -= size
        self._kept[key] = ProblemReferences(_copied(problem), oracles)
        return self._kept[key]


def fingerprint(problem: Problem) -> bytes:
    """Return a digest of 32 bytes of everything that a problem consists of."""
    risk, batch = problem.risk, problem.batch
    layers = [
        (
            layer.inputs,
            layer.outputs,
            layer.bias,
            layer.activation.name,
            sorted(layer.activation.options.items()),
        )
        for layer in problem.network.layers
    ]
    loss_options = sorted(risk.loss.on[risk.on].options.items())
    of_risk = (risk.loss.name, loss_options, risk.factor, risk.batch, risk.outputs, risk.on, risk.penalties)
    masks = sorted(batch.masks.items())
    written = repr((layers, of_risk, batch.inputs.shape, batch.targets.shape, [index for index, _ in masks]))
    digest = sha256(written.encode())
    arrays = problem.arrays.values()
    for array in (*arrays, batch.inputs, batch.targets, *(mask for _, mask in masks)):
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def _copied(problem: Problem) -> Problem:
    """Return a copy with arrays of its own, because callers may go on training with theirs."""
    parameters = tuple(
        LayerParameters(layer.weight.copy("K"), None if layer.bias is None else layer.bias.copy("K"))
        for layer in problem.parameters
    )
    batch = problem.batch
    masks = {index: mask.copy("K") for index, mask in batch.masks.items()}
    batch = Batch(batch.inputs.copy("K"), batch.targets.copy("K"), masks)
    return replace(problem, parameters=parameters, batch=batch)


def _numbers(problem: Problem) -> int:
    inputs, layers = problem.batch.inputs, problem.network.layers
    pre_activations = len(inputs) * sum(layer.outputs for layer in layers)
    weights = sum(array.size for array in problem.arrays.values())
    return inputs.size + pre_activations + weights + _OF_A_LAYER * len(layers)
