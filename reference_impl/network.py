"""A multilayer perceptron, its parameters, and the forward pass that keeps a and z of every layer.

In the lecture's symbols: z₀ = x, a_l = z_{l−1} W_l + b_l, z_l = g_l(a_l). Examples are rows, W is (in, out).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from reference_impl.activations import Activation
from reference_impl.array import Array


def _read_only(values: npt.ArrayLike) -> Array:
    """Return a read-only float64 view of `values`; the numbers are copied only if their type changes."""
    view = np.asarray(values, dtype=np.float64).view()
    view.setflags(write=False)
    return view


@dataclass(frozen=True, slots=True)
class Layer:
    """A fully connected layer.

    Parameters
    ----------
    inputs, outputs : int
        The number of inputs and of units.
    activation : Activation
    bias : bool
        True if the layer has a bias.

    Examples
    --------
    >>> from reference_impl import Layer, activation
    >>> Layer(3, 4, activation("tanh")).outputs
    4
    """

    inputs: int
    outputs: int
    activation: Activation
    bias: bool = True


@dataclass(frozen=True, slots=True)
class Network:
    """A multilayer perceptron: its layers, from the inputs to the outputs.

    Raises
    ------
    ValueError
        If there is no layer, or if a layer has not as many inputs as the layer below has units.

    Examples
    --------
    >>> from reference_impl import Layer, Network, activation
    >>> network = Network((Layer(3, 4, activation("tanh")), Layer(4, 2, activation("identity"))))
    >>> len(network.layers)
    2
    """

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
    """The parameters of one layer, or their gradients; both arrays become read-only float64.

    Parameters
    ----------
    weight : array, shape (in, out)
    bias : array, shape (out,), or None
        None if the layer has no bias.

    Examples
    --------
    >>> LayerParameters(weight=[[1, 2]], bias=[0, 0]).weight
    array([[1., 2.]])
    """

    weight: Array
    bias: Array | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _read_only(self.weight))
        if self.bias is not None:
            object.__setattr__(self, "bias", _read_only(self.bias))


Parameters = tuple[LayerParameters, ...]


def named(parameters: Sequence[LayerParameters]) -> list[tuple[str, Array]]:
    """Return the name and the array of every parameter, layer by layer.

    Parameters
    ----------
    parameters : sequence of LayerParameters

    Returns
    -------
    list of tuple of str and array
        The name is such as ``layers.0.weight``. A layer without a bias has its weight alone.

    Examples
    --------
    >>> [name for name, _ in named([LayerParameters([[1.0]], [0.0])])]
    ['layers.0.weight', 'layers.0.bias']
    """
    arrays: list[tuple[str, Array]] = []
    for index, layer in enumerate(parameters):
        arrays.append((f"layers.{index}.weight", layer.weight))
        if layer.bias is not None:
            arrays.append((f"layers.{index}.bias", layer.bias))
    return arrays


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The examples that the risk is computed on; all arrays become read-only float64.

    Parameters
    ----------
    inputs : array, shape (N, in)
    targets : array, shape (N, out)
        Class indices must have been turned into one-hot rows.
    masks : mapping of int to array, shape (N, out of the layer)
        By layer index, constants that multiply the layer's z, such as a fixed dropout mask.

    Examples
    --------
    >>> Batch(inputs=[[0.0, 1.0], [2.0, 3.0]], targets=[[0.0], [1.0]]).size
    2
    """

    inputs: Array
    targets: Array
    masks: Mapping[int, Array] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", _read_only(self.inputs))
        object.__setattr__(self, "targets", _read_only(self.targets))
        masks = {index: _read_only(mask) for index, mask in self.masks.items()}
        object.__setattr__(self, "masks", MappingProxyType(masks))

    @property
    def size(self) -> int:
        """N, the number of examples."""
        return int(self.inputs.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """The values that a forward pass computed, which the backward pass needs.

    Parameters
    ----------
    a : tuple of arrays, shape (N, out)
        The pre-activations of each layer.
    z : tuple of arrays
        The inputs of each layer, so z[0] = x and z[l + 1] = g(a[l]), its mask included. There is one entry
        more than in `a`: the last is the output of the network.
    """

    a: tuple[Array, ...]
    z: tuple[Array, ...]

    @property
    def outputs(self) -> Array:
        """The output of the network, shape (N, out)."""
        return self.z[-1]


def forward(network: Network, parameters: Parameters, batch: Batch) -> Trace:
    """Return the pre-activations and activations of every layer for a batch.

    Parameters
    ----------
    network : Network
    parameters : tuple of LayerParameters
        One for each layer.
    batch : Batch

    Returns
    -------
    Trace
        An overflow leaves infinities or NaN in it, without a warning.

    Examples
    --------
    >>> from reference_impl import Batch, Layer, LayerParameters, Network, activation
    >>> network = Network((Layer(2, 1, activation("relu")),))
    >>> parameters = (LayerParameters(weight=[[1.0], [2.0]], bias=[-3.0]),)
    >>> forward(network, parameters, Batch(inputs=[[4.0, 5.0]], targets=[[0.0]])).outputs
    array([[11.]])
    """
    preactivations: list[Array] = []
    activations: list[Array] = [batch.inputs]
    with np.errstate(over="ignore", invalid="ignore"):
        for index, (layer, weights) in enumerate(zip(network.layers, parameters, strict=True)):
            a = activations[-1] @ weights.weight
            if weights.bias is not None:
                a = a + weights.bias
            z = layer.activation.forward(a)
            preactivations.append(a)
            activations.append(z * batch.masks[index] if index in batch.masks else z)
    return Trace(tuple(preactivations), tuple(activations))
