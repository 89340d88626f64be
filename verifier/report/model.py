"""The data of a report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from reference_impl.array import Array
from reference_impl.network import Network
from verifier.problem.errors import ReportWarning
from verifier.problem.graph import node_name
from verifier.report.verdict import Verdict


class Uncertainty(StrEnum):
    """Meaning of an error."""

    BOUND = "bound"  # the true value is proved to lie within it
    ESTIMATE = "estimate"  # the true value is expected within it
    UNKNOWN = "unknown"  # the entry is unknown


@dataclass(frozen=True, slots=True)
class Evidence:
    """The contribution of one oracle.

    entries: how many entries it knows. agrees: True if all of them lie within both errors of the reference,
    None if it knows none. max_disagreement: the largest distance from the reference.
    """

    oracle: str
    entries: int
    agrees: bool | None
    max_disagreement: float | None
    uncertainty: Uncertainty
    reason: str = ""


UNEXPLAINED_ID = "unexplained"


class InLayers:
    """A row with a layer, None for the whole network, and several `layers` if it is in more than one."""

    __slots__ = ()
    layer: int | None
    layers: tuple[int, ...]

    @property
    def all_layers(self) -> tuple[int, ...]:
        """Indices of all layers, from the output to the input; empty for the whole network."""
        return self.layers or (() if self.layer is None else (self.layer,))


@dataclass(frozen=True, slots=True)
class Finding(InLayers):
    """A bug in one layer, or in the whole network if `layer` is None. residual: see `Diagnosis`.

    equivalent_bugs: ids of other bugs that give the same numbers here. layers: see `Diagnosis`.
    """

    bug: str
    layer: int | None
    equation: str
    parameters: tuple[str, ...]
    factor: float | None = None
    residual: float | None = None
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    equivalent_bugs: tuple[str, ...] = ()
    layers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Diagnosis(InLayers):
    """One bug that reproduces the wrong gradients of a submission.

    Attributes
    ----------
    bug
        Id in the catalogue.
    layer
        Index of the layer that contains the bug, the last one of several; None for the whole network.
    equation
        The equation of backpropagation that is wrong.
    parameters
        Parameters whose gradients are wrong because of this bug directly. Gradients that only inherit the
        error are not listed.
    factor
        Ratio of the submitted to the right gradient, if the bug is a constant factor.
    residual
        Norm of the difference between the submitted gradient and the one that the bug produces, relative to
        the gradient; 1 for an unexplained gradient. Relative to the largest entry where a whole
        gradient was changed. None if not measured, as for an overflow or rounding in print.
    also_consistent
        Ids of other bugs that give the same numbers on this problem.
    title, explanation, right, wrong, hint
        Texts of the catalogue, filled in for this problem.
    estimates
        Quantities estimated from the submission, by name.
    for_students
        Explanation that uses only the problem and the catalogue; not part of documents.
    node
        Name of the wrong gradient in a graph.
    layers
        Indices of all layers with the bug, from the output to the input, if there are several.
    """

    bug: str
    layer: int | None
    equation: str
    parameters: tuple[str, ...]
    factor: float | None
    residual: float | None
    also_consistent: tuple[str, ...]
    title: str
    explanation: str
    right: str
    wrong: str
    hint: str
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    for_students: str = ""
    node: str | None = None
    layers: tuple[int, ...] = ()

    def __repr__(self) -> str:
        layers = [f"layer {layer}" for layer in self.all_layers]
        place = ", ".join(layers) or self.node or "the whole network"
        return f"<Diagnosis {self.bug} in {place} ({self.equation})>"

    @property
    def formula(self) -> str:
        """Correct and used formula in one line."""
        return f"right: {self.right}; used: {self.wrong}"


@dataclass(frozen=True, slots=True)
class LayerOutline:
    """A layer with `inputs` inputs and `outputs` units; None if a number is unknown."""

    inputs: int | None
    outputs: int | None
    activation: str = ""
    bias: bool = True


def outline_network(network: Network) -> tuple[LayerOutline, ...]:
    """Return the outlines of the layers, from input to output."""
    return tuple(
        LayerOutline(layer.inputs, layer.outputs, layer.activation.name, layer.bias)
        for layer in network.layers
    )


PARAMETER, INPUT_LEAF, DATA = "parameter", "input", "data"  # in place of an operation, for leaves


@dataclass(frozen=True, slots=True)
class NodeOutline:
    """A node or a leaf, with the name of its gradient (`W`, `inputs.x`, `nodes.h`).

    operation: its name, or the kind of a leaf; `data` is an input that is not differentiated.
    operands: names and numbers, in order. options: of the operation, as text.
    value, gradient: of small arrays, flat, to four digits; the gradient is the submitted one.
    continues: a node outside of the outline uses it.
    """

    name: str
    operation: str
    shape: tuple[int, ...]
    operands: tuple[str | float, ...] = ()
    options: str = ""
    value: tuple[float, ...] | None = None
    gradient: tuple[float, ...] | None = None
    continues: bool = False

    @property
    def node_name(self) -> str:
        """The name within the graph."""
        return node_name(self.name)

    @property
    def computed(self) -> bool:
        """True for nodes, False for leaves."""
        return self.operation not in (PARAMETER, INPUT_LEAF, DATA)


@dataclass(frozen=True, slots=True)
class GraphOutline:
    """The outline of a graph.

    nodes: all nodes, or those around the first wrong gradient of a large graph, in topological order.
    first_wrong: wrong gradients for which all submitted gradients between them and the output are correct.
    count: the number of operations in the whole graph.
    """

    nodes: tuple[NodeOutline, ...]
    output: str
    first_wrong: tuple[str, ...] = ()
    count: int = 0

    @property
    def whole(self) -> bool:
        """True if the outline has all operations of the graph."""
        return sum(node.computed for node in self.nodes) == self.count


SCHEMA = "gradjury.report/1"


class Audience(StrEnum):  # without docstring, which would become part of the OpenAPI document
    GRADER = "grader"
    STUDENT = "student"


@dataclass(frozen=True, slots=True)
class Entry:
    """One number of a gradient.

    index: in the layout of the submission.
    uncertainty: the proved or estimated error of `expected`.
    tolerance: the largest absolute error of a correct number.
    rel_error: relative to |expected|; None if the expected value may be 0.
    subgradient: at a kink, all numbers from slopes[0] to slopes[1] are correct; `expected` is the nearest.
    """

    index: tuple[int, ...]
    verdict: Verdict
    submitted: float
    expected: float
    uncertainty: float
    tolerance: float
    abs_error: float
    rel_error: float | None
    subgradient: bool = False
    slopes: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """The whole arrays of a parameter, in the layout of the submission.

    tolerance: the largest absolute error of a correct number; NaN for undecided entries.
    """

    expected: Array
    submitted: Array
    difference: Array
    tolerance: Array


@dataclass(frozen=True, slots=True, repr=False)
class ParameterReport:
    """The result for one parameter.

    to_rounding: the count of entries that are correct within rounding error; other correct entries need rtol.
    subgradients: the count of entries at kinks, where several values are correct.
    zeros: the count of entries that were submitted as 0.
    max_rel_error: over entries whose expected value is surely not 0; None if there are none.
    relative_norm_error: ‖submitted − expected‖ / (‖submitted‖ + ‖expected‖).
    cosine: of the angle between submitted and expected. ratio: ‖submitted‖ / ‖expected‖.
    worst: at most 10 entries, worst first.
    submitted_as: its name in the submission, where that is another one.
    A measure is None if its quotient is 0/0.
    """

    name: str
    shape: tuple[int, ...]
    verdict: Verdict
    correct: int = 0
    incorrect: int = 0
    undecided: int = 0
    uninformative: int = 0
    to_rounding: int = 0
    subgradients: int = 0
    zeros: int = 0
    max_abs_error: float | None = None
    max_rel_error: float | None = None
    relative_norm_error: float | None = None
    cosine: float | None = None
    ratio: float | None = None
    worst: tuple[Entry, ...] = ()
    entries: Entries | None = None
    submitted_as: str | None = None

    def __repr__(self) -> str:
        counts = f", {self.incorrect} of {self.counted} numbers wrong" if self.incorrect else ""
        return f"<ParameterReport {self.name} {self.shape}: {self.verdict}{counts}>"

    @property
    def counted(self) -> int:
        """The number of checked entries; 0 if none was submitted, or if counts are hidden from students."""
        return self.correct + self.incorrect + self.undecided


@dataclass(frozen=True, slots=True, repr=False)
class LossReport:
    """The loss of the problem ± uncertainty, the reported loss, and the fields of the document's `loss`."""

    value: float
    uncertainty: float
    graded_under: Mapping[str, Any]
    reported: float | None = None
    verdict: Verdict | None = None

    def __repr__(self) -> str:
        return f"<LossReport {self.graded_under.get('name', 'a node')}: {self.value:.10g}>"


@dataclass(frozen=True, slots=True)
class ReportData:
    """The fields of a report; see `Report`."""

    verdict: Verdict
    loss: LossReport
    parameters: Mapping[str, ParameterReport]
    warnings: tuple[ReportWarning, ...]
    evidence: tuple[Evidence, ...]
    versions: Mapping[str, str]
    seconds: float
    name: str | None = None
    convention: Mapping[str, str] | None = None
    precision: str = "float64"
    tolerance: Mapping[str, Any] | None = None
    diagnosis: tuple[Diagnosis, ...] = ()
    audience: Audience = Audience.GRADER
    network: tuple[LayerOutline, ...] = ()
    graph: GraphOutline | None = None
