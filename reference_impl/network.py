"""A multilayer perceptron, its parameters, and the forward pass that keeps a and z of every layer.

In the lecture's symbols: z₀ = x, a_l = z_{l−1} W_l + b_l, z_l = g_l(a_l). Examples are rows, W is (in, out).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from reference_impl.activation import Activation
from reference_impl.array import Array, frozen


@dataclass(frozen=True, slots=True)
class Layer:
    """A fully connected layer of `outputs` units over `inputs` numbers."""

    inputs: int
    outputs: int
    activation: Activation
    bias: bool = True


@dataclass(frozen=True, slots=True)
class Network:
    """Layers in order. Raises ValueError when there is none, or when two neighbours do not fit."""

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("a network has at least one layer, got none")
        for index, (below, above) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            if below.outputs != above.inputs:
                raise ValueError(
                    f"layer {index} puts out {below.outputs} numbers but layer {index + 1} takes "
                    f"{above.inputs}; make them equal"
                )


@dataclass(frozen=True, slots=True, eq=False)
class LayerParameters:
    """weight: (in, out). bias: (out,), or None where the layer has none."""

    weight: Array
    bias: Array | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen(self.weight))
        if self.bias is not None:
            object.__setattr__(self, "bias", frozen(self.bias))


Parameters = tuple[LayerParameters, ...]


def named(parameters: Sequence[LayerParameters]) -> Iterator[tuple[str, Array]]:
    """Give every array with its name (`layers.0.weight`), in the order in which layers stand."""
    for index, layer in enumerate(parameters):
        yield f"layers.{index}.weight", layer.weight
        if layer.bias is not None:
            yield f"layers.{index}.bias", layer.bias


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """inputs: (N, in). targets: (N, out), class indices already as one-hot rows.

    masks: by layer index, constants (N, out) that multiply that layer's z (dropout kept fixed).
    """

    inputs: Array
    targets: Array
    masks: Mapping[int, Array] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", frozen(self.inputs))
        object.__setattr__(self, "targets", frozen(self.targets))
        masks = {index: frozen(mask) for index, mask in self.masks.items()}
        object.__setattr__(self, "masks", MappingProxyType(masks))

    @property
    def size(self) -> int:
        """N, the number of examples."""
        return int(self.inputs.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What the forward pass kept. a[l]: (N, out) pre-activations of layer l. z[l]: its input, so z[0] = x.

    z has one entry more than a: the last is what the network puts out (masks included).
    """

    a: tuple[Array, ...]
    z: tuple[Array, ...]

    @property
    def outputs(self) -> Array:
        return self.z[-1]


def forward(network: Network, parameters: Parameters, batch: Batch) -> Trace:
    """Run the batch through the network. Shapes: see `Trace`."""
    preactivations: list[Array] = []
    activations: list[Array] = [batch.inputs]
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow is the caller's to judge: it stays inf
        for index, (layer, own) in enumerate(zip(network.layers, parameters, strict=True)):
            a = activations[-1] @ own.weight
            if own.bias is not None:
                a = a + own.bias
            z = layer.activation.forward(a)
            preactivations.append(a)
            activations.append(z * batch.masks[index] if index in batch.masks else z)
    return Trace(tuple(preactivations), tuple(activations))
