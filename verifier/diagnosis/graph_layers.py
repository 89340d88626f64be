"""Recognise a graph of fully connected layers, and diagnose it by the search for layers.

The catalogue knows more mistakes of layers than of single operations: in biases, penalties and masks, in the
order of layers, with weights that were already updated.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from reference_impl.activations import ACTIVATIONS, Activation, activation
from reference_impl.array import Array
from reference_impl.losses import LOSSES, Penalty, Risk
from reference_impl.network import Batch, Layer, LayerParameters, Network, forward
from reference_impl.problem import Problem, risk_value
from verifier.diagnosis.search import diagnose
from verifier.engine.operations.losses import target_rows
from verifier.engine.rounding_allowance import rounding
from verifier.judging.comparison import Comparison
from verifier.problem.graph import NODE, GraphProblem, Node
from verifier.problem.precision import Precision
from verifier.report.model import Diagnosis
from verifier.report.numbers import join_with_and

SAME_RISK = 1e-9  # largest relative difference of the risk of the graph and of the layers read from it
_NORMS = {"power": "l2", "absolute": "l1"}


@dataclass(frozen=True, slots=True, eq=False)
class LayeredGraph:
    """The layers that a graph consists of.

    names: by the name of a parameter in layers, that of the graph. transposed: names in layers of weights
    that the graph keeps as (out, in). preactivations: by layer, the name of its node.
    """

    problem: Problem
    names: Mapping[str, str]
    preactivations: tuple[str, ...]
    transposed: frozenset[str]

    def of_layer(self, name: str, array: Array) -> Array:
        """Return an array of the graph's parameter in the shape that layers have."""
        if name.endswith(".bias"):
            return np.reshape(array, -1)
        return array.T if name in self.transposed else array


@dataclass(frozen=True, slots=True, eq=False)
class _ReadLayer:
    """One layer of a graph: names of its weight, bias and pre-activation, and its other parts."""

    weight: str
    preactivation: str
    transposed: bool
    bias: str | None
    function: Activation
    mask: Array | None


def layers_of(problem: GraphProblem) -> LayeredGraph | None:
    """Return the layers of a graph; None if it is no chain of x W + b, activations, masks and one loss.

    Penalties of weights, alone or with the biases, are read, too.
    """
    graph = _Graph(problem)
    total, sizes = _penalties_of(graph, problem.output)
    loss = _loss(graph, total) or _negative_log_likelihood(graph, total) or _chosen_likelihood(graph, total)
    chain = None if loss is None else graph.chain(loss.outputs)
    if loss is None or chain is None or not chain[1]:
        return None
    inputs, layers = chain
    penalties = _as_penalties(sizes, layers)
    if penalties is None or not graph.is_used_up(loss.outputs, layers, sizes):
        return None
    return _as_problem(problem, replace(loss.risk, penalties=penalties), loss.targets, inputs, layers)


@dataclass(frozen=True, slots=True, eq=False)
class _ReadLoss:
    """The loss of a graph: the name of the outputs, and the targets as rows."""

    outputs: str
    targets: Array
    risk: Risk


class _Graph:
    """The nodes that a graph's output depends on, by name, and how often each name is an operand."""

    def __init__(self, problem: GraphProblem) -> None:
        self.problem = problem
        self.nodes = {node.name: node for node in problem.upstream_of_output}
        self.uses = Counter(name for node in self.nodes.values() for name in node.operands)

    def leaf(self, name: str) -> Array | None:
        """Return the values of an input or a constant."""
        values = self.problem.inputs.get(name)
        return self.problem.constants.get(name) if values is None else values

    def node(self, name: str, operation: str) -> Node | None:
        """Return the node of that name if it has that operation and one use."""
        node = self.nodes.get(name)
        return (
            node if node is not None and node.operation.name == operation and self.uses[name] <= 1 else None
        )

    def operand_and_leaf(self, node: Node | None, operation: str) -> tuple[Node | None, Array | None]:
        """Return the operand with that operation and the other, a leaf, of a node of two operands."""
        for name, other in () if node is None else (node.operands, node.operands[::-1]):
            operand, values = self.node(name, operation), self.leaf(other)
            if operand is not None and values is not None:
                return operand, values
        return None, None

    def chain(self, outputs: str) -> tuple[str, list[_ReadLayer]] | None:
        """Return the name of the inputs and the layers from there to the outputs."""
        layers: list[_ReadLayer] = []
        point = outputs
        while point not in self.problem.inputs:
            layer = self._layer(point)
            if layer is None:
                return None
            point, read = layer
            layers.insert(0, read)
        return (point, layers) if self.problem.inputs[point].ndim == 2 else None

    def _layer(self, outputs: str) -> tuple[str, _ReadLayer] | None:
        """Return the name of a layer's inputs, and the layer."""
        name, mask = outputs, None
        masking = self.node(name, "multiply")
        if masking is not None:
            first, second = masking.operands
            mask, name = self.leaf(first), second
            if mask is None:
                mask, name = self.leaf(second), first
            if mask is None or mask.shape != masking.shape:
                return None
        function = activation("identity")
        node = self.nodes.get(name)
        if node is not None and node.operation.name in ACTIVATIONS and self.uses[name] <= 1:
            function, name = node.options["function"], node.operands[0]
        product, bias = self._product_and_bias(name)
        if product is None or len(product.shape) != 2 or len(product.operand_shapes[0]) != 2:
            return None
        inputs, weight = product.operands
        transposing = self.node(weight, "transpose")
        if transposing is not None:
            weight = transposing.operands[0]
        if np.ndim(self.problem.parameters.get(weight, 0.0)) != 2:
            return None
        return inputs, _ReadLayer(weight, name, transposing is not None, bias, function, mask)

    def _product_and_bias(self, name: str) -> tuple[Node | None, str | None]:
        adding = self.node(name, "add")
        if adding is None:
            return self.node(name, "matmul"), None
        for product, bias in (adding.operands, adding.operands[::-1]):
            node, values = self.node(product, "matmul"), self.problem.parameters.get(bias)
            if (
                node is not None
                and values is not None
                and values.shape in ((node.shape[-1],), (1, node.shape[-1]))
            ):
                return node, bias
        return None, None

    def is_used_up(self, outputs: str, layers: list[_ReadLayer], sizes: Mapping[str, object]) -> bool:
        """True if each parameter is used in one layer and one penalty at most, and nothing has two uses."""
        used = [name for layer in layers for name in (layer.weight, layer.bias) if name is not None]
        expected = Counter(used) + Counter(sizes.keys())
        parameters = {name for name in self.uses if name in self.problem.parameters}
        return (
            len(set(used)) == len(used)
            and parameters == set(used)
            and all(self.uses[name] == expected[name] for name in used)
            and self.uses[outputs] == 1
        )


def _loss(graph: _Graph, name: str) -> _ReadLoss | None:
    """Return a loss that is one operation."""
    node = graph.nodes.get(name)
    if node is None or "risk" not in node.options or len(node.operand_shapes[0]) != 2:
        return None
    outputs, target = node.operands
    targets = node.data.get(1, graph.leaf(target))
    return None if targets is None else _ReadLoss(outputs, target_rows(node, targets), node.options["risk"])


def _negative_log_likelihood(graph: _Graph, name: str) -> _ReadLoss | None:
    """Return a cross-entropy that is written as c · Σ y · log softmax(a), as PyTorch computes it."""
    scaling = graph.node(name, "multiply")
    adding, factor = graph.operand_and_leaf(scaling, "sum")
    weighting = None if adding is None or adding.shape != () else graph.node(adding.operands[0], "multiply")
    logarithm, targets = graph.operand_and_leaf(weighting, "log_softmax")
    if logarithm is None or targets is None or factor is None or np.size(factor) != 1:
        return None
    if len(logarithm.shape) != 2 or targets.shape != logarithm.shape:
        return None
    factor_of_sum = -float(np.reshape(factor, ()))
    is_sum = factor_of_sum == 1.0
    risk = Risk(
        LOSSES["cross_entropy"],
        factor_of_sum if is_sum else factor_of_sum * len(targets),
        "sum" if is_sum else "mean",
        on="logits",
    )
    return _ReadLoss(logarithm.operands[0], targets, risk)


def _chosen_likelihood(graph: _Graph, name: str) -> _ReadLoss | None:
    """Return a cross-entropy whose class is chosen, as −(1/n) Σ Σ w · where(mask, log softmax(a), 0)."""
    mean = graph.node(name, "divide")
    total = None if mean is None else graph.node(mean.operands[0], "sum")
    negation = None if total is None else graph.node(total.operands[0], "negate")
    rows = None if negation is None else graph.node(negation.operands[0], "sum")
    weighting = None if rows is None else graph.node(rows.operands[0], "multiply")
    choice, weights = graph.operand_and_leaf(weighting, "where")
    if mean is None or choice is None or weights is None:
        return None
    mask, count = graph.leaf(choice.operands[0]), graph.leaf(mean.operands[1])
    logarithm = graph.node(choice.operands[1], "log_softmax")
    if mask is None or logarithm is None or count is None or np.size(count) != 1:
        return None
    if len(logarithm.shape) != 2 or mask.shape != logarithm.shape or weights.shape != logarithm.shape:
        return None
    targets = np.where(mask != 0, weights, 0.0)
    factor = len(targets) / float(np.reshape(count, ()))
    return _ReadLoss(
        logarithm.operands[0], targets, Risk(LOSSES["cross_entropy"], factor, "mean", on="logits")
    )


def _penalties_of(graph: _Graph, total: str) -> tuple[str, dict[str, tuple[str, float]]]:
    """Return the name of the loss without its penalties, and by parameter the norm and its coefficient."""
    sizes: dict[str, tuple[str, float]] = {}
    while (adding := graph.node(total, "add")) is not None and adding.shape == ():
        for rest, name in (adding.operands, adding.operands[::-1]):
            penalty = _penalty(graph, name)
            if penalty is not None and penalty[0] not in sizes:
                sizes[penalty[0]] = penalty[1:]
                total = rest
                break
        else:
            break
    return total, sizes


def _penalty(graph: _Graph, name: str) -> tuple[str, str, float] | None:
    """Return the parameter, norm and coefficient of a node c · Σ w² or c · Σ |w|."""
    adding, coefficient = graph.operand_and_leaf(graph.node(name, "multiply"), "sum")
    if adding is None or coefficient is None or np.size(coefficient) != 1 or adding.shape != ():
        return None
    measuring = graph.nodes.get(adding.operands[0])
    if measuring is None or measuring.operation.name not in _NORMS:
        return None
    is_norm = measuring.options["function"].options.get("exponent", 2.0) == 2.0
    parameter = measuring.operands[0]
    if not is_norm or parameter not in graph.problem.parameters:
        return None
    return parameter, _NORMS[measuring.operation.name], float(np.reshape(coefficient, ()))


def _as_penalties(
    sizes: Mapping[str, tuple[str, float]], layers: list[_ReadLayer]
) -> tuple[Penalty, ...] | None:
    """Return the penalties of all weights, or of all weights and biases; None for any other choice."""
    if not sizes:
        return ()
    weights = {layer.weight for layer in layers}
    biases = {layer.bias for layer in layers if layer.bias is not None}
    if len(set(sizes.values())) != 1 or set(sizes) not in (weights, weights | biases):
        return None
    norm, coefficient = next(iter(sizes.values()))
    factor = 0.5 if norm == "l2" else 1.0  # the usual form, ½λ Σ w² or λ Σ |w|
    of_biases = bool(biases) and set(sizes) > weights
    return (Penalty(norm, coefficient / factor, factor, biases=of_biases),)


def _as_problem(
    problem: GraphProblem, risk: Risk, targets: Array, inputs: str, layers: list[_ReadLayer]
) -> LayeredGraph:
    names: dict[str, str] = {}
    transposed: set[str] = set()
    parameters: list[LayerParameters] = []
    for index, layer in enumerate(layers):
        weight = problem.parameters[layer.weight]
        names[f"layers.{index}.weight"] = layer.weight
        if layer.transposed:
            transposed.add(f"layers.{index}.weight")
        bias = None
        if layer.bias is not None:
            names[f"layers.{index}.bias"] = layer.bias
            bias = np.reshape(problem.parameters[layer.bias], -1)
        parameters.append(LayerParameters(weight.T if layer.transposed else weight, bias))
    network = Network(
        tuple(
            Layer(row.weight.shape[0], row.weight.shape[1], layer.function, row.bias is not None)
            for row, layer in zip(parameters, layers, strict=True)
        )
    )
    masks = {index: layer.mask for index, layer in enumerate(layers) if layer.mask is not None}
    batch = Batch(problem.inputs[inputs], targets, masks)
    preactivations = tuple(layer.preactivation for layer in layers)
    layered = Problem(network, tuple(parameters), batch, risk)
    return LayeredGraph(layered, names, preactivations, frozenset(transposed))


@np.errstate(all="ignore")  # a candidate that overflows matches no rule
def diagnose_layers(
    graph: LayeredGraph,
    comparisons: Mapping[str, Comparison],
    right: Mapping[str, Array],
    risk: float,
    precision: Precision,
    warnings: Collection[str],
) -> tuple[Diagnosis, ...]:
    """Return the bugs behind the wrong gradients of a graph's parameters, in the graph's names.

    comparisons: by submitted parameter. right: the right gradients of all parameters. risk: the value of the
    graph. The result is empty if the layers read from the graph do not have its risk.
    """
    problem = graph.problem
    trace = forward(problem.network, problem.parameters, problem.batch)
    if not abs(risk_value(problem, trace) - risk) <= SAME_RISK * abs(risk):
        return ()
    rows = diagnose(
        problem,
        trace,
        {
            name: _of_layer(graph, name, comparisons[parameter])
            for name, parameter in graph.names.items()
            if parameter in comparisons
        },
        {name: graph.of_layer(name, right[parameter]) for name, parameter in graph.names.items()},
        rounding(problem, trace, precision),
        precision,
        warnings,
    )
    return tuple(_in_names_of_the_graph(graph, row) for row in rows)


def _of_layer(graph: LayeredGraph, name: str, comparison: Comparison) -> Comparison:
    arrays = {field.name: getattr(comparison, field.name) for field in fields(comparison)}
    return Comparison(**{field: graph.of_layer(name, array) for field, array in arrays.items()})


def _in_names_of_the_graph(graph: LayeredGraph, row: Diagnosis) -> Diagnosis:
    def renamed(text: str) -> str:
        for name, parameter in graph.names.items():
            text = text.replace(name, parameter)
        return text

    parameters = tuple(graph.names[name] for name in row.parameters)
    of_layer = [parameter for name, parameter in graph.names.items() if name.split(".")[1] == str(row.layer)]
    place = f" Layer {row.layer} has the parameters {join_with_and(*of_layer)}." if of_layer else ""
    return replace(
        row,
        parameters=parameters,
        node=_place(graph, row, parameters),
        title=renamed(row.title),
        explanation=renamed(row.explanation) + place,
        hint=renamed(row.hint),
        for_students=renamed(row.for_students),
    )


def _place(graph: LayeredGraph, row: Diagnosis, parameters: Sequence[str]) -> str | None:
    """Return the name of the wrong gradient: δ is that of a pre-activation; None for the whole network."""
    if row.layer is None or not parameters:
        return None
    return NODE + graph.preactivations[row.layer] if row.equation.endswith("delta") else parameters[0]
