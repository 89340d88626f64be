"""scikit-learn's `MLPRegressor`: the gradient does not match the reported squared error."""

import warnings
from typing import Any

import numpy as np

from verifier.documents.importers import from_sklearn
from verifier.documents.importers.common import library
from verifier.documents.writing import arrays_to_lists
from verifier.examples.gallery.entry import Citation, ClaimedBug, GalleryEntry, LibraryRun


def _compute() -> dict[str, Any]:
    """Return the loss and the gradients that scikit-learn computes after one training step."""
    neural_network = library("sklearn.neural_network", "gradjury[sklearn]")
    rng = np.random.default_rng(7)
    inputs, targets = np.round(rng.normal(size=(5, 4)), 1), np.round(rng.normal(size=(5, 3)), 1)
    model = neural_network.MLPRegressor(
        hidden_layer_sizes=(4,), activation="tanh", alpha=0.0, max_iter=1, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one step, which only initialises the parameters, does not converge
        model.fit(inputs, targets)
    count = len(model.coefs_)
    buffers: list[list[Any]] = [[None] * count for _ in range(3)]
    loss, *gradients = model._backprop(inputs, targets, None, [inputs] + [None] * count, *buffers)
    document = from_sklearn(model, inputs, targets, gradients=gradients, reported_loss=float(loss))
    return arrays_to_lists({"name": "gallery/scikit-learn", **document})


ENTRY = GalleryEntry(
    name="scikit-learn",
    title="MLPRegressor's loss is a mean over outputs, its gradient a sum",
    story=(
        "squared_loss divides by the number of outputs, and the gradient does not: with three outputs it is "
        "three times that of the loss which scikit-learn itself reports. lbfgs is given both. Run live: "
        "loss, parameters and gradients are what the library computed."
    ),
    citation=Citation(
        "Bug in bfgs gradient computation of MLPRegressor with multiple output neurons",
        "https://github.com/scikit-learn/scikit-learn/issues/8349",
        2017,
    ),
    claims=(ClaimedBug("output-count-factor"),),
    made=LibraryRun("scikit-learn 1.9.1", _compute),
)
