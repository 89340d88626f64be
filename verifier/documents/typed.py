"""The fields of documents as types for editors and type checkers, and a function that builds a document."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, Required, TypeAlias, TypedDict

ArrayLike: TypeAlias = Any  # a number, lists of numbers, an array, a tensor, a table of pandas
Arrays: TypeAlias = Mapping[str, ArrayLike]

# `in` is a keyword of Python
LayerFields = TypedDict(
    "LayerFields", {"in": Required[int], "out": Required[int], "activation": str, "bias": bool}, total=False
)


class NetworkFields(TypedDict, total=False):
    """A network of layers: its layers, the layout of weights, and whether examples are rows."""

    layers: Required[Sequence[LayerFields | Mapping[str, Any]]]
    weights: Literal["in_out", "out_in"]
    examples: Literal["rows", "columns"]


class PenaltyFields(TypedDict, total=False):
    """A penalty on the weights."""

    strength: Required[float]
    factor: float
    batch: Literal["none", "mean"]
    biases: bool


class LossFields(TypedDict, total=False):
    """A loss: a preset, or a name with what it is multiplied by and taken over."""

    preset: str
    name: str
    factor: float
    batch: Literal["mean", "sum"]
    outputs: Literal["mean", "sum"]
    on: Literal["logits", "probabilities"]
    l2: PenaltyFields
    l1: PenaltyFields


class ToleranceFields(TypedDict, total=False):
    """The error that a correct number may have beyond rounding."""

    preset: Literal["strict", "standard", "lenient"]
    rtol: float
    atol: float


class SubmissionFields(TypedDict, total=False):
    """A submission: a problem, and the gradients that are to be judged."""

    network: Required[NetworkFields | Mapping[str, Any]]
    loss: Required[str | LossFields]
    parameters: Required[Arrays]
    inputs: Required[ArrayLike]
    targets: Required[ArrayLike]
    gradients: Arrays | Sequence[ArrayLike]
    name: str
    masks: Arrays
    precision: Literal["float64", "float32", "float16", "bfloat16"]
    reported_loss: float
    tolerance: ToleranceFields
    names: Mapping[str, str]


class AssignmentFields(TypedDict, total=False):
    """An assignment: a problem without gradients, and its rules."""

    problem: Required[SubmissionFields | Mapping[str, Any]]
    title: str
    points: float | Mapping[str, float]
    students_see: Sequence[str]
    attempts: int | None
    opens: str | None
    closes: str | None
    instances: Literal["shared", "per_student"]
    names: Mapping[str, str]


def build_document(
    layers: Sequence[int] | Sequence[LayerFields | Mapping[str, Any]],
    *,
    parameters: Arrays,
    inputs: ArrayLike,
    targets: ArrayLike,
    gradients: Arrays,
    loss: str | LossFields = "mse",
    hidden: str | None = None,
    output: str = "identity",
    bias: bool = True,
    weights: Literal["in_out", "out_in"] = "in_out",
    examples: Literal["rows", "columns"] = "rows",
) -> SubmissionFields:
    """Return the document of a submission of layers.

    Parameters
    ----------
    layers : sequence of int, or of layers
        Sizes from the inputs to the outputs, such as [3, 4, 2]; or the layers of a document.
    parameters, gradients : mapping of str to arrays
        By name, such as `layers.0.weight`.
    inputs, targets : array
        The batch.
    loss : str or mapping
        A name, a preset, or all fields.
    hidden, output : str
        Activations, if `layers` are sizes. With more than one layer `hidden` has to be given.
    bias : bool
        Whether layers have biases, if `layers` are sizes.
    weights, examples : str
        Layouts, as in a document.

    Returns
    -------
    dict
        The document, which `verify`, `inspect` and the service take. Add other fields by their names.

    Raises
    ------
    ValueError
        If sizes of several layers are given without `hidden`.

    Examples
    --------
    >>> document = build_document(
    ...     [3, 4, 2], hidden="tanh", parameters=parameters, inputs=x, targets=y, gradients=gradients
    ... )
    >>> verify(document)
    """
    described: list[Any] = list(layers)
    if described and all(isinstance(size, int) for size in described):
        if len(described) > 2 and hidden is None:
            raise ValueError("expected the activation of hidden layers, got none; add hidden='tanh', say")
        pairs = list(pairwise(described))
        activations = [hidden] * (len(described) - 2) + [output]
        described = [
            {"in": before, "out": after, "activation": activation, "bias": bias}
            for (before, after), activation in zip(pairs, activations, strict=True)
        ]
    network: NetworkFields = {"layers": described, "weights": weights, "examples": examples}
    return {
        "network": network,
        "loss": loss,
        "parameters": parameters,
        "inputs": inputs,
        "targets": targets,
        "gradients": gradients,
    }
