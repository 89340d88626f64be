"""Wrong gradients that people had, made again from public reports: each is named as its report says."""

from pathlib import Path

import pytest

from verifier import load, verify

FOLDER = Path(__file__).parents[2] / "data" / "field"
# bug, layer, layers and equation of each row
EXPECTED = {
    "all-weight-gradients-wrong-biases-right": [("unexplained", 2, (2, 1, 0), "weight_gradient")],
    "catalogued-mistake-printed-with-9-significant-digits": [
        ("missing-activation-derivative", 0, (), "hidden_delta"),
        ("rounded", None, (), "numbers"),
    ],
    "cross-entropy-targets-not-summing-to-one": [("target-sum-ignored", 1, (), "output_delta")],
    "epsilon-called-numerical-gradient": [("inexact-numbers", None, (), "numbers")],
    "float32-differences-named-as-row-sum": [("unexplained", 0, (), "output_delta")],
    "float32-divided-in-float64": [
        ("missing-activation-derivative", 0, (), "hidden_delta"),
        ("inexact-numbers", None, (), "numbers"),
    ],
    "graph-batchnorm-constants-parameters-only": [("unexplained", None, (), "local_rule")],
    "graph-whole-gradient-off-by-a-constant": [("factor-two", None, (), "loss")],
    "hunkim-epsilon-weights-summed": [
        ("weight-sum-for-mean", 1, (1, 0), "weight_gradient"),
        ("inexact-numbers", None, (), "numbers"),
    ],
    "leaky-relu-default-slope": [("wrong-activation-derivative", 1, (1, 0), "hidden_delta")],
    "penalty-missing-in-one-layer": [("penalty-missing", 0, (), "penalty")],
    "penalty-sum-of-weights": [("penalty-of-another-form", None, (), "penalty")],
    "replay-smallest-sigmoid-prime": [("hidden-derivative-at-output", 0, (), "output_delta")],
    "softmax-cross-entropy-times-sigmoid-prime": [("hidden-derivative-at-output", 1, (), "output_delta")],
}
# what the words must hold
WORDS = {
    "epsilon-called-numerical-gradient": "epsilon of about 1e-07",
    "graph-batchnorm-constants-parameters-only": "come back through hprebn",
    "hunkim-epsilon-weights-summed": "N = 7 examples",
    "leaky-relu-default-slope": "leaky_relu with slope 0.01",
    "penalty-sum-of-weights": "the sum of all weights",
    "softmax-cross-entropy-times-sigmoid-prime": "the derivative of sigmoid at a",
}


@pytest.mark.parametrize("case", EXPECTED)
def test_a_gradient_of_a_public_report_is_named(case):
    report = verify(load(FOLDER / f"{case}.json"))
    assert report.verdict == "incorrect"
    rows = [(row.bug, row.layer, row.layers, row.equation) for row in report.diagnosis]
    assert rows == EXPECTED[case]
    assert WORDS.get(case, "") in " ".join(row.explanation for row in report.diagnosis)


def test_every_case_is_judged():
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(EXPECTED)
