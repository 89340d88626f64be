"""Convert a layered submission to a graph with the same numbers and verdicts."""

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.problem.precision import round_to_precision
from verifier.problem.submission import Submission

Nodes = list[dict[str, Any]]


def graph_document(submission: Submission, *, fused: bool = True) -> dict[str, Any]:
    """Return the graph's document.

    Weights are (in, out) and examples are rows; there is a node for every a and z, and the risk is the last
    node.
    fused: False to keep the loss apart from the last activation.
    """
    problem = submission.problem
    inputs = {"inputs": problem.batch.inputs, "targets": problem.batch.targets}
    inputs |= {f"masks.layers.{index}": mask for index, mask in problem.batch.masks.items()}
    if problem.risk.loss.name == "hinge":
        inputs["classes"] = problem.batch.targets.argmax(axis=-1)
    nodes = [*_layers(problem)]
    nodes += _risk(problem, nodes[-1]["name"], fused)
    document: dict[str, Any] = {} if submission.name is None else {"name": submission.name}
    document |= {
        "network": {"inputs": list(inputs), "nodes": nodes, "output": nodes[-1]["name"]},
        "inputs": inputs,
        "parameters": dict(problem.arrays),
        "gradients": dict(submission.gradients),
        "precision": submission.precision.name,
        "tolerance": {"rtol": submission.tolerance.rtol, "atol": submission.tolerance.atol},
    }
    if submission.reported_loss is not None:
        document["reported_loss"] = submission.reported_loss
    return document


def nodes_at_kinks(submission: Submission, kinks: Sequence[Array], loss_kinks: Array) -> dict[str, Array]:
    """Return the masks of `kinks`, and of weights at the kink of a penalty, by the name of the graph's node.

    kinks: by layer, (N, out), True where the submission's precision does not determine the side of a kink.
    loss_kinks: the same of the loss's terms.
    """
    problem = submission.problem
    reached = {f"z{index}": mask for index, mask in enumerate(kinks) if mask.any()}
    if loss_kinks.any():
        reached[_KINKED_STEPS[problem.risk.loss.name]] = loss_kinks
    arrays = dict(problem.arrays)
    for place, (_, norm, name) in enumerate(_penalised(problem)):
        at_zero = round_to_precision(arrays[name], submission.precision) == 0
        if norm == "l1" and at_zero.any():
            reached[f"sizes{place}"] = at_zero
    return reached


def _layers(problem: Problem) -> Iterator[dict[str, Any]]:
    operand = "inputs"
    for index, (layer, parameters) in enumerate(zip(problem.network.layers, problem.parameters, strict=True)):
        name = f"layers.{index}"
        yield _node(
            f"a{index}" if parameters.bias is None else f"product{index}", "matmul", operand, f"{name}.weight"
        )
        if parameters.bias is not None:
            yield _node(f"a{index}", "add", f"product{index}", f"{name}.bias")
        activation = layer.activation
        yield _node(f"z{index}", activation.name, f"a{index}", **activation.options)
        operand = f"z{index}"
        if index in problem.batch.masks:
            yield _node(f"masked{index}", "multiply", operand, f"masks.layers.{index}")
            operand = f"masked{index}"


def _risk(problem: Problem, outputs: str, fused: bool) -> Nodes:
    risk, last = problem.risk, len(problem.network.layers) - 1
    options: dict[str, Any] = {"factor": risk.factor, "batch": risk.batch}
    if risk.loss.reduces_outputs:
        options["outputs"] = risk.outputs
    on, loss = risk.on, risk.loss.name
    fused = fused and on == "probabilities" and outputs == f"z{last}"
    nodes: Nodes = []
    loss_and_activation = (loss, problem.network.layers[last].activation.name)
    # as for layers, the loss and the activation form one function of the pre-activation
    if fused and loss_and_activation in _OF_PREACTIVATION:
        outputs, on = f"a{last}", "logits"
    if fused and loss_and_activation == ("cross_entropy", "sigmoid"):
        scale = risk.output_scale(problem.batch.targets.shape[-1]) * risk.example_scale(problem.batch.size)
        nodes += [
            _node("opposite", "negate", f"a{last}"),
            _node("terms", "softplus", "opposite"),
            _node("weighed", "multiply", "terms", "targets"),
            _node("total", "sum", "weighed"),
            _node("loss", "multiply", "total", scale),
        ]
    elif loss in _COMPOSED:
        nodes += _composed_loss(problem, outputs, on)
    else:
        options |= {"on": on} if len(risk.loss.on) > 1 else {}
        nodes.append(_node("loss", loss, outputs, "targets", **options))
    total = "loss"
    for place, (coefficient, norm, name) in enumerate(_penalised(problem)):
        sizes = _node(f"sizes{place}", "absolute", name)
        squares = _node(f"sizes{place}", "power", name, exponent=2)
        nodes += [
            squares if norm == "l2" else sizes,
            _node(f"norm{place}", "sum", f"sizes{place}"),
            _node(f"penalty{place}", "multiply", f"norm{place}", coefficient),
            _node(f"risk{place}", "add", total, f"penalty{place}"),
        ]
        total = f"risk{place}"
    return nodes


def _penalised(problem: Problem) -> Iterator[tuple[float, str, str]]:
    for penalty in problem.risk.penalties:
        for name in problem.arrays:
            if penalty.biases or name.endswith(".weight"):
                yield penalty.coefficient(problem.batch.size), penalty.norm, name


def _node(name: str, op: str, *args: str | float, **options: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "args": list(args), **options}


def _composed_loss(problem: Problem, outputs: str, on: str) -> Nodes:
    """Return the nodes of a loss that is no operation of its own; the last is `loss`."""
    risk, targets = problem.risk, problem.batch.targets
    name, size = risk.loss.name, problem.batch.size
    scale = risk.output_scale(targets.shape[-1]) * risk.example_scale(size)
    if name == "hinge":
        terms = _node("terms", "multiclass_hinge", outputs, "classes", reduction="sum")
        return [terms, _node("loss", "multiply", "terms", scale * targets.shape[-1])]
    if name in ("mae", "huber"):
        options = risk.loss.on["values"].options
        terms = _node("terms", _COMPOSED[name], outputs, "targets", reduction="sum", **options)
        return [terms, _node("loss", "multiply", "terms", scale)]
    if on == "log_probabilities":
        nodes = [
            _node("weighed", "multiply", outputs, "targets"),
            _node("total", "sum", "weighed"),
            _node("divergence", "multiply", "total", -scale),
        ]
    else:
        nodes = [_node("divergence", "cross_entropy", outputs, "targets", factor=scale, batch="sum", on=on)]
    if name == "nll":
        return [*nodes[:-1], {**nodes[-1], "name": "loss"}]
    positive = targets[targets > 0]
    entropy = scale * float((positive * np.log(positive)).sum())
    return [*nodes, _node("loss", "add", "divergence", entropy)]


_OF_PREACTIVATION = frozenset(
    {("cross_entropy", "softmax"), ("binary_cross_entropy", "sigmoid"), ("kl_divergence", "softmax")}
)
_COMPOSED = MappingProxyType(
    {"mae": "l1", "huber": "huber", "hinge": "multiclass_hinge", "kl_divergence": "", "nll": ""}
)
"""Losses without an operation of their name, and the composition that has their kinks, if there is one."""
_KINKED_STEPS = MappingProxyType({"mae": "terms[absolute]", "hinge": "terms[relu]"})
