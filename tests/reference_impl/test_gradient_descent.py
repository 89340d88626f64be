import importlib.util
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from reference_impl import LayerParameters, backpropagate, descend, forward, named, risk_value, step
from tests.drawing import draw_problem

EXAMPLE = Path(__file__).parents[2] / "examples" / "spiral.py"


class TestStep:
    def test_goes_against_the_gradient_by_the_learning_rate(self):
        parameters = (LayerParameters([[1.0, 2.0]], [3.0, 4.0]),)
        slope = (LayerParameters([[0.5, -1.0]], [2.0, 0.0]),)
        (updated,) = step(parameters, slope, 0.5)
        np.testing.assert_array_equal(updated.weight, [[0.75, 2.5]])
        np.testing.assert_array_equal(updated.bias, [2.0, 4.0])

    def test_a_layer_without_a_bias_stays_without(self):
        (updated,) = step((LayerParameters([[1.0]], None),), (LayerParameters([[1.0]], None),), 1.0)
        assert updated.bias is None
        np.testing.assert_array_equal(updated.weight, [[0.0]])

    def test_leaves_the_old_parameters_alone(self):
        parameters = (LayerParameters([[1.0]], [1.0]),)
        step(parameters, parameters, 0.5)
        np.testing.assert_array_equal(parameters[0].weight, [[1.0]])

    def test_a_gradient_of_another_number_of_layers_is_an_error(self):
        with pytest.raises(ValueError, match="zip"):
            step((LayerParameters([[1.0]], None),), (), 1.0)


class TestDescend:
    def test_descent_is_one_step_after_another(self):
        problem = draw_problem(np.random.default_rng(1))
        parameters, risks = descend(problem, 0.1, 1)
        once = step(problem.parameters, backpropagate(problem), 0.1)
        assert risks == [risk_value(problem, forward(problem.network, problem.parameters, problem.batch))]
        for (name, actual), (_, expected) in zip(named(parameters), named(once), strict=True):
            np.testing.assert_array_equal(actual, expected, err_msg=name)

    def test_no_step_changes_nothing(self):
        problem = draw_problem(np.random.default_rng(1))
        assert descend(problem, 0.1, 0) == (problem.parameters, [])

    def test_small_steps_go_down(self):
        problem = draw_problem(np.random.default_rng(2), scale=0.5)
        _, risks = descend(problem, 0.01, 50)
        assert all(after < before for before, after in pairwise(risks))

    def test_on_a_parabola_the_distance_shrinks_by_the_same_factor(self):
        """R = ½ w², so w ← (1 - η) w, and after n steps w = (1 - η)ⁿ w₀."""
        drawn = draw_problem(np.random.default_rng(3), widths=[1, 1], examples=1, bias=False)
        batch = type(drawn.batch)([[1.0]], [[0.0]])
        problem = type(drawn)(drawn.network, (LayerParameters([[4.0]], None),), batch, drawn.risk)
        (minimum,), risks = descend(problem, 0.25, 5)
        assert minimum.weight == pytest.approx(4.0 * 0.75**5, rel=1e-15)
        assert risks == pytest.approx([8.0 * 0.75 ** (2 * n) for n in range(5)], rel=1e-15)


@pytest.fixture(scope="module")
def spiral():
    specification = importlib.util.spec_from_file_location("spiral_example", EXAMPLE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in (1, 2, 3, 4))]
)
def test_on_the_spiral_the_losses_of_200_steps_are_pytorchs(spiral, seed):
    """CS231n's case study: from one start, full batch, step 1.0, mean cross-entropy + ½ · 0.001 · Σ W².

    Tolerance: 1e-13. Measured over these seeds: 9e-16 in the losses, 1.2e-14 in the parameters. Rounding is
    carried on from step to step, and a unit whose pre-activation is within it of 0 would add more.
    """
    problem = spiral.spiral_problem(seed)
    ours, our_losses = spiral.train_as_in_the_lecture(problem, 200)
    theirs, their_losses = spiral.train_with_torch(problem, 200)
    assert len(our_losses) == len(their_losses) == 200
    np.testing.assert_allclose(our_losses, their_losses, rtol=0, atol=1e-13)
    for (name, actual), (_, expected) in zip(named(ours), named(theirs), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12, err_msg=name)
    assert our_losses[0] == pytest.approx(np.log(3), abs=0.001)  # of three arms, before anything is learned
    assert our_losses[-1] < 0.75
    assert spiral.accuracy(problem, ours) == spiral.accuracy(problem, theirs) > 0.55
