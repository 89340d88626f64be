"""Words of other libraries for the fields and values of documents, and what to write in their place.

Keys are in small letters without underscores and dots.
"""

from collections.abc import Mapping
from types import MappingProxyType

Words = Mapping[str, str]


def plain(word: object) -> str:
    """Return a word as the tables below have it."""
    return "".join(character for character in str(word)[:60].casefold() if character.isalnum())


def _meant(words: Mapping[str, str]) -> dict[str, str]:
    """Return a remedy for each word. words: other words, separated by spaces, by the word that is known."""
    return {other: f"did you mean {known!r}?" for known, others in words.items() for other in others.split()}


_IN_TOLERANCE = 'put it into tolerance: "tolerance": {{"{}": …}}'
_IN_NETWORK = "put it into network"
_IN_LOSS = "put it into loss, as batch and outputs"
DOCUMENT_FIELDS: Words = MappingProxyType(
    _meant(
        {
            "inputs": "x xtrain data features input",
            "targets": "y t ytrain ytrue labels label target",
            "parameters": "weights params statedict theta",
            "gradients": "grads grad gradient",
            "network": "model architecture net",
            "loss": "criterion lossfunction lossfn objective",
            "precision": "dtype",
        }
    )
    | {
        "rtol": _IN_TOLERANCE.format("rtol"),
        "atol": _IN_TOLERANCE.format("atol"),
        "preset": _IN_TOLERANCE.format("preset"),
        "layers": _IN_NETWORK,
        "examples": _IN_NETWORK,
        "reduction": _IN_LOSS,
        "eps": "leave it out: finite differences choose their steps",
        "epsilon": "leave it out: finite differences choose their steps",
    }
)
ASSIGNMENT_FIELDS: Words = MappingProxyType(
    _meant({"closes": "deadline due duedate end", "opens": "start", "title": "name", "attempts": "tries"})
    | dict.fromkeys(("network", "loss", "parameters", "inputs", "targets"), "put it into problem")
)
LAYER_FIELDS: Words = MappingProxyType(
    _meant(
        {
            "in": "infeatures inputdim inputsize inputs nin fanin",
            "out": "outfeatures outputdim outputsize outputs units nout fanout size",
            "activation": "act activationfn activationfunction nonlinearity func",
            "bias": "usebias biases hasbias",
        }
    )
)
LOSS_FIELDS: Words = MappingProxyType(
    _meant({"batch": "reduction reduce", "l2": "weightdecay lambda reg l2reg", "on": "fromlogits logits"})
)
_OTHER_ACTIVATIONS = "celu glu hardsigmoid relu6 softmin tanhshrink"
AS_GRAPH = "for other activations write the network as a graph"
ACTIVATIONS: Words = MappingProxyType(dict.fromkeys(_OTHER_ACTIVATIONS.split(), AS_GRAPH))
PRECISIONS: Words = MappingProxyType(
    _meant(
        {
            "float64": "double fp64 f64 f8",
            "float32": "single float fp32 f32 f4",
            "float16": "half fp16 f16 f2",
            "bfloat16": "bf16",
        }
    )
)
ORACLES: Words = MappingProxyType(
    _meant(
        {
            "autograd": "torch pytorch",
            "backpropagation": "backprop numpy",
            "finite_differences": "numerical fd gradcheck",
        }
    )
)
_AS_GRAPH = "for other losses write the network as a graph, with the loss among its nodes"
LOSSES: Words = MappingProxyType(
    _meant(
        {
            "cs231n.softmax": "softmax softmaxloss",
            "mse": "squarederror quadratic",
            "nielsen.quadratic": "quadraticcost",
        }
    )
    | dict.fromkeys(("rmse", "msle", "mape", "triplet", "contrastive", "ctc"), _AS_GRAPH)
)
