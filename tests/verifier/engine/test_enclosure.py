"""At a kink the estimate holds the whole subdifferential: intervals worked out by hand."""

from typing import Any

import numpy as np

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
    forward,
)
from tests.pairwise import each
from verifier.engine.enclosure import enclosed
from verifier.engine.rounding_allowance import rounding
from verifier.problem.precision import PRECISIONS


def problem_of(layers: list[tuple[Any, ...]], x: Any, y: Any, penalties: tuple[Penalty, ...] = ()) -> Problem:
    """layers: (activation, W, b, options) each; R = 1/N Σ ½ (f − y)²."""
    rows, parameters = [], []
    for name, weight, bias, *options in layers:
        rows.append(Layer(len(weight), len(weight[0]), activation(name, **(options[0] if options else {}))))
        parameters.append(LayerParameters(np.array(weight, dtype=float), np.array(bias, dtype=float)))
    batch = Batch(np.array(x, dtype=float), np.array(y, dtype=float))
    risk = Risk(LOSSES["mse"], 0.5, penalties=penalties)
    return Problem(Network(tuple(rows)), tuple(parameters), batch, risk)


def kinks_of(problem: Problem, precision: str = "float64") -> Any:
    trace = forward(problem.network, problem.parameters, problem.batch)
    return rounding(problem, trace, PRECISIONS[precision]).kinks


def one_unit(name: str, **options: float) -> Problem:
    # a = 1 + 2 − 3 = 0, f = 0, δ of the output 0 − (−3) = 3, upstream 2 · 3 = 6
    return problem_of([(name, [[1], [2]], [-3], options), ("identity", [[2]], [0])], [[1, 1]], [[-3]])


def two_units(bias: list[float], target: float) -> Problem:
    # z = 1 goes into two relus, a = (1, −2) + bias, and f = 3 z₁ + 5 z₂
    return problem_of(
        [("identity", [[1]], [0]), ("relu", [[1, -2]], bias), ("identity", [[3], [5]], [0])],
        [[1]],
        [[target]],
    )


CASES: dict[str, tuple[Problem, dict[str, Any]]] = {
    # the problem; by parameter the lowest and the highest right value of each entry
    "relu": (
        one_unit("relu"),
        {
            "layers.0.weight": ([[0], [0]], [[6], [6]]),
            "layers.0.bias": ([0], [6]),
            "layers.1.weight": ([[0]], [[0]]),
            "layers.1.bias": ([3], [3]),
        },
    ),
    "leaky_relu": (
        one_unit("leaky_relu", slope=0.25),
        {"layers.0.weight": ([[1.5], [1.5]], [[6], [6]]), "layers.0.bias": ([1.5], [6])},
    ),
    "leaky_relu of falling slope": (
        one_unit("leaky_relu", slope=-0.5),
        {"layers.0.weight": ([[-3], [-3]], [[6], [6]]), "layers.0.bias": ([-3], [6])},
    ),
    "elu with another alpha": (one_unit("elu", alpha=2.5), {"layers.0.bias": ([6], [15])}),
    "relu, 0 but for rounding": (
        problem_of(
            [("relu", [[0.1], [0.2], [-0.3]], [0]), ("identity", [[2]], [0])], [[1, 1, 1]], [[-3]]
        ),
        {"layers.0.weight": ([[0]] * 3, [[6]] * 3), "layers.0.bias": ([0], [6])},
    ),
    "two units at the kink": (
        two_units([-1, 2], -1),  # a = (0, 0), f = 0, δ = 1
        {
            "layers.2.bias": ([1], [1]),
            "layers.1.weight": ([[0, 0]], [[3, 5]]),
            "layers.1.bias": ([0, 0], [3, 5]),
            "layers.0.weight": ([[-10]], [[3]]),  # 3 s₁ − 2 · 5 s₂
            "layers.0.bias": ([-10], [3]),
        },
    ),
    "one unit at the kink, one beside it": (
        two_units([-1, 4], 9),  # a = (0, 2), f = 10, δ = 1
        {
            "layers.1.weight": ([[0, 5]], [[3, 5]]),
            "layers.1.bias": ([0, 5], [3, 5]),
            "layers.0.weight": ([[-10]], [[-7]]),  # 3 s − 10
            "layers.2.weight": ([[0], [2]], [[0], [2]]),
        },
    ),
    "one unit at the kink, one dead": (
        two_units([-1, -4], -1),  # a = (0, −6), f = 0, δ = 1
        {"layers.1.weight": ([[0, 0]], [[3, 0]]), "layers.0.weight": ([[0]], [[3]])},
    ),
    "two layers at their kinks": (
        problem_of(
            [("relu", [[1]], [-1]), ("relu", [[2]], [0]), ("identity", [[1]], [0])], [[1]], [[-1]]
        ),  # δ of the output 1
        {
            "layers.1.weight": ([[0]], [[0]]),
            "layers.1.bias": ([0], [1]),
            "layers.0.weight": ([[0]], [[2]]),
            "layers.0.bias": ([0], [2]),
        },
    ),
    "one example of two": (
        problem_of([("relu", [[1]], [-1]), ("identity", [[1]], [0])], [[1], [3]], [[-1], [0]]),
        # a = 0 and 2, δ of the output ½ and 1
        {"layers.0.weight": ([[3]], [[3.5]]), "layers.0.bias": ([1], [1.5])},
    ),
    "the output itself": (
        problem_of([("relu", [[1], [1]], [-2])], [[1, 1]], [[-4]]),  # f − y = 4
        {"layers.0.weight": ([[0], [0]], [[4], [4]]), "layers.0.bias": ([0], [4])},
    ),
    "a weight at the kink of l1": (
        problem_of([("identity", [[0], [2]], [0])], [[1, 1]], [[1]], (Penalty("l1", 0.5, 1.0),)),  # δ = 1
        {"layers.0.weight": ([[0.5], [1.5]], [[1.5], [1.5]]), "layers.0.bias": ([1], [1])},
    ),
    "a bias at the kink of l1": (
        problem_of(
            [("identity", [[2]], [0])], [[1]], [[1]], (Penalty("l1", 0.5, 3.0, "none", biases=True),)
        ),
        {"layers.0.weight": ([[2.5]], [[2.5]]), "layers.0.bias": ([-0.5], [2.5])},
    ),
    "l1 and relu at once": (
        problem_of(
            [("relu", [[0], [1]], [-1]), ("identity", [[2]], [0])],
            [[1, 1]],
            [[-3]],
            (Penalty("l1", 0.25, 1.0),),
        ),
        {"layers.0.weight": ([[-0.25], [0.25]], [[6.25], [6.25]]), "layers.0.bias": ([0], [6])},
    ),
    "l2 has none": (
        problem_of([("identity", [[0], [2]], [0])], [[1, 1]], [[1]], (Penalty("l2", 0.5, 0.5),)),
        {"layers.0.weight": ([[1], [2]], [[1], [2]])},
    ),
}  # fmt: skip

ROUNDING = 1e-12  # the proved bound for numbers up to 15: some hundred units of rounding, a layer


@each(CASES)
def test_the_slopes_at_a_kink_are_the_subdifferential_by_hand(case):
    problem, expected = CASES[case]
    enclosures = enclosed(problem, kinks_of(problem))
    for name, (low, high) in expected.items():
        estimate = enclosures[name]
        subgradient_radius = (
            np.zeros(estimate.value.shape)
            if estimate.subgradient_radius is None
            else estimate.subgradient_radius
        )
        np.testing.assert_allclose(
            estimate.value - subgradient_radius, low, rtol=0, atol=ROUNDING, err_msg=name
        )
        np.testing.assert_allclose(
            estimate.value + subgradient_radius, high, rtol=0, atol=ROUNDING, err_msg=name
        )
        assert (estimate.error < ROUNDING).all()


@each(["relu", "leaky_relu", "elu", "gelu", "softplus", "tanh"])
def test_away_from_kinks_there_are_no_slopes(name):
    problem = problem_of([(name, [[1], [2]], [-2.5]), ("identity", [[2]], [0])], [[1, 1]], [[-3]])
    for estimate in enclosed(problem, kinks_of(problem)).values():
        assert estimate.subgradient_radius is None
        assert (estimate.error < ROUNDING).all()


@each([(2.5, 1e-17), (2.5, 1e-30), (0.5, 1e-17), (2.5, -1e-17)])
def test_just_beside_a_kink_the_subdifferential_is_no_wider_than_at_it(alpha, bias):
    problem = problem_of(
        [("elu", [[1], [-1]], [bias], {"alpha": alpha}), ("identity", [[2]], [0])], [[1, 1]], [[-3]]
    )
    enclosure = enclosed(problem, kinks_of(problem))["layers.0.bias"]
    low, high = sorted([6 * alpha, 6.0])
    subgradient_radius = 0.0 if enclosure.subgradient_radius is None else enclosure.subgradient_radius
    assert enclosure.value - subgradient_radius - enclosure.error >= low - ROUNDING
    assert enclosure.value + subgradient_radius + enclosure.error <= high + ROUNDING


@each(
    [
        ("float64", 1e-9, False),
        ("float32", 1e-9, False),
        ("float16", 1e-9, True),  # below half its smallest number 6e-8
        ("float16", 1e-7, False),
        ("bfloat16", 1e-9, False),
        ("float32", 1e-46, True),
        ("bfloat16", 1e-42, True),
    ]
)
def test_a_weight_that_the_precision_takes_for_0_is_at_the_kink_of_l1(precision, weight, kinked):
    problem = problem_of([("identity", [[weight]], [0])], [[1]], [[1]], (Penalty("l1", 0.5, 1.0),))
    enclosure = enclosed(problem, kinks_of(problem, precision), PRECISIONS[precision])["layers.0.weight"]
    assert (enclosure.subgradient_radius is not None) == kinked
    if kinked:
        assert enclosure.subgradient_radius.item() == 0.5
