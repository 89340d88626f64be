"""verify(): a submission in, a report out."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from tests.drawing import draw_problem
from tests.verifier.builders import document_of_problem, nested_lists, small_document, with_value
from tests.verifier.native import loss_and_gradients, with_gradients
from verifier import Verdict, verify
from verifier.documents.files import parse_bytes, write_document
from verifier.oracles import LAYER_ORACLES, answer_of
from verifier.problem.submission import TOLERANCES

NAMES = ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"]


def as_tensors(document: dict[str, Any]) -> dict[str, Any]:
    def to_tensor(value):
        return torch.tensor(np.array(value, dtype=float))

    groups = {g: {k: to_tensor(v) for k, v in document[g].items()} for g in ("parameters", "gradients")}
    return document | groups | {"inputs": to_tensor(document["inputs"])}


def as_arrays(document: dict[str, Any]) -> dict[str, Any]:
    groups = {g: {k: np.array(v) for k, v in document[g].items()} for g in ("parameters", "gradients")}
    return (
        document | groups | {"inputs": np.array(document["inputs"]), "targets": np.array(document["targets"])}
    )


def as_tuples(document: dict[str, Any]) -> dict[str, Any]:
    return document | {"inputs": tuple(map(tuple, document["inputs"])), "targets": tuple(document["targets"])}


@pytest.mark.parametrize("wrong", [False, True], ids=["right", "wrong"])
@pytest.mark.parametrize("turned", [as_tensors, as_arrays, as_tuples])
def test_lists_arrays_and_tensors_give_the_same_report(turned, wrong):
    document = small_document()
    if wrong:
        document = with_value(document, ["gradients", "layers.0.weight", 1, 2], 0.123)
    plain, other = verify(document).to_dict(), verify(turned(document)).to_dict()
    assert plain.pop("seconds") >= 0
    assert other.pop("seconds") >= 0
    assert plain == other
    assert plain["verdict"] == ("incorrect" if wrong else "correct")


@pytest.mark.parametrize("format_name", ["json", "npz", "safetensors"])
def test_a_file_gives_the_report_of_its_document(format_name):
    document = as_arrays(small_document(precision="float64"))
    plain = verify(document).to_dict()
    other = verify(parse_bytes(write_document(document, format_name))).to_dict()
    assert plain | {"seconds": 0} == other | {"seconds": 0}


def test_a_report_differs_between_two_runs_in_its_seconds_alone():
    first, second = (verify(small_document()).to_dict() for _ in range(2))
    assert first | {"seconds": 0} == second | {"seconds": 0}


class TestWhatIsWrong:
    @pytest.mark.parametrize("name", NAMES)
    def test_a_parameter_that_is_wrong_is_named_and_no_other(self, name):
        document = as_arrays(small_document())
        document["gradients"][name] = document["gradients"][name] * 1.5
        report = verify(document)
        verdicts = {key: str(row.verdict) for key, row in report.parameters.items()}
        assert verdicts == {key: "incorrect" if key == name else "correct" for key in NAMES}
        assert report.verdict is Verdict.INCORRECT
        assert report.parameters[name].ratio == pytest.approx(1.5, rel=1e-12)
        assert report.parameters[name].cosine == pytest.approx(1.0, rel=1e-12)

    def test_one_wrong_layer_is_named_by_exactly_its_parameters(self):
        problem = draw_problem(np.random.default_rng(2), depth=4)
        document = document_of_problem(problem)
        for kind in ("weight", "bias"):
            document["gradients"][f"layers.2.{kind}"] = document["gradients"][f"layers.2.{kind}"] + 0.1
        wrong = {name for name, row in verify(document).parameters.items() if row.verdict == "incorrect"}
        assert wrong == {"layers.2.weight", "layers.2.bias"}

    @pytest.mark.parametrize("layout", ["in_out", "out_in"])
    def test_one_wrong_entry_is_found_where_the_submission_has_it(self, layout):
        document = document_of_problem(draw_problem(np.random.default_rng(2)), weights=layout)
        gradient = document["gradients"]["layers.0.weight"].copy()
        right = gradient[2, 1]
        gradient[2, 1] += 0.25
        document["gradients"]["layers.0.weight"] = gradient
        (entry,) = verify(document).parameters["layers.0.weight"].worst
        assert entry.index == (2, 1)
        assert entry.submitted == gradient[2, 1]
        assert entry.expected == pytest.approx(right, rel=1e-12)
        assert entry.abs_error == pytest.approx(0.25)

    @pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", float("nan"), float("inf")], ids=str)
    def test_numbers_that_are_not_finite_are_incorrect(self, value):
        report = verify(with_value(small_document(), ["gradients", "layers.1.bias", 0], value))
        assert report.parameters["layers.1.bias"].incorrect == 1
        assert report.verdict is Verdict.INCORRECT
        text = json.dumps(report.to_dict(), allow_nan=False)
        assert str(value).replace("nan", "NaN").replace("inf", "Infinity") in text

    def test_a_missing_gradient_is_missing_and_makes_the_whole_incorrect(self):
        document = small_document()
        del document["gradients"]["layers.1.bias"]
        report = verify(document)
        assert report.parameters["layers.1.bias"].verdict is Verdict.MISSING
        assert report.parameters["layers.1.bias"].shape == (2,)
        assert report.verdict is Verdict.INCORRECT
        assert {row.verdict for name, row in report.parameters.items() if name != "layers.1.bias"} == {
            "correct"
        }
        assert report.to_dict()["summary"]["missing"] == 2

    @pytest.mark.parametrize("preset", TOLERANCES)
    @pytest.mark.parametrize("factor", [1.0, 1e-9, 1e-30])
    def test_a_zero_gradient_is_incorrect_however_small_the_loss_is(self, preset, factor):
        document = as_arrays(
            small_document(loss={"name": "cross_entropy", "factor": factor}, tolerance=preset)
        )
        zeros = {name: np.zeros_like(array) for name, array in document["gradients"].items()}
        report = verify(document | {"gradients": zeros})
        assert report.verdict is Verdict.INCORRECT
        assert all(row.correct == row.uninformative for row in report.parameters.values())

    @pytest.mark.parametrize("factor", [1e-200, 1e-150, 1e-100, 1e-9, 1e9, 1e100, 1e150])
    def test_a_right_gradient_is_correct_however_small_or_large_the_loss_is(self, factor):
        document = small_document(loss={"name": "cross_entropy", "factor": factor})
        assert verify(with_gradients(document)).verdict is Verdict.CORRECT

    @pytest.mark.parametrize("factor", [1e-300, 1e160, 1e200, 1e300])
    def test_a_loss_beyond_all_squares_blames_nobody(self, factor):
        document = small_document(loss={"name": "cross_entropy", "factor": factor})
        assert verify(with_gradients(document)).verdict in ("correct", "undecided")


class TestTolerance:
    @pytest.mark.parametrize(
        ("tolerance", "verdict"),
        [
            ("strict", "incorrect"),
            ("standard", "incorrect"),
            ("lenient", "correct"),
            ({"preset": "lenient"}, "correct"),
            ({"rtol": 1e-4}, "correct"),
            ({"rtol": 1e-9}, "incorrect"),
            ({"atol": 1.0}, "undecided"),  # 0 would pass as well
        ],
        ids=str,
    )
    def test_a_relative_error_of_1e_5_is_correct_where_the_tolerance_says_so(self, tolerance, verdict):
        document = as_arrays(small_document(tolerance=tolerance))
        document["gradients"] = {name: array * (1 + 1e-5) for name, array in document["gradients"].items()}
        report = verify(document)
        assert report.verdict == verdict
        assert all(row.to_rounding == 0 for row in report.parameters.values())

    @pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
    def test_gradients_stored_in_a_narrow_format_are_correct_even_when_strict(self, dtype):
        document = small_document(tolerance="strict", precision=dtype)
        for name, gradient in document["gradients"].items():
            document["gradients"][name] = torch.tensor(gradient).to(getattr(torch, dtype))
        report = verify(document)
        assert report.verdict is Verdict.CORRECT
        assert report.precision == dtype
        assert verify(document | {"precision": "float64"}).verdict is Verdict.INCORRECT


class TestTheLoss:
    @pytest.mark.parametrize(
        ("change", "verdict"),
        [
            (lambda loss: loss, "correct"),
            (lambda loss: loss * (1 + 1e-7), "correct"),  # within rtol of standard, 1e-6
            (lambda loss: loss * (1 + 1e-5), "incorrect"),
            (lambda loss: loss * 5, "incorrect"),  # a sum for a mean
            (lambda loss: 0.0, "incorrect"),
            (lambda loss: "NaN", "incorrect"),
            (lambda loss: float("inf"), "incorrect"),
        ],
        ids=["right", "within rtol", "beyond rtol", "summed", "zero", "NaN", "infinite"],
    )
    def test_a_reported_loss_is_judged_and_the_gradients_apart_from_it(self, change, verdict):
        document = small_document()
        loss, _ = loss_and_gradients(document)
        report = verify(document | {"reported_loss": change(loss)})
        assert report.loss.verdict == verdict
        assert report.verdict is Verdict.CORRECT
        assert report.to_dict()["loss"]["verdict"] == verdict
        assert json.dumps(report.to_dict(), allow_nan=False)

    def test_a_loss_that_nobody_reported_has_no_verdict(self):
        report = verify(small_document())
        assert report.loss.verdict is None
        assert {"verdict", "reported"}.isdisjoint(report.to_dict()["loss"])

    def test_its_value_lies_within_its_uncertainty_of_pytorchs(self):
        loss, _ = loss_and_gradients(small_document())
        report = verify(small_document())
        assert abs(report.loss.value - loss) <= 2 * report.loss.uncertainty
        assert 0 < report.loss.uncertainty < 1e-13

    @pytest.mark.parametrize(
        "document",
        [
            with_value(
                small_document(loss="mse", targets=[[0, 1]] * 5),
                ["parameters", "layers.1.weight", 0, 0],
                1e300,
            ),
            with_value(small_document(), ["parameters", "layers.1.bias"], [1e308, -1e308]),
            with_value(small_document(), ["inputs", 0], [1e308, 1e308, 1e308])
            | {"network": {"layers": [{"in": 3, "out": 4, "activation": "relu"}, {"in": 4, "out": 2}]}},
            small_document(
                loss={"name": "cross_entropy", "on": "probabilities"}
            ),  # tanh's sums as probabilities
        ],
        ids=["overflow in the square", "overflow in the logits", "overflow in the sums", "log of a negative"],
    )
    def test_a_loss_that_is_not_finite_is_undecided_and_nobody_is_blamed(self, document):
        report = verify(with_gradients(document) | {"reported_loss": 1.0})
        assert not np.isfinite(report.loss.value)
        assert report.loss.verdict is Verdict.UNDECIDED
        assert "loss-not-finite" in {caution.code for caution in report.warnings}
        assert report.verdict is Verdict.UNDECIDED
        assert json.dumps(report.to_dict(), allow_nan=False)


class TestChoices:
    def test_all_entries_are_the_whole_arrays_in_the_submissions_layout(self):
        document = document_of_problem(
            draw_problem(np.random.default_rng(3)), weights="out_in", bias_shape="(out, 1)"
        )
        report = verify(document, entries="all")
        for row in report.to_dict()["parameters"]:
            gradient = document["gradients"][row["name"]]
            assert row["shape"] == list(gradient.shape)
            assert row["entries"]["submitted"] == gradient.tolist()
            np.testing.assert_allclose(row["entries"]["expected"], gradient, rtol=1e-11, atol=1e-14)
            difference = gradient - np.array(row["entries"]["expected"])
            assert row["entries"]["difference"] == difference.tolist()

    def test_without_asking_no_whole_arrays_come(self):
        assert all("entries" not in row for row in verify(small_document()).to_dict()["parameters"])

    def test_entries_is_worst_or_all(self):
        with pytest.raises(ValueError, match="'worst' or 'all', got 'some'"):
            verify(small_document(), entries="some")

    @pytest.mark.parametrize("name", LAYER_ORACLES)
    def test_one_oracle_alone_can_judge(self, name):
        report = verify(small_document(), oracles=[name])
        assert [item.oracle for item in report.evidence] == [name]
        assert report.verdict is Verdict.CORRECT
        wrong = with_value(small_document(), ["gradients", "layers.0.bias", 0], 0.3)
        assert verify(wrong, oracles=[name]).verdict is Verdict.INCORRECT

    def test_the_first_oracle_asked_gives_the_reference(self):
        report = verify(small_document(), oracles=["autograd", "backpropagation"], entries="all")
        _, gradients = loss_and_gradients(small_document())
        assert report.evidence[0].max_disagreement == 0.0
        for name, gradient in gradients.items():
            np.testing.assert_allclose(report.parameters[name].entries.expected, gradient, rtol=1e-13)

    @pytest.mark.parametrize("names", [["gradcheck"], ["autograd", "gradcheck"], []], ids=str)
    def test_unknown_oracles_are_refused_with_the_known_ones(self, names):
        with pytest.raises(ValueError, match="expected oracles among high_precision, backpropagation"):
            verify(small_document(), oracles=names)

    def test_only_what_was_asked_is_among_the_versions(self):
        versions = verify(small_document(), oracles=["backpropagation"]).versions
        assert set(versions) == {"python", "gradjury", "numpy"}
        assert set(verify(small_document()).versions) == {"python", "gradjury", "numpy", "torch"}


@pytest.mark.parametrize(
    ("most_work", "verdict", "outcome"),
    [(0, Verdict.UNDECIDED, "nobody is blamed"), (5_000_000, Verdict.CORRECT, "high precision settled it")],
    ids=["too large to settle", "settled by high precision"],
)
def test_a_disputed_entry_blames_nobody_and_says_who_contradicts_whom(
    monkeypatch, most_work, verdict, outcome
):
    from dataclasses import replace

    from verifier import oracles
    from verifier.engine.estimate import Answer, Estimate
    from verifier.pipeline import layers as pipeline
    from verifier.report.model import Uncertainty

    def wrong_oracle(problem, float64_rounding):
        answer = answer_of("backpropagation", problem, float64_rounding)
        gradient = dict(answer.gradient)
        estimate = gradient["layers.1.bias"]
        gradient["layers.1.bias"] = Estimate(estimate.value + np.array([0.5, 0.0]), estimate.error)
        return Answer(gradient, Uncertainty.ESTIMATE)

    table = dict(oracles.ORACLES) | {"autograd": replace(oracles.ORACLES["autograd"], of_layers=wrong_oracle)}
    monkeypatch.setattr(oracles, "ORACLES", table)
    monkeypatch.setattr(pipeline, "MAX_ARBITER_WORK", most_work)
    report = verify(small_document())
    assert report.verdict is verdict
    assert report.parameters["layers.1.bias"].undecided == (verdict is Verdict.UNDECIDED)
    disputes = [caution.detail for caution in report.warnings if caution.code == "oracles-disagree"]
    assert any("backpropagation and autograd contradict each other" in detail for detail in disputes)
    assert all("autograd" in detail for detail in disputes)
    assert all("1 of layers.1.bias, most at [0]" in detail and outcome in detail for detail in disputes)
    assert "CONTRADICTS" in str(report)


def test_a_problem_as_the_lecture_would_do_it_by_hand():
    # one unit: f = 2·3 + 1 = 7, y = 5, R = ½ (7 − 5)² = 2, ∂R/∂w = (7 − 5)·3 = 6, ∂R/∂b = 2
    document = {
        "network": {"layers": [{"in": 1, "out": 1}]},
        "loss": "mse",
        "parameters": {"layers.0.weight": [[2.0]], "layers.0.bias": [1.0]},
        "inputs": [[3.0]],
        "targets": [[5.0]],
        "gradients": {"layers.0.weight": [[6.0]], "layers.0.bias": [2.0]},
        "reported_loss": 2.0,
    }
    report = verify(document)
    assert (report.verdict, report.loss.verdict, report.loss.value) == ("correct", "correct", 2.0)
    assert verify(with_value(document, ["gradients", "layers.0.bias", 0], 2.001)).verdict == "incorrect"
    assert [caution.code for caution in report.warnings] == ["one-example"]


def test_lists_are_not_changed_by_judging_them():
    document = small_document()
    before = json.dumps(document)
    verify(document, entries="all")
    assert json.dumps(document) == before
    arrays = as_arrays(document)
    verify(arrays)
    assert nested_lists(arrays) == document
    assert arrays["inputs"].flags.writeable
