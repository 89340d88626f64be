"""How a report shows its diagnosis; the words about each bug are held in `test_students_bugs.py`."""

import numpy as np

from tests.verifier.diagnosis.builders import backward, tanh_problem, verify_gradients


def test_a_report_shows_its_diagnosis_in_one_line_and_in_full():
    problem = tanh_problem(82)
    report = verify_gradients(problem, backward(problem, hidden={0: lambda d, w, a, z: d @ w.T})[0])
    heading = "missing-activation-derivative in layer 0 (hidden_delta)"
    assert f"diagnosis: {heading}" in repr(report)
    assert "\n" not in repr(report)
    assert f"  diagnosis: {heading}" in str(report).splitlines()
    assert "All units of layer 0 are affected" in report.diagnosis[0].explanation
    assert "right: δ₀ = (δ₁ W₁ᵀ) ∘ g′(a₀)" in str(report)


def test_a_right_report_says_nothing_of_mistakes():
    problem = tanh_problem(83)
    report = verify_gradients(problem, backward(problem)[0])
    assert "diagnosis" not in str(report)
    assert report.to_dict()["diagnosis"] == []


def test_what_was_estimated_stands_in_the_words():
    problem = tanh_problem(84)
    gradients = {name: 0.125 * array for name, array in backward(problem)[0].items()}
    (row,) = verify_gradients(problem, gradients).diagnosis
    assert (row.bug, row.layer) == ("constant-factor", None)
    assert "0.125" in row.explanation
    assert "0.125" not in row.hint


def test_a_mistake_in_one_unit_is_told_with_the_unit_and_its_layer():
    problem = tanh_problem(85)
    gradients = dict(backward(problem)[0])
    gradients["layers.0.bias"] = gradients["layers.0.bias"] + np.eye(problem.network.layers[0].outputs)[2]
    (row,) = verify_gradients(problem, gradients).diagnosis
    assert row.explanation.endswith("Only unit 2 of layer 0 is affected.")
