"""What the project knows of one backpropagation mistake: the columns of the table `BUGS`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from reference_impl.array import Array
from reference_impl.losses import Penalty
from reference_impl.network import Layer, LayerParameters, Parameters, Trace
from reference_impl.problem import Problem

EQUATIONS = (
    "loss",
    "output_delta",
    "hidden_delta",
    "weight_gradient",
    "bias_gradient",
    "penalty",
    "numbers",
)
# the equation of each kind of parameter
PRODUCTS: Mapping[str, str] = MappingProxyType({"weight": "weight_gradient", "bias": "bias_gradient"})


@dataclass(frozen=True, slots=True)
class Words:
    """A bug for people. `explanation` and `hint` are filled in by str.format; a hint never gives the answer.

    for_students: the explanation where graders' says what was estimated from the right gradient, or an index;
    it may name what the problem itself says: places, N, C.
    right, wrong: the formula that belongs there, and the one that was used; primes mark what is wrong.
    looks_like, why, see, fix: the bug's page. seen_in: public code and courses that made it.
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
class Flow:
    """What the recursion has brought to a layer.

    delta: δ, (N, out). upstream: ∂R/∂z, (N, out), None where δ was recovered from a submission.
    """

    delta: Array
    upstream: Array | None


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where an equation is used, and what a wrong program could take hold of there.

    above: δ and ∂R/∂z of the layer above, for a hidden δ. delta: δ of this layer, for the two products.
    step: the gradient of the weights above, as the program computed it.
    penalties: what they add to the gradients of every layer.
    gradients: the right gradients of all layers, penalties included, which a program may confuse.
    others: those that were handed in.
    submitted: the gradient handed in, penalties taken off; None when a bug is made, not sought.
    handed_in: the same of weight and bias, for rules of δ.
    """

    problem: Problem
    trace: Trace
    layer: int
    above: Flow | None = None
    delta: Array | None = None
    step: Array | None = None
    penalties: Parameters = ()
    gradients: Parameters = ()
    others: Parameters = ()
    submitted: Array | None = None
    handed_in: Mapping[str, Array] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def a(self) -> Array:
        return self.trace.a[self.layer]

    @property
    def penalty(self) -> LayerParameters:
        return self.penalties[self.layer]

    @property
    def own(self) -> LayerParameters:
        return self.problem.parameters[self.layer]

    @property
    def row(self) -> Layer:
        return self.problem.network.layers[self.layer]

    @property
    def mask(self) -> Array | None:
        return self.problem.batch.masks.get(self.layer)


@dataclass(frozen=True, slots=True, eq=False)
class Replacement:
    """What a wrong equation gives. With a `direction` it gives value + t · direction, t unknown.

    upstream: ∂R/∂z that goes with a δ, where the bug changes that too.
    unknown: the name of t in reports. usual: values of t to make the bug with.
    whole: it stands for the whole gradient, nothing of a penalty is added any more.
    unknowns: how many of its numbers were estimated from the gradient itself.
    """

    value: Array
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    upstream: Array | None = None
    direction: Array | None = None
    unknown: str = ""
    usual: tuple[float, ...] = ()
    whole: bool = False
    unknowns: int = 0


Rule = Callable[[Place], Iterator[Replacement]]


@dataclass(frozen=True, slots=True)
class Taken:
    """Penalties taken for the declared ones.

    data_factor: what the gradient of the loss proper is multiplied by, of weights alone or `of_biases` too.
    scaled: penalties that come on top times a factor, `unknown`, that has to be estimated.
    usual: values of it to make the bug with.
    """

    penalties: tuple[Penalty, ...]
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    data_factor: float = 1.0
    of_biases: bool = True
    scaled: tuple[Penalty, ...] = ()
    unknown: str = ""
    usual: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """A gradient changed as a whole after it was computed: by parameter, and what was estimated.

    slack: by how much entries may be off, by parameter.
    unknowns: how many numbers were read off the submission to make it.
    """

    gradients: Mapping[str, Array]
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    slack: Mapping[str, Array] = field(default_factory=lambda: MappingProxyType({}))
    unknowns: int = 0


@dataclass(frozen=True, slots=True)
class Bug:
    """One mistake. It says itself how it is made, in one or more of these ways.

    equation: the one under which the catalogue lists it.
    replaces: by equation, what is used in its place.
    in_whole_network: it is no mistake of a single layer, wherever it shows.
    factors: by what it multiplies the loss; `any_factor` where by anything.
    penalties: what is taken for the declared penalties.
    changes: (right gradients, submitted ones or None) -> what the numbers became.
    """

    id: str
    equation: str
    words: Words
    replaces: Mapping[str, Rule] = field(default_factory=lambda: MappingProxyType({}))
    factors: Callable[[Problem], tuple[float, ...]] | None = None
    any_factor: bool = False
    in_whole_network: bool = False
    penalties: Callable[[Problem], Iterator[Taken]] | None = None
    changes: Callable[[Mapping[str, Array], Mapping[str, Array] | None], Iterator[Changed]] | None = None
