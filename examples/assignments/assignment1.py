"""Assignment 1: a softmax classifier with an L2 penalty, and a network of two layers."""

import numpy as np


def softmax(scores):
    """Return the probabilities of the classes, row by row."""
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def softmax_classifier(w, x, y, strength=0.1):
    """Return the loss of a linear classifier with weights w, (D, C), and its gradient by w.

    x: examples, (N, D). y: the number of the right class of each. strength: of the penalty.
    """
    examples = np.arange(len(y))
    p = softmax(x @ w)
    loss = -np.log(p[examples, y]).mean() + strength * (w**2).sum()
    dscores = p.copy()
    dscores[examples, y] -= 1
    return loss, x.T @ dscores / len(y) + 2 * strength * w


def two_layer_network(parameters, x, y):
    """Return the gradients of a network of two layers with relu, under the mean cross entropy.

    parameters: W1 (D, H), b1 (H,), W2 (H, C), b2 (C,).
    """
    w1, b1, w2, b2 = (parameters[name] for name in ("W1", "b1", "W2", "b2"))
    a = x @ w1 + b1
    hidden = np.maximum(a, 0)
    dscores = softmax(hidden @ w2 + b2)
    dscores[np.arange(len(y)), y] -= 1
    dscores /= len(y)
    da = dscores @ w2.T * (a > 0)
    return {"W1": x.T @ da, "b1": da.sum(axis=0), "W2": hidden.T @ dscores, "b2": dscores.sum(axis=0)}
