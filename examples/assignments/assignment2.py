"""Assignment 2: batch normalisation, dropout and convolution, each with a cache."""

import numpy as np

EPSILON = 1e-5


def batchnorm_forward(x, gamma, beta):
    """Normalise every column of x, (N, D), over the examples."""
    mean, variance = x.mean(axis=0), x.var(axis=0)
    normal = (x - mean) / np.sqrt(variance + EPSILON)
    return gamma * normal + beta, (normal, gamma, variance)


def batchnorm_backward(dout, cache):
    """Return the gradients of x, gamma and beta."""
    normal, gamma, variance = cache
    dnormal = dout * gamma
    centred = dnormal - dnormal.mean(axis=0) - normal * (dnormal * normal).mean(axis=0)
    return centred / np.sqrt(variance + EPSILON), (dout * normal).sum(axis=0), dout.sum(axis=0)


def dropout_forward(x, keep=0.5, seed=0):
    """Drop entries with probability 1 - keep, and scale up the others, as inverted dropout does.

    A fixed seed drops the same entries in every call, which a check needs.
    """
    mask = (np.random.default_rng(seed).random(x.shape) < keep) / keep
    return x * mask, mask


def dropout_backward(dout, mask):
    """Return the gradient of x."""
    return dout * mask


def convolution_forward(x, w, b, stride=1, pad=1):
    """Return the cross-correlation of images x, (N, C, H, W), with filters w, (F, C, h, w)."""
    images = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    filters, _, height, width = w.shape
    rows = (images.shape[2] - height) // stride + 1
    columns = (images.shape[3] - width) // stride + 1
    out = np.zeros((len(x), filters, rows, columns))
    for row in range(rows):
        for column in range(columns):
            i, j = row * stride, column * stride
            window = images[:, :, i : i + height, j : j + width]
            out[:, :, row, column] = np.tensordot(window, w, axes=((1, 2, 3), (1, 2, 3))) + b
    return out, (images, w, stride, pad)


def convolution_backward(dout, cache):
    """Return the gradients of x, w and b."""
    images, w, stride, pad = cache
    height, width = w.shape[2:]
    dimages, dw = np.zeros_like(images), np.zeros_like(w)
    for row in range(dout.shape[2]):
        for column in range(dout.shape[3]):
            i, j = row * stride, column * stride
            of_window = dout[:, :, row, column]
            dw += np.tensordot(of_window, images[:, :, i : i + height, j : j + width], axes=(0, 0))
            dimages[:, :, i : i + height, j : j + width] += np.tensordot(of_window, w, axes=(1, 0))
    dx = dimages[:, :, pad : dimages.shape[2] - pad, pad : dimages.shape[3] - pad]
    return dx, dw, dout.sum(axis=(0, 2, 3))
