"""Worked examples that others have published, reproduced to the digits that they printed.

Tolerance: half a unit of the last printed digit. Where an author calculated on with rounded numbers, the row
says so and allows more.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from reference_impl import (
    LOSSES,
    Batch,
    Layer,
    LayerParameters,
    Network,
    Penalty,
    Problem,
    Risk,
    activation,
    deltas,
    descend,
    forward,
    gradients,
    risk_value,
    step,
)
from reference_impl.graph import Exp, Input, Operation, Relu, Sigmoid, StaticGraph, Tanh

NAN = np.nan  # a number that was not printed


@dataclass(frozen=True)
class PrintedArray:
    """One array as printed. what: R; a1, z1, delta1 (of layer 1); dW1, db1; new W1, new b1 after one step."""

    what: str
    numbers: object
    decimals: int
    units: float = 0.5  # of the last printed digit


@dataclass(frozen=True)
class PublishedExample:
    title: str
    source: str
    problem: Problem
    printed: tuple[PrintedArray, ...]
    learning_rate: float = 0.0
    after_steps: int = 0

    def calculated(self):
        parameters, _ = descend(self.problem, self.learning_rate, self.after_steps)
        problem = replace(self.problem, parameters=parameters)
        trace = forward(problem.network, parameters, problem.batch)
        gradient = gradients(problem, trace)
        values = {"R": risk_value(problem, trace)}
        for index, delta in enumerate(deltas(problem, trace), start=1):
            a, z = trace.a[index - 1], trace.z[index]
            values |= {f"a{index}": a, f"z{index}": z, f"delta{index}": delta}
        for index, slope in enumerate(gradient, start=1):
            values |= {f"dW{index}": slope.weight, f"db{index}": slope.bias}
        for index, new in enumerate(step(parameters, gradient, self.learning_rate), start=1):
            values |= {f"new W{index}": new.weight, f"new b{index}": new.bias}
        return values


def problem(layers, inputs, targets, *, loss="mse", on="values", factor=None, batch="mean", penalties=()):
    """layers: (W of shape (in, out), b or None, activation) each."""
    row = LOSSES[loss]
    weights = [np.array(weight, dtype=float) for weight, _, _ in layers]
    network = Network(
        tuple(
            Layer(*weight.shape, activation(name), bias is not None)
            for weight, (_, bias, name) in zip(weights, layers, strict=True)
        )
    )
    parameters = tuple(
        LayerParameters(weight, bias) for weight, (_, bias, _) in zip(weights, layers, strict=True)
    )
    factor = row.default_factor if factor is None else factor
    return Problem(
        network, parameters, Batch(inputs, targets), Risk(row, factor, batch, "sum", on, penalties)
    )


def transposed(*rows):
    """Of a matrix (out, in), or of examples in columns."""
    return np.array(rows).T


# ---------------------------------------------------------------------------------------- Ng, exercise 4


def debug_initialize_weights(outputs, inputs):
    """debugInitializeWeights.m: sin(1), sin(2), … / 10 down the columns, of which the first is the bias."""
    table = (np.sin(np.arange(1, outputs * (inputs + 1) + 1)) / 10).reshape((outputs, inputs + 1), order="F")
    return table[:, 1:].T, table[:, 0]


def check_nn_gradients(strength):
    first, second = debug_initialize_weights(5, 3), debug_initialize_weights(3, 5)
    examples = (np.sin(np.arange(1, 16)) / 10).reshape((5, 3), order="F")
    targets = np.eye(3)[np.array([2, 3, 1, 2, 3]) - 1]
    return problem(
        [(*first, "sigmoid"), (*second, "sigmoid")],
        examples,
        targets,
        loss="binary_cross_entropy",
        on="probabilities",
        penalties=(Penalty("l2", strength, 0.5, batch="mean"),) if strength else (),
    )


def unpack_gradients(numbers, decimals):
    """[Theta1_grad(:); Theta2_grad(:)], 38 numbers, back in their four arrays."""
    numbers = np.array(numbers.split(), dtype=float)
    assert numbers.size == 38
    return (
        PrintedArray("db1", numbers[:5], decimals),
        PrintedArray("dW1", numbers[5:20].reshape(3, 5), decimals),
        PrintedArray("db2", numbers[20:23], decimals),
        PrintedArray("dW2", numbers[23:].reshape(5, 3), decimals),
    )


NG_0 = """
-0.0092782524 0.0088991196 -0.0083601076 0.0076281355 -0.0067479837
-0.0000030498 0.0000142869 -0.0000259383 0.0000369883 -0.0000468760
-0.0001750601 0.0002331464 -0.0002874687 0.0003353203 -0.0003762156
-0.0000962661 0.0001179827 -0.0001371497 0.0001532471 -0.0001665603
0.3145449701 0.1110565882 0.0974006970
0.1640908188 0.0575736493 0.0504575855
0.1645679323 0.0577867378 0.0507530173
0.1583393339 0.0559235296 0.0491620841
0.1511275275 0.0536967009 0.0471456249
0.1495683347 0.0531542052 0.0465597186
"""
NG_3 = """
-0.009278252 0.008899120 -0.008360108 0.007628136 -0.006747984
-0.016767980 0.039433483 0.059335556 0.024764097 -0.032688143
-0.060174472 -0.031961229 0.024922553 0.059771762 0.038641055
-0.017370465 -0.057565867 -0.045196385 0.009145880 0.054610155
0.314544970 0.111056588 0.097400697
0.118682669 0.000038193 0.033692656
0.203987128 0.117148233 0.075480126
0.125698067 -0.004075883 0.016967709
0.176337550 0.113133142 0.086162895
0.132294136 -0.004529644 0.001500484
"""

# ---------------------------------------------------------------------------------------- CS231n


def toy_model(penalty):
    draw = np.random.RandomState(0)  # the generator that the notebook seeds; numpy keeps its stream for ever
    first, second = 0.1 * draw.randn(4, 10), 0.1 * draw.randn(10, 3)
    return problem(
        [(first, np.zeros(10), "relu"), (second, np.zeros(3), "identity")],
        10 * np.random.RandomState(1).randn(5, 4),
        np.eye(3)[[0, 1, 2, 2, 1]],
        loss="cross_entropy",
        on="logits",
        penalties=(penalty,),
    )


def linspaced_net(*penalties):
    return problem(
        [
            (np.linspace(-0.7, 0.3, 250).reshape(5, 50), np.linspace(-0.1, 0.9, 50), "relu"),
            (np.linspace(-0.3, 0.4, 350).reshape(50, 7), np.linspace(-0.9, 0.1, 7), "identity"),
        ],
        np.linspace(-5.5, 4.5, 15).reshape(5, 3).T,
        np.eye(7)[[0, 5, 1]],
        loss="cross_entropy",
        on="logits",
        penalties=penalties,
    )


A1 = "CS231n, assignment 1, two_layer_net.ipynb"
A1_SCORES = [
    [-0.81233741, -1.27654624, -0.70335995],
    [-0.17129677, -1.18803311, -0.47310444],
    [-0.51590475, -1.01354314, -0.8504215],
    [-0.15419291, -0.48629638, -0.52901952],
    [-0.00618733, -0.12435261, -0.15226949],
]
A2 = "CS231n, assignment 2, FullyConnectedNets.ipynb"
A2_SCORES = [
    [11.53165108, 12.2917344, 13.05181771, 13.81190102, 14.57198434, 15.33206765, 16.09215096],
    [12.05769098, 12.74614105, 13.43459113, 14.1230412, 14.81149128, 15.49994135, 16.18839143],
    [12.58373087, 13.20054771, 13.81736455, 14.43418138, 15.05099822, 15.66781506, 16.2846319],
]

# ---------------------------------------------------------------------------------------- others

NIELSEN = 'M. Nielsen, "Neural Networks and Deep Learning" (2015), ch. 3: one sigmoid neuron, 300 epochs'


def one_neuron(weight, bias):
    return problem([([[weight]], [bias], "sigmoid")], [[1.0]], [[0.0]])


C1W2 = 'deeplearning.ai (A. Ng), "Logistic Regression with a Neural Network mindset", expected output'
C1W2_PROBLEM = problem(
    [([[1.0], [2.0]], [2.0], "sigmoid")],
    transposed([1.0, 2.0, -1.0], [3.0, 4.0, -3.2]),
    [[1.0], [0.0], [1.0]],
    loss="binary_cross_entropy",
    on="probabilities",
)

EXAMPLES = [
    PublishedExample(
        "Mazur, 2-2-2",
        'M. Mazur, "A Step by Step Backpropagation Example" (2015), mattmazur.com; w6 to w8: ports of it',
        problem(
            [
                (transposed([0.15, 0.20], [0.25, 0.30]), [0.35, 0.35], "sigmoid"),
                (transposed([0.40, 0.45], [0.50, 0.55]), [0.60, 0.60], "sigmoid"),
            ],
            [[0.05, 0.10]],
            [[0.01, 0.99]],
        ),
        (
            PrintedArray("a1", [[0.3775, 0.3925]], 4),
            PrintedArray("z1", [[0.593269992, 0.596884378]], 9),
            PrintedArray("a2", [[1.105905967, 1.224921404]], 9),
            PrintedArray("z2", [[0.751365070, 0.772928465]], 9),
            PrintedArray("R", 0.298371109, 9),
            PrintedArray("delta2", [[0.138498562, NAN]], 9),
            PrintedArray("dW2", transposed([0.082167041, 0.082667628], [-0.022602540, -0.022740242]), 9),
            PrintedArray("dW1", transposed([0.000438568, NAN], [NAN, NAN]), 9),
            PrintedArray("new W2", transposed([0.35891648, 0.408666186], [0.511301270, 0.561370121]), 9),
            PrintedArray("new W1", transposed([0.149780716, 0.19956143], [NAN, NAN]), 8),
            PrintedArray("new W1", transposed([NAN, NAN], [0.24975114, 0.29950229]), 8),
        ),
        learning_rate=0.5,
    ),
    PublishedExample(
        "Han and Kamber, 3-2-1",
        "J. Han, M. Kamber, J. Pei, Data Mining: Concepts and Techniques (2011), example 9.1; Err is -δ",
        problem(
            [
                (transposed([0.2, 0.4, -0.5], [-0.3, 0.1, 0.2]), [-0.4, 0.2], "sigmoid"),
                ([[-0.3], [-0.2]], [0.1], "sigmoid"),
            ],
            [[1.0, 0.0, 1.0]],
            [[1.0]],
        ),
        (
            PrintedArray("a1", [[-0.7, 0.1]], 1),
            PrintedArray("z1", [[0.332, 0.525]], 3),
            PrintedArray("a2", [[-0.105]], 3),
            PrintedArray("z2", [[0.474]], 3),
            PrintedArray(
                "delta2", [[-0.1311]], 4, units=1.0
            ),  # 0.474 · 0.526², calculated from the rounded 0.474
            PrintedArray("delta1", [[0.0087, 0.0065]], 4),
            PrintedArray("new W2", [[-0.261], [-0.138]], 3),
            PrintedArray("new W1", transposed([0.192, 0.4, -0.508], [-0.306, 0.1, 0.194]), 3),
            PrintedArray("new b2", [0.218], 3),
            PrintedArray("new b1", [-0.408, 0.194], 3),
        ),
        learning_rate=0.9,
    ),
    PublishedExample(
        "Ng, checkNNGradients, lambda 0",
        "A. Ng, Machine Learning, programming exercise 4, checkNNGradients.m",
        check_nn_gradients(0.0),
        unpack_gradients(NG_0, 10),
    ),
    PublishedExample(
        "Ng, checkNNGradients, lambda 3",
        "A. Ng, Machine Learning, programming exercise 4, checkNNGradients.m",
        check_nn_gradients(3.0),
        unpack_gradients(NG_3, 9),
    ),
    PublishedExample(
        "CS231n toy model, reg 0.1 with a half",
        f"{A1}, 2016; scores and loss",
        toy_model(Penalty("l2", 0.1, 0.5)),
        # the notebook's own comparison of the scores finds 3.68e-08 over all 15, within 15 half units
        (PrintedArray("a2", A1_SCORES, 8), PrintedArray("R", 1.30378789133, 11)),
    ),
    PublishedExample(
        "CS231n toy model, reg 0.05 without",
        f"{A1}, since 2017",
        toy_model(Penalty("l2", 0.05, 1.0)),
        (PrintedArray("R", 1.30378789133, 11),),
    ),
    PublishedExample(
        "CS231n two layers, reg 0",
        A2,
        linspaced_net(),
        (PrintedArray("a2", A2_SCORES, 8), PrintedArray("R", 3.4702243556, 10)),
    ),
    PublishedExample(
        "CS231n two layers, reg 1 with a half",
        A2,
        linspaced_net(Penalty("l2", 1.0, 0.5)),
        (PrintedArray("R", 26.5948426952, 10),),
    ),
    PublishedExample(
        "EECS 498 two layers, reg 1 without",
        "Michigan EECS 498-007, assignment 3, of the same net",
        linspaced_net(Penalty("l2", 1.0, 1.0)),
        (PrintedArray("R", 49.719461034881775, 13),),  # of 15 printed: a float64 near 50 has 14 decimals
    ),
    PublishedExample(
        "CS231n mathematics with a dead unit, 2-2-3",
        "g-eoj/cs231n on GitHub, two-layer-backprop-math.ipynb",
        problem(
            [
                ([[0.18, 0.04], [0.1, 0.22]], [0.0, 0.0], "relu"),
                ([[0.19, -0.1, 0.1], [-0.02, -0.01, 0.04]], [0.0, 0.0, 0.0], "identity"),
            ],
            [[16.0, -6.0]],
            [[0.0, 0.0, 1.0]],
            loss="cross_entropy",
            on="logits",
        ),
        (
            PrintedArray("a1", [[2.28, -0.68]], 2),
            PrintedArray("z1", [[2.28, 0.0]], 2),
            PrintedArray("a2", [[0.4332, -0.228, 0.228]], 4),
            PrintedArray("R", 1.051375468504, 12),
            # the author rounded δ up in its 12th digit and went on with that
            PrintedArray("delta2", [[0.429052723714, 0.221490524653, -0.650543248367]], 12, units=1.0),
            PrintedArray("db2", [0.429052723714, 0.221490524653, -0.650543248367], 12, units=1.0),
            PrintedArray(
                "dW2", [[0.978240210068, 0.504998396209, -1.483238606277], [0, 0, 0]], 12, units=1.5
            ),
            PrintedArray("delta1", [[-0.005683359796, 0.0]], 12),
            PrintedArray("dW1", [[-0.09093376, 0.0], [0.03410016, 0.0]], 8),
            PrintedArray("db1", [-0.00568336, 0.0], 8),
        ),
    ),
    PublishedExample(
        "deeplearning.ai, logistic regression",
        C1W2,
        C1W2_PROBLEM,
        (
            PrintedArray(
                "R", 5.801545319394, 12
            ),  # of 15: their 1 - sigmoid(12) lost the last three (50 digits: …4149)
            PrintedArray("dW1", [[0.99845601], [2.39507239]], 8),
            PrintedArray("db1", [0.00145557813678], 14),
        ),
    ),
    PublishedExample(
        "deeplearning.ai, logistic regression, the 100th step",
        C1W2,
        C1W2_PROBLEM,
        (
            PrintedArray("dW1", [[0.67752042], [1.41625495]], 8),
            PrintedArray("db1", [0.219194504541], 12),
            PrintedArray("new W1", [[0.19033591], [0.12259159]], 8),
            PrintedArray("new b1", [1.92535983008], 11),
        ),
        learning_rate=0.009,
        after_steps=99,
    ),
    PublishedExample(
        "deeplearning.ai, planar data, 2-4-1",
        'deeplearning.ai (A. Ng), "Planar data classification with one hidden layer", expected output',
        problem(
            [
                (
                    transposed(
                        [-0.00416758, -0.00056267],
                        [-0.02136196, 0.01640271],
                        [-0.01793436, -0.00841747],
                        [0.00502881, -0.01245288],
                    ),
                    np.zeros(4),
                    "tanh",
                ),
                (transposed([-0.01057952, -0.00909008, 0.00551454, 0.02292208]), [0.0], "sigmoid"),
            ],
            transposed(
                [1.6243453636632417, -0.6117564136500754, -0.5281717522634557],
                [-1.0729686221561705, 0.8654076293246785, -2.3015386968802827],
            ),
            [[1.0], [0.0], [1.0]],
            loss="binary_cross_entropy",
            on="probabilities",
        ),
        (
            PrintedArray("z2", transposed([0.5002307, 0.49985831, 0.50023963]), 8),
            PrintedArray("dW2", transposed([0.00078841, 0.01765429, -0.00084166, -0.01022527]), 8),
            PrintedArray("db2", [-0.16655712], 8),
            PrintedArray(
                "dW1",
                transposed(
                    [0.00301023, -0.00747267],
                    [0.00257968, -0.00641288],
                    [-0.00156892, 0.003893],
                    [-0.00652037, 0.01618243],
                ),
                8,
            ),
            PrintedArray("db1", [0.00176201, 0.00150995, -0.00091736, -0.00381422], 8),
        ),
    ),
    PublishedExample(
        "Nielsen, a good start", NIELSEN, one_neuron(0.6, 0.9), (PrintedArray("z1", [[0.82]], 2),)
    ),
    PublishedExample(
        "Nielsen, a good start, learned",
        NIELSEN,
        one_neuron(0.6, 0.9),
        (PrintedArray("z1", [[0.09]], 2),),
        learning_rate=0.15,
        after_steps=300,
    ),
    PublishedExample(
        "Nielsen, a bad start", NIELSEN, one_neuron(2.0, 2.0), (PrintedArray("z1", [[0.98]], 2),)
    ),
    PublishedExample(
        "Nielsen, a bad start, learned",
        f"{NIELSEN}; the final 0.20 is what its widget shows",
        one_neuron(2.0, 2.0),
        (PrintedArray("z1", [[0.20]], 2),),
        learning_rate=0.15,
        after_steps=300,
    ),
    PublishedExample(
        "Neural Networks from Scratch, softmax and its loss",
        "H. Kinsley, D. Kukiela, Neural Networks from Scratch in Python (2020): the combined backward pass",
        problem(
            [(np.eye(3), None, "identity")],
            np.log([[0.7, 0.1, 0.2], [0.1, 0.5, 0.4], [0.02, 0.9, 0.08]]),
            np.eye(3)[[0, 1, 1]],
            loss="cross_entropy",
            on="logits",
        ),
        (
            PrintedArray(
                "delta1",
                [
                    [-0.1, 0.03333333, 0.06666667],
                    [0.03333333, -0.16666667, 0.13333333],
                    [0.00666667, -0.03333333, 0.02666667],
                ],
                8,
            ),
        ),
    ),
    PublishedExample(
        "Neural Networks from Scratch, a dense layer",
        "the same book: the layer's output taken for its gradient, that is R = ½ Σ z², and one step",
        problem(
            [
                (
                    transposed([0.2, 0.8, -0.5, 1.0], [0.5, -0.91, 0.26, -0.5], [-0.26, -0.27, 0.17, 0.87]),
                    [2.0, 3.0, 0.5],
                    "relu",
                )
            ],
            [[1.0, 2.0, 3.0, 2.5], [2.0, 5.0, -1.0, 2.0], [-1.5, 2.7, 3.3, -0.8]],
            np.zeros((3, 3)),
            batch="sum",
        ),
        (
            PrintedArray(
                "a1", [[4.8, 1.21, 2.385], [8.9, -1.81, 0.2], [1.41, 1.051, 0.026]], 12
            ),  # exact decimals
            PrintedArray(
                "new W1",
                [
                    [0.179515, 0.5003665, -0.262746],
                    [0.742093, -0.9152577, -0.2758402],
                    [-0.510153, 0.2529017, 0.1629592],
                    [0.971328, -0.5021842, 0.8636583],
                ],
                12,
            ),
            PrintedArray("new b1", [1.98489, 2.997739, 0.497389], 12),
        ),
        learning_rate=0.001,
    ),
    PublishedExample(
        "hmkcode, 2-2-1 without biases",
        'H. Kharraz (hmkcode), "Backpropagation Step by Step" (2018)',
        problem(
            [
                (transposed([0.11, 0.21], [0.12, 0.08]), None, "identity"),
                (transposed([0.14, 0.15]), None, "identity"),
            ],
            [[2.0, 3.0]],
            [[1.0]],
        ),
        (
            PrintedArray("z1", [[0.85, 0.48]], 2),
            PrintedArray("z2", [[0.191]], 3),
            PrintedArray("R", 0.327, 3),
            PrintedArray("new W2", [[0.17], [0.17]], 2),
            PrintedArray("new W1", transposed([0.12, 0.23], [0.13, 0.10]), 2),
        ),
        learning_rate=0.05,
    ),
    PublishedExample(
        "Surafel, 2-2-1 with a binary cross-entropy",
        "surafelml.github.io/nn-timeline/supp/04_mlp_backprop_numerical.html",
        problem(
            [(transposed([0.1, 0.2], [0.3, 0.4]), [0.0, 0.0], "sigmoid"), ([[0.5], [0.6]], [0.0], "sigmoid")],
            [[1.0, 0.0]],
            [[1.0]],
            loss="binary_cross_entropy",
            on="probabilities",
        ),
        (
            PrintedArray("a1", [[0.1, 0.3]], 1),
            PrintedArray("z1", [[0.5250, 0.5744]], 4),
            PrintedArray("a2", [[0.6072]], 4),
            PrintedArray("z2", [[0.6473]], 4),
            PrintedArray("R", 0.435, 3),
            PrintedArray("delta2", [[-0.3527]], 4),
            PrintedArray("dW2", [[-0.1852], [-0.2026]], 4),
        ),
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_the_printed_digits_are_reproduced(example):
    values = example.calculated()
    for printed in example.printed:
        expected = np.array(printed.numbers, dtype=float)
        is_printed = ~np.isnan(expected)
        assert is_printed.any()
        assert np.shape(values[printed.what]) == expected.shape, printed.what
        np.testing.assert_allclose(
            np.asarray(values[printed.what])[is_printed],
            expected[is_printed],
            rtol=0,
            atol=printed.units * 10.0**-printed.decimals + 1e-15,
            err_msg=f"{printed.what} of {example.source}",
        )


def test_every_example_has_its_source():
    assert all(len(example.source) > 20 for example in EXAMPLES)
    assert len({example.title for example in EXAMPLES}) == len(EXAMPLES)


# ---------------------------------------------------------------------------------------- expressions


@dataclass(frozen=True)
class PublishedExpression:
    """A formula of single numbers, its printed value and its printed derivatives by some of its inputs."""

    title: str
    source: str
    inputs: dict[str, float]
    formula: Callable[..., Operation]
    value: float
    slopes: dict[str, float]
    decimals: int


def readme_of_micrograd(a, b):
    c = a + b
    d = a * b + b**3
    c = c + (c + 1)
    c = c + (1 + c + (-a))
    d = d + (d * 2 + Relu()(b + a))
    d = d + (3 * d + Relu()(b - a))
    f = (c - d) ** 2
    return f / 2 + 10.0 / f


def micrograd_expression(x):
    z = 2 * x + 2 + x
    q = Relu()(z) + z * x
    return Relu()(z * z) + q + q * x


def tanh_from_exponentials(x1, x2, w1, w2, b):
    e = Exp()(2 * (x1 * w1 + x2 * w2 + b))
    return (e - 1) / (e + 1)


NEURON = {"x1": 2.0, "x2": 0.0, "w1": -3.0, "w2": 1.0, "b": 6.8813735870195432}
NEURON_SLOPES = {"x1": -1.5, "w1": 1.0, "x2": 0.5, "w2": 0.0, "b": 0.5}
LECTURE = "A. Karpathy, nn-zero-to-hero, lectures/micrograd/micrograd_lecture_second_half_roughly.ipynb"
CIRCUITS = 'CS231n, "Backpropagation, Intuitions", cs231n.github.io/optimization-2'

EXPRESSIONS = [
    PublishedExpression(
        "CS231n, a sum times a factor",
        CIRCUITS,
        {"x": -2.0, "y": 5.0, "z": -4.0},
        lambda x, y, z: (x + y) * z,
        -12.0,
        {"x": -4.0, "y": -4.0, "z": 3.0},
        15,  # whole numbers, exact
    ),
    PublishedExpression(
        "CS231n, a sigmoid neuron",
        CIRCUITS,
        {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0},
        lambda w0, x0, w1, x1, w2: Sigmoid()(w0 * x0 + w1 * x1 + w2),
        0.73,
        {"w0": -0.20, "x0": 0.39, "w1": -0.39, "x1": -0.59, "w2": 0.20},
        2,
    ),
    PublishedExpression(
        "CS231n, the same neuron from single gates",
        CIRCUITS,
        {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0},
        lambda w0, x0, w1, x1, w2: 1.0 / (1.0 + Exp()(-(w0 * x0 + w1 * x1 + w2))),
        0.73,
        {"w0": -0.20, "x0": 0.39, "w1": -0.39, "x1": -0.59, "w2": 0.20},
        2,
    ),
    PublishedExpression(
        "CS231n, a maximum",  # max(z, w) = w + relu(z - w)
        CIRCUITS,
        {"x": 3.0, "y": -4.0, "z": 2.0, "w": -1.0},
        lambda x, y, z, w: 2 * (x * y + (w + Relu()(z - w))),
        -20.0,
        {"x": -8.0, "y": 6.0, "z": 2.0, "w": 0.0},
        15,
    ),
    PublishedExpression(
        "micrograd, README",
        "A. Karpathy, micrograd, README.md",
        {"a": -4.0, "b": 2.0},
        readme_of_micrograd,
        24.7041,
        {"a": 138.8338, "b": 645.5773},
        4,
    ),
    PublishedExpression(
        "micrograd, sanity check",
        "A. Karpathy, micrograd, test/test_engine.py",
        {"x": -4.0},
        micrograd_expression,
        -20.0,
        {"x": 46.0},
        15,
    ),
    PublishedExpression(
        "Karpathy's lecture, a tanh neuron",
        LECTURE,
        NEURON,
        lambda x1, x2, w1, w2, b: Tanh()(x1 * w1 + x2 * w2 + b),
        0.7071,
        NEURON_SLOPES,
        4,
    ),
    PublishedExpression(
        "Karpathy's lecture, tanh from exponentials",
        LECTURE,
        NEURON,
        tanh_from_exponentials,
        0.7071,
        NEURON_SLOPES,
        4,
    ),
    PublishedExpression(
        "Karpathy's lecture, as PyTorch printed it",
        f"{LECTURE}; b had gone through float32",
        NEURON | {"b": 6.881373405456543},
        lambda x1, x2, w1, w2, b: Tanh()(x1 * w1 + x2 * w2 + b),
        0.7071066904050358,
        {"x2": 0.5000001283844369, "w2": 0.0, "x1": -1.5000003851533106, "w1": 1.0000002567688737},
        14,  # of 16 printed: 1 - o² rounds, and is multiplied by 3
    ),
]


@pytest.mark.parametrize("example", EXPRESSIONS, ids=lambda example: example.title)
def test_expressions_have_the_printed_value_and_slopes(example):
    leaves = {name: Input(name) for name in example.inputs}
    graph = StaticGraph(example.formula(**leaves))
    tolerance = 0.5 * 10.0**-example.decimals
    assert graph.forward(example.inputs) == pytest.approx(example.value, rel=0, abs=tolerance)
    graph.backward()
    slopes = {name: float(graph.gradient(name)) for name in example.slopes}
    assert slopes == pytest.approx(example.slopes, rel=0, abs=tolerance)
