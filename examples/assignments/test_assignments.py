import numpy as np
from assignment1 import softmax_classifier, two_layer_network
from assignment2 import (
    batchnorm_backward,
    batchnorm_forward,
    convolution_backward,
    convolution_forward,
    dropout_backward,
    dropout_forward,
)
from assignment3 import attention_backward, attention_forward, rnn_backward, rnn_forward

from gradjury import verify


def numbers(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


CLASSES = np.array([0, 2, 1, 1])


def test_softmax_classifier(gradients):
    gradients.check_gradient(softmax_classifier, None, numbers(3, 3), numbers(4, 3), CLASSES)


def test_two_layer_network():
    parameters = {"W1": numbers(3, 5), "b1": numbers(5), "W2": numbers(5, 3), "b2": numbers(3)}
    x = numbers(4, 3)
    report = verify(
        [{"in": 3, "out": 5, "activation": "relu"}, {"in": 5, "out": 3}],
        loss="cs231n.softmax",
        inputs=x,
        targets=CLASSES,
        parameters=parameters,
        gradients=two_layer_network(parameters, x, CLASSES),
    )
    report.raise_if_incorrect()


def test_batchnorm(gradients):
    gradients.check_gradient(batchnorm_forward, batchnorm_backward, numbers(5, 3), numbers(3), numbers(3))


def test_dropout(gradients):
    gradients.check_gradient(dropout_forward, dropout_backward, numbers(4, 3))


def test_convolution(gradients):
    gradients.check_gradient(
        convolution_forward, convolution_backward, numbers(2, 2, 4, 4), numbers(3, 2, 3, 3), numbers(3)
    )


def test_convolution_with_a_stride(gradients):
    def forward(x, w, b):
        return convolution_forward(x, w, b, stride=2, pad=0)

    gradients.check_gradient(
        forward, convolution_backward, numbers(1, 2, 5, 5), numbers(2, 2, 3, 3), numbers(2)
    )


def test_rnn(gradients):
    arguments = numbers(2, 3, 4), numbers(2, 5), 0.3 * numbers(4, 5), 0.3 * numbers(5, 5), numbers(5)
    gradients.check_gradient(rnn_forward, rnn_backward, *arguments)


def test_attention(gradients):
    gradients.check_gradient(
        attention_forward, attention_backward, numbers(3, 4), numbers(5, 4), numbers(5, 2)
    )
