"""Assignment 3: a recurrent network over a sequence, and scaled dot-product attention."""

import numpy as np


def rnn_forward(x, h0, wx, wh, b):
    """Return the states of a recurrent network with tanh, (N, T, H), for inputs x, (N, T, D)."""
    states = [h0]
    for step in range(x.shape[1]):
        states.append(np.tanh(x[:, step] @ wx + states[-1] @ wh + b))
    return np.stack(states[1:], axis=1), (x, states, wx, wh)


def rnn_backward(dh, cache):
    """Return the gradients of x, h0, wx, wh and b, for those of all states, (N, T, H)."""
    x, states, wx, wh = cache
    dx, dwx, dwh, db = np.zeros_like(x), np.zeros_like(wx), np.zeros_like(wh), np.zeros(wh.shape[0])
    later = np.zeros_like(states[0])
    for step in reversed(range(x.shape[1])):
        da = (dh[:, step] + later) * (1 - states[step + 1] ** 2)
        dx[:, step] = da @ wx.T
        dwx += x[:, step].T @ da
        dwh += states[step].T @ da
        db += da.sum(axis=0)
        later = da @ wh.T
    return dx, later, dwx, dwh, db


def attention_forward(query, key, value):
    """Return softmax(query keyᵀ / √D) value, for rows of one sequence."""
    scores = query @ key.T / np.sqrt(query.shape[1])
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = odds / odds.sum(axis=1, keepdims=True)
    return weights @ value, (query, key, value, weights)


def attention_backward(dout, cache):
    """Return the gradients of query, key and value."""
    query, key, value, weights = cache
    dweights = dout @ value.T
    dscores = weights * (dweights - (dweights * weights).sum(axis=1, keepdims=True))
    dscores /= np.sqrt(query.shape[1])
    return dscores @ key, dscores.T @ query, weights.T @ dout
