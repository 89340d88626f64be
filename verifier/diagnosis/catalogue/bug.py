"""Data types of the bug catalogue: the columns of the table `BUGS`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from reference_impl.array import Array
from reference_impl.backpropagation import penalty_gradient
from reference_impl.losses import Penalty
from reference_impl.network import Layer, LayerParameters, Parameters, Trace
from reference_impl.problem import Problem
from verifier.diagnosis.backward_sweep import Edges

LOCAL_RULE = "local_rule"  # in graphs, in place of the equation of a layer
EQUATIONS = (
    "loss",
    "output_delta",
    "hidden_delta",
    "weight_gradient",
    "bias_gradient",
    "penalty",
    "numbers",
    LOCAL_RULE,
)
# equation by kind of parameter
PRODUCTS: Mapping[str, str] = MappingProxyType({"weight": "weight_gradient", "bias": "bias_gradient"})


@dataclass(frozen=True, slots=True)
class BugTexts:
    """Texts about one bug. `explanation` and `hint` are templates for str.format.

    Those of a bug that only graphs have take the placeholders of `LocalRule`.

    hint: a question that does not reveal the answer.
    for_students: replaces `explanation` where that contains estimates from the right gradient, or an index.
    It may contain only facts of the problem: the layer, N, C.
    right, wrong: the correct formula and the one that was used. Primes mark wrong quantities.
    looks_like, why, see, fix: sections of the bug's page.
    seen_in: public code and courses that contain the bug.
    """

    title: str
    right: str
    wrong: str
    explanation: str
    hint: str
    looks_like: str
    why: str
    see: str
    fix: str
    seen_in: tuple[str, ...] = ()
    for_students: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class UpstreamGradient:
    """Gradients of the risk at one layer.

    delta: δ = ∂R/∂a, (N, out). upstream: ∂R/∂z, (N, out); None if δ was recovered from a submission.
    """

    delta: Array
    upstream: Array | None


@dataclass(frozen=True, eq=False)
class LayerContext:
    """Context of one equation in one layer: every quantity that a wrong formula may use.

    above: δ and ∂R/∂z of the layer above, for a hidden δ. delta: δ of this layer, for the two products.
    step: the gradient of the weights above, as the program computed it.
    penalties: the gradients of the penalties in every layer. declared: they are those of the declared ones.
    gradients: the right gradients of all layers, penalties included.
    submitted_gradients: the submitted gradients of all layers, penalties included.
    submitted: the submitted gradient without penalties; None where a mutant is made.
    submitted_by_kind: the same for weight and bias of the layer, for rules of δ.
    """

    problem: Problem
    trace: Trace
    layer: int
    above: UpstreamGradient | None = None
    delta: Array | None = None
    step: Array | None = None
    penalties: Parameters = ()
    declared: bool = True
    gradients: Parameters = ()
    submitted_gradients: Parameters = ()
    submitted: Array | None = None
    submitted_by_kind: Mapping[str, Array] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def a(self) -> Array:
        return self.trace.a[self.layer]

    @property
    def penalty(self) -> LayerParameters:
        return self.penalties[self.layer]

    @cached_property
    def declared_penalties(self) -> tuple[LayerParameters, ...]:
        """The gradient of each declared penalty in this layer; `penalties` has their sum if `declared`."""
        if self.declared and len(self.problem.risk.penalties) == 1:
            return (self.penalty,)
        return tuple(self.gradient_of_penalties((one,)) for one in self.problem.risk.penalties)

    def gradient_of_penalties(self, penalties: tuple[Penalty, ...]) -> LayerParameters:
        """Return the gradient that these penalties would have in this layer."""
        risk = replace(self.problem.risk, penalties=penalties)
        return penalty_gradient(replace(self.problem, risk=risk), self.trace, self.layer)

    @property
    def parameters(self) -> LayerParameters:
        return self.problem.parameters[self.layer]

    @property
    def row(self) -> Layer:
        return self.problem.network.layers[self.layer]

    @property
    def mask(self) -> Array | None:
        return self.problem.batch.masks.get(self.layer)


@dataclass(frozen=True, slots=True, eq=False)
class Replacement:
    """Result of a wrong equation: value, or value + t · direction with an unknown t.

    upstream: ∂R/∂z that belongs to a wrong δ, if the bug changes it too.
    unknown: the name of t in reports. usual: values of t for mutants.
    whole: the value includes the penalty's part.
    unknowns: the count of its numbers that were estimated from the submission.
    """

    value: Array
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    upstream: Array | None = None
    direction: Array | None = None
    unknown: str = ""
    usual: tuple[float, ...] = ()
    whole: bool = False
    unknowns: int = 0


Rule = Callable[[LayerContext], Iterator[Replacement]]


@dataclass(frozen=True, slots=True)
class PenaltyVariant:
    """Penalties that a program uses in place of the declared ones.

    data_factor: factor of the loss's own gradient, for weights, and for biases if `of_biases`.
    scaled: further penalties, multiplied by a factor to be estimated.
    unknown: the name of that factor in reports. usual: values of it for mutants.
    """

    penalties: tuple[Penalty, ...]
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    data_factor: float = 1.0
    of_biases: bool = True
    scaled: tuple[Penalty, ...] = ()
    unknown: str = ""
    usual: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class TransformedGradient:
    """Gradients of all parameters, transformed after they were computed correctly.

    slack: largest deviation of each entry, by parameter.
    unknowns: the count of numbers that were taken from the submission.
    """

    gradients: Mapping[str, Array]
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    slack: Mapping[str, Array] = field(default_factory=lambda: MappingProxyType({}))
    unknowns: int = 0


GraphRule = Callable[[Edges], Iterator[tuple[str, Array]]]


def _none(edges: Edges) -> Iterator[tuple[str, Array]]:
    return iter(())


@dataclass(frozen=True, slots=True)
class LocalRule:
    """The bug in a graph: the gradient of a value is wrong in what one of its uses contributes.

    candidates: edges from the value to its users -> pairs of a user and the wrong gradient.
    title, right, wrong, explanation, hint: texts for graphs; where one is empty, that of the bug fits both.
    Placeholders are {place}, the name of the gradient, and {use}, the node that uses the value.
    aliases: ids that this rule had in earlier versions.
    """

    candidates: GraphRule = _none
    title: str = ""
    right: str = ""
    wrong: str = ""
    explanation: str = ""
    hint: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def general_hint(self) -> str:
        """The hint without the names of nodes."""
        return self.hint.format(place="the value", use="the node")


@dataclass(frozen=True, slots=True)
class Bug:
    """One bug of the catalogue with the formulas that produce it, in one or more forms.

    equation: the section of the catalogue that lists it.
    replaces: wrong formulas by the equation that they replace.
    in_whole_network: the bug affects all layers alike.
    factors: possible factors of the loss. any_factor: any other factor is possible too.
    penalties: penalties used in place of the declared ones.
    changes: (right gradients, submitted ones or None) -> the transformed gradients.
    local_rule: the same mistake in a graph.
    """

    id: str
    equation: str
    words: BugTexts
    replaces: Mapping[str, Rule] = field(default_factory=lambda: MappingProxyType({}))
    factors: Callable[[Problem], tuple[float, ...]] | None = None
    any_factor: bool = False
    in_whole_network: bool = False
    penalties: Callable[[Problem], Iterator[PenaltyVariant]] | None = None
    changes: (
        Callable[[Mapping[str, Array], Mapping[str, Array] | None], Iterator[TransformedGradient]] | None
    ) = None
    local_rule: LocalRule | None = None

    @property
    def general_hint(self) -> str:
        """The hint without the name of a layer or a node."""
        if self.equation == LOCAL_RULE:
            return self.in_graph().general_hint
        return self.words.hint.format(place="the layer")

    def in_graph(self) -> LocalRule:
        """Return the local rule, with the bug's own texts where it has none."""
        rule, words = self.local_rule or LocalRule(), self.words
        return replace(
            rule,
            title=rule.title or words.title,
            right=rule.right or words.right,
            wrong=rule.wrong or words.wrong,
            explanation=rule.explanation or words.explanation,
            hint=rule.hint or words.hint,
        )
