import importlib.util
from pathlib import Path

import numpy as np
import pytest

FILE = Path(__file__).parents[2] / "examples" / "spiral.py"


@pytest.fixture(scope="module")
def spiral():
    specification = importlib.util.spec_from_file_location("spiral_example", FILE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_each_of_three_arms_has_100_points_from_the_centre_to_radius_1(spiral):
    points, arms = spiral.spiral(seed=0)
    assert points.shape == (300, 2)
    np.testing.assert_array_equal(np.bincount(arms), [100, 100, 100])
    np.testing.assert_allclose(np.hypot(*points.T), np.tile(np.linspace(0, 1, 100), 3), atol=1e-15)


def test_each_arm_turns_by_4_radians_give_or_take_the_noise(spiral):
    points, arms = spiral.spiral(seed=0)
    for arm in range(3):
        angle = np.linspace(4.0 * arm, 4.0 * (arm + 1), 100)
        x, y = points[arms == arm][1:].T  # the first one is the centre, and has no angle
        noise = np.angle(np.exp(1j * (np.arctan2(x, y) - angle[1:])))
        assert 0.15 < noise.std() < 0.25  # 0.2 drawn, of 99 points: give or take 0.014
        assert abs(noise.mean()) < 0.08  # of standard error 0.02


def test_the_seed_decides(spiral):
    np.testing.assert_array_equal(spiral.spiral(seed=3)[0], spiral.spiral(seed=3)[0])
    assert not np.array_equal(spiral.spiral(seed=3)[0], spiral.spiral(seed=4)[0])


def test_it_prints_both_losses_every_20_steps_and_the_accuracy(spiral, capsys, monkeypatch):
    monkeypatch.setattr(spiral, "STEPS", 80)  # 200 end no better or worse
    spiral.main()
    head, *rows, last = capsys.readouterr().out.splitlines()
    assert "PyTorch" in head
    assert [int(row.split()[0]) for row in rows] == list(range(0, 80, 20))
    assert all(abs(float(row.split()[1]) - float(row.split()[2])) < 1e-13 for row in rows)
    assert last.startswith("accuracy on these points: 0.")
