"""Submissions, whole or of a student: layers, graphs and gradients."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from verifier.engine.operations import OPERATIONS
from verifier.examples.graphs import BUGGY_EXAMPLES
from verifier.examples.layers import example_document

Precision = Literal["float64", "float32", "float16", "bfloat16"]
Numbers = float | list[float | str] | list[list[float | str]]


class LayerDocument(BaseModel):
    """z = g(a), a = zW + b."""

    model_config = ConfigDict(extra="forbid")

    inputs: int = Field(alias="in", ge=1)
    outputs: int = Field(alias="out", ge=1)
    activation: str | dict[str, Any] = "identity"
    bias: bool = True
    kind: Literal["dense"] = "dense"


class OtherLayerDocument(BaseModel):
    """Batch normalisation of each unit over the examples, or a dropout mask, which is in `masks`."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["batch_norm", "dropout"]
    inputs: int | None = Field(None, alias="in", ge=1)
    outputs: int | None = Field(None, alias="out", ge=1)
    epsilon: float | None = Field(None, ge=0, description="of batch_norm, 1e-5 unless given")
    activation: str | dict[str, Any] | None = Field(None, description="behind batch_norm")
    rate: float | None = Field(None, ge=0, lt=1, description="of dropout")


class NetworkDocument(BaseModel):
    model_config = ConfigDict(extra="forbid")

    layers: list[LayerDocument | OtherLayerDocument] = Field(min_length=1)
    weights: Literal["in_out", "out_in"] = "in_out"
    examples: Literal["rows", "columns"] = "rows"


class LayersSubmissionDocument(BaseModel):
    """A network of layers, its problem, and the gradients that somebody says are its answer."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    network: NetworkDocument
    loss: str | dict[str, Any]
    parameters: dict[str, Numbers]
    inputs: list[list[float]]
    targets: list[int] | list[list[float]]
    gradients: dict[str, Numbers]
    masks: dict[str, list[list[float]]] | None = None
    precision: Precision | None = None
    reported_loss: float | str | None = None
    tolerance: str | dict[str, Any] | None = None
    names: dict[str, str] | None = None


class TensorDocument(RootModel[float | str | list[Any]]):
    """An array of up to 8 axes, as lists of lists of numbers; one number is written as such."""

    # The schema does not refer to itself: generators of clients drop schemas that do.


class NodeDocument(BaseModel):
    """An operation applied to inputs, parameters, other nodes and numbers; each takes options of its own."""

    model_config = ConfigDict(extra="forbid")

    name: str
    op: str = Field(json_schema_extra={"enum": list(OPERATIONS)})
    args: list[str | float] = Field(min_length=1)
    exponent: float | None = Field(None, description="of power")
    slope: float | None = Field(None, description="of leaky_relu")
    alpha: float | None = Field(None, description="of elu and celu")
    min: float | None = Field(None, description="of clip")
    max: float | None = Field(None, description="of clip")
    threshold: float | None = Field(None, description="of softshrink")
    axes: list[int] | int | None = Field(
        None, description="of transpose; a count, of layer_norm and rms_norm"
    )
    shape: list[int] | None = Field(None, description="of reshape and broadcast_to")
    axis: int | list[int] | None = Field(
        None, description="of reductions, softmax, log_softmax, concatenate, stack, flip, roll and others"
    )
    keepdims: bool | None = Field(None, description="of reductions")
    index: int | list[int | list[int | None] | None] | None = Field(None, description="of slice")
    shift: int | list[int] | None = Field(None, description="of roll")
    times: int | list[int] | None = Field(None, description="of repeat")
    widths: list[list[int]] | None = Field(None, description="of pad")
    value: float | None = Field(None, description="of pad")
    diagonal: int | None = Field(None, description="of tril and triu")
    offset: int | None = Field(None, description="of diagonal")
    correction: float | None = Field(None, description="of var and std")
    order: float | Literal["inf"] | None = Field(None, description="of norm and distances")
    subscripts: str | None = Field(None, description="of einsum")
    stride: int | list[int] | None = Field(None, description="of convolutions and pooling")
    padding: int | list[int] | None = Field(None, description="of convolutions and pooling")
    dilation: int | list[int] | None = Field(None, description="of convolutions and max_pool")
    groups: int | None = Field(None, description="of convolutions and group_norm")
    output_padding: int | list[int] | None = Field(None, description="of transposed_convolution")
    kernel: int | list[int] | None = Field(None, description="of pooling")
    ceil_mode: bool | None = Field(None, description="of pooling")
    count_padding: bool | None = Field(None, description="of average_pool")
    divisor: int | None = Field(None, description="of average_pool")
    epsilon: float | None = Field(None, description="of normalisations")
    causal: bool | None = Field(None, description="of attention")
    scale: float | None = Field(None, description="of attention")
    reduction: Literal["mean", "sum", "none"] | None = Field(
        None, description="of l1, huber and other losses"
    )
    delta: float | None = Field(None, description="of huber")
    beta: float | None = Field(None, description="of smooth_l1")
    weights: list[float] | None = Field(None, description="of classes, in losses of classes")
    ignore: int | None = Field(None, description="a class, in losses of classes")
    smoothing: float | None = Field(None, description="of losses of classes")
    margin: float | None = Field(None, description="of multiclass_hinge")
    power: int | None = Field(None, description="of multiclass_hinge")
    factor: float | None = Field(None, description="of mse and the cross entropies")
    batch: Literal["mean", "sum"] | None = Field(None, description="of mse and the cross entropies")
    outputs: Literal["sum", "mean"] | None = Field(None, description="of mse and binary_cross_entropy")
    on: Literal["logits", "probabilities"] | None = Field(None, description="of the cross entropies")


class GraphDocument(BaseModel):
    """Any directed acyclic graph of operations, with one number at its end."""

    model_config = ConfigDict(extra="forbid")

    inputs: list[str] = Field([], description="names of what is given and not learnt")
    nodes: list[NodeDocument] = Field(min_length=1)
    output: str = Field(description="the node that is differentiated")


class GraphSubmissionDocument(BaseModel):
    """A graph, its problem, and gradients: of a parameter by its name, `inputs.x`, `nodes.h`."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    network: GraphDocument
    parameters: dict[str, TensorDocument] = {}
    inputs: dict[str, TensorDocument] = {}
    gradients: dict[str, TensorDocument]
    precision: Precision | None = None
    reported_loss: float | str | None = None
    tolerance: str | dict[str, Any] | None = None


class SubmissionDocument(RootModel[LayersSubmissionDocument | GraphSubmissionDocument]):
    """A problem, and the gradients that somebody says are its answer: of layers, or of a graph."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [example_document("wrong-layer"), BUGGY_EXAMPLES["two-path-diamond"].document()]
        }
    )


class GradientsDocument(BaseModel):
    """The submission of a student to an assignment: gradients alone."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"gradients": example_document("wrong-layer")["gradients"]}]},
    )

    gradients: dict[str, TensorDocument] = Field(description="of a graph also of `inputs.x` and `nodes.h`")
    reported_loss: float | str | None = None
    precision: Precision | None = None
