"""Presets: the losses of courses and libraries, with all fields of the document's `loss`.

Sources, checked in the programs or course notes: PyTorch's `MSELoss`, `CrossEntropyLoss` and
`BCEWithLogitsLoss` (documented defaults); CS231n, assignment 1 (softmax loss on scores, mean over the batch);
Nielsen, *Neural Networks and Deep Learning*, chapters 1 and 3 (quadratic and cross-entropy cost, summed over
the mini-batch); Keras 3 `MeanSquaredError`; scikit-learn 1.9 `neural_network/_multilayer_perceptron.py`
(half squared error, mean over all elements; log loss, mean over the batch; alpha/2 Σ w² over N, no biases).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "lecture.mse": {"name": "mse", "factor": 0.5, "batch": "mean", "outputs": "sum"},
        "torch.mse": {"name": "mse", "factor": 1.0, "batch": "mean", "outputs": "mean"},
        "torch.cross_entropy": {"name": "cross_entropy", "on": "logits", "batch": "mean"},
        "torch.bce_with_logits": {
            "name": "binary_cross_entropy",
            "on": "logits",
            "batch": "mean",
            "outputs": "mean",
        },
        "cs231n.softmax": {"name": "cross_entropy", "on": "logits", "batch": "mean"},
        "nielsen.quadratic": {"name": "mse", "factor": 0.5, "batch": "sum", "outputs": "sum"},
        "nielsen.cross_entropy": {
            "name": "binary_cross_entropy",
            "on": "probabilities",
            "batch": "sum",
            "outputs": "sum",
        },
        "keras.mse": {"name": "mse", "factor": 1.0, "batch": "mean", "outputs": "mean"},
        "sklearn.mlp_classifier": {
            "name": "cross_entropy",
            "on": "probabilities",
            "batch": "mean",
            "l2": {"factor": 0.5, "batch": "mean", "biases": False},
        },
        "sklearn.mlp_regressor": {
            "name": "mse",
            "factor": 0.5,
            "batch": "mean",
            "outputs": "mean",
            "l2": {"factor": 0.5, "batch": "mean", "biases": False},
        },
    }
)
