"""A two-layer network's backward pass, as a student writes it. One line is wrong."""

import numpy as np


def backward(parameters, inputs, targets):
    """R = 1/N Σ ½(y - f)² of a tanh layer and a linear one."""
    w1, b1 = parameters["layers.0.weight"], parameters["layers.0.bias"]
    w2, b2 = parameters["layers.1.weight"], parameters["layers.1.bias"]
    hidden = np.tanh(inputs @ w1 + b1)
    outputs = hidden @ w2 + b2

    delta2 = (outputs - targets) / len(inputs)
    delta1 = delta2 @ w2.T * (1 + hidden**2)
    return {
        "layers.0.weight": inputs.T @ delta1,
        "layers.0.bias": delta1.sum(axis=0),
        "layers.1.weight": hidden.T @ delta2,
        "layers.1.bias": delta2.sum(axis=0),
    }
