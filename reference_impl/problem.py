"""A problem: a question with one right answer. What is ∂R/∂w for this network, at these parameters, on this
batch, for this risk?"""

from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array, row_sums
from reference_impl.loss import Terms
from reference_impl.network import Batch, LayerParameters, Network, Parameters, Trace
from reference_impl.risk import NORMS, Penalty, Risk


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Everything that the gradient depends on."""

    network: Network
    parameters: Parameters
    batch: Batch
    risk: Risk


def terms_of_last_layer(problem: Problem) -> tuple[Terms, bool]:
    """Give the loss's terms, and whether they are functions of the last pre-activation or of the output.

    The logarithm of a softmax or a sigmoid is one function of the pre-activation: nothing rounds to 0 first.
    """
    risk, last = problem.risk, len(problem.network.layers) - 1
    name = problem.network.layers[last].activation.name
    if risk.on == "probabilities" and last not in problem.batch.masks and name in risk.loss.of_preactivation:
        return risk.loss.of_preactivation[name], True
    return risk.loss.on[risk.on], False


def example_losses(problem: Problem, a: Array, outputs: Array) -> Array:
    """Give each example's loss: factor and reduction over outputs applied, none over examples.

    Shapes: a and outputs (…, N, out), the last layer's pre-activation and output -> (…, N).
    """
    terms, of_preactivation = terms_of_last_layer(problem)
    with np.errstate(over="ignore", invalid="ignore"):
        return losses_of_terms(
            problem, terms.value(a if of_preactivation else outputs, problem.batch.targets)
        )


def losses_of_terms(problem: Problem, values: Array) -> Array:
    """Take the terms of every output to each example's loss."""
    return np.asarray(row_sums(values) * problem.risk.output_scale(values.shape[-1]))


def risk_value(problem: Problem, trace: Trace) -> float:
    """Give R, penalties included."""
    return risk_of_losses(problem, example_losses(problem, trace.a[-1], trace.outputs))


def risk_of_losses(problem: Problem, losses: Array) -> float:
    """Take each example's loss to R, penalties included."""
    risk, size = problem.risk, problem.batch.size
    with np.errstate(over="ignore", invalid="ignore"):
        data = float(losses.sum()) * risk.example_scale(size)
        return data + sum(penalty_value(penalty, problem.parameters, size) for penalty in risk.penalties)


def penalised(penalty: Penalty, layer: LayerParameters) -> list[Array]:
    """Give the arrays of one layer that the penalty speaks of."""
    return [layer.weight] + ([layer.bias] if penalty.biases and layer.bias is not None else [])


def penalty_value(penalty: Penalty, parameters: Parameters, examples: int) -> float:
    """Give what one penalty adds to R."""
    norm = NORMS[penalty.norm]
    total = sum(float(norm.value(w).sum()) for layer in parameters for w in penalised(penalty, layer))
    return penalty.coefficient(examples) * total
