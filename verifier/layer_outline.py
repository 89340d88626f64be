"""Outlines of networks of layers, without their numbers, for drawings."""

from dataclasses import dataclass

from reference_impl.network import Network


@dataclass(frozen=True, slots=True)
class LayerOutline:
    """A layer with `inputs` inputs and `outputs` units; None if a number is unknown."""

    inputs: int | None
    outputs: int | None
    activation: str = ""
    bias: bool = True


def outlined(network: Network) -> tuple[LayerOutline, ...]:
    """Return the outlines of the layers, from input to output."""
    return tuple(
        LayerOutline(layer.inputs, layer.outputs, layer.activation.name, layer.bias)
        for layer in network.layers
    )
