import importlib.util
from pathlib import Path

import numpy as np
import pytest

FILE = Path(__file__).parents[2] / "examples" / "lecture.py"


@pytest.fixture(scope="module")
def lecture():
    specification = importlib.util.spec_from_file_location("lecture_example", FILE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


class TestTheChainRule:
    def test_at_2_it_gives_the_numbers_that_one_finds_on_paper(self, lecture):
        """v = 4, u = 7, z = 2401: dz/du = 4 · 343 = 1372, du/dv = 1, dv/dx = 4, so dz/dx = 5488."""
        assert lecture.chain_rule_by_hand(2.0) == 5488.0
        assert lecture.chain_rule_backwards(2.0) == {"x": 5488.0, "v": 1372.0, "u": 1372.0, "z": 1.0}
        assert lecture.chain_rule_forwards(2.0) == 5488.0

    @pytest.mark.parametrize("x", [-3.0, -0.7, 0.0, 0.1, 1.0, 12.5])
    def test_the_three_ways_agree(self, lecture, x):
        by_hand = pytest.approx(lecture.chain_rule_by_hand(x), rel=1e-15)
        assert lecture.chain_rule_backwards(x)["x"] == by_hand
        assert lecture.chain_rule_forwards(x) == by_hand


class TestSeveralPaths:
    @pytest.mark.parametrize("x", [-2.0, -0.3, 0.0, 1.5, 4.0])
    def test_the_graph_carries_each_path_and_adds_them(self, lecture, x):
        through_g, through_h = lecture.two_paths_by_hand(x)
        actual_g, actual_h, total = lecture.two_paths_backwards(x)
        assert actual_g == pytest.approx(through_g, rel=1e-15)
        assert actual_h == pytest.approx(through_h, rel=1e-15)
        assert total == actual_g + actual_h
        assert lecture.two_paths_forwards(x) == pytest.approx(total, rel=1e-15)

    def test_at_0_the_second_path_carries_nothing(self, lecture):
        assert lecture.two_paths_backwards(0.0) == (3.0, 0.0, 3.0)


class TestTheNetwork:
    def test_the_reference_says_what_the_written_formulas_say(self, lecture):
        problem = lecture.network_problem()
        for actual, expected in zip(
            lecture.by_the_reference(problem), lecture.written_out(problem), strict=True
        ):
            assert actual.keys() == expected.keys()
            for name in expected:
                np.testing.assert_allclose(actual[name], expected[name], rtol=1e-13, err_msg=name)

    @pytest.mark.parametrize(("letters", "shape"), [("w_kl", (3, 2)), ("w_jk", (3, 3)), ("w_ij", (2, 3))])
    def test_finite_differences_say_the_same(self, lecture, letters, shape):
        """1e-10: of h² = 1e-10 times a third derivative below 1, and 1e-11 of rounding."""
        problem = lecture.network_problem()
        _, gradient = lecture.by_the_reference(problem)
        assert gradient[letters].shape == shape
        differences = lecture.by_finite_differences(problem)[letters]
        np.testing.assert_allclose(differences, gradient[letters], rtol=0, atol=1e-10)


def test_it_prints_every_number_twice_and_the_same(lecture, capsys):
    lecture.main()
    printed = capsys.readouterr().out
    assert printed.count("5488.0") == 3
    assert printed.count("∂R/∂w_") == 3
    rows = [line.split() for line in printed.splitlines() if line.startswith("      (")]
    assert len(rows) == 3 * 2 + 3 * 3 + 2 * 3
    assert all(abs(float(row[2]) - float(row[3])) < 1e-9 for row in rows)
