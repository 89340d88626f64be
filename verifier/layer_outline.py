"""What is known of a network without its numbers; a drawing needs no more."""

from dataclasses import dataclass

from reference_impl.network import Network


@dataclass(frozen=True, slots=True)
class LayerOutline:
    """A layer of `outputs` units over `inputs` numbers; None for what is not told."""

    inputs: int | None
    outputs: int | None
    activation: str = ""
    bias: bool = True


def outlined(network: Network) -> tuple[LayerOutline, ...]:
    """Give the layers in order, from input to output."""
    return tuple(
        LayerOutline(layer.inputs, layer.outputs, layer.activation.name, layer.bias)
        for layer in network.layers
    )
