"""A report's document is section 2 of the contract: every field, plain JSON, nothing that is not a number."""

import json

import pytest

from tests.verifier.builders import small_document, with_value
from verifier import verify

FIELDS = {"schema", "verdict", "loss", "summary", "parameters", "diagnosis", "warnings", "evidence",
          "versions", "seconds"}  # fmt: skip
LOSS = {"value", "uncertainty", "graded_under"}
SUMMARY = {"parameters", "correct", "incorrect", "undecided"}
PARAMETER = {"name", "shape", "verdict", "correct", "incorrect", "undecided", "uninformative", "to_rounding",
             "max_abs_error", "max_rel_error", "relative_norm_error", "cosine", "ratio", "worst"}  # fmt: skip
ENTRY = {"index", "submitted", "expected", "uncertainty", "tolerance", "abs_error", "rel_error"}
EVIDENCE = {"oracle", "entries", "agrees", "max_disagreement", "uncertainty"}

WRONG = with_value(
    small_document(name="hw3-q2", reported_loss=0.7), ["gradients", "layers.0.weight", 1, 2], 0.5
)


def strict_json(document):
    return json.loads(json.dumps(verify(document, entries="all").to_dict(), allow_nan=False))


@pytest.mark.parametrize(
    "document",
    [
        small_document(),
        WRONG,
        with_value(WRONG, ["gradients", "layers.0.bias"], ["NaN", "Infinity", "-Infinity", 0.0]),
        with_value(small_document(), ["parameters", "layers.1.bias"], [1e308, -1e308]),
        small_document(gradients={}),
        small_document(reported_loss="NaN"),
    ],
    ids=["right", "wrong", "not finite", "loss not finite", "nothing submitted", "loss NaN"],
)
def test_every_field_is_there_and_json_without_nan(document):
    report = strict_json(document)
    assert set(report) >= FIELDS
    assert report["schema"] == "gradjury.report/1"
    assert set(report["loss"]) >= LOSS
    assert set(report["summary"]) >= SUMMARY
    for row in report["parameters"]:
        assert set(row) >= (PARAMETER if row["verdict"] != "missing" else {"name", "shape", "verdict"})
        for entry in row.get("worst", []):
            assert set(entry) >= ENTRY
    for row in report["evidence"]:
        assert set(row) >= EVIDENCE
        assert row["uncertainty"] in ("bound", "estimate", "unknown")
    for row in report["warnings"]:
        assert set(row) >= {"code", "detail"}


def test_numbers_that_are_not_finite_are_the_contracts_strings():
    report = strict_json(
        with_value(WRONG, ["gradients", "layers.0.bias"], ["NaN", "Infinity", "-Infinity", 0.0])
    )
    row = report["parameters"][1]
    assert row["entries"]["submitted"] == ["NaN", "Infinity", "-Infinity", 0.0]
    assert [entry["submitted"] for entry in row["worst"][:3]] == ["NaN", "Infinity", "-Infinity"]
    assert row["max_abs_error"] in ("NaN", "Infinity")


def test_the_summary_counts_numbers_not_arrays():
    report = strict_json(WRONG)
    assert report["summary"] == {
        "parameters": 26,
        "correct": 25,
        "incorrect": 1,
        "undecided": 0,
        "missing": 0,
    }
    assert sum(row["correct"] for row in report["parameters"]) == 25


def test_parameters_stand_in_layer_order_with_their_submitted_shapes():
    rows = strict_json(WRONG)["parameters"]
    assert [(row["name"], row["shape"]) for row in rows] == [
        ("layers.0.weight", [3, 4]),
        ("layers.0.bias", [4]),
        ("layers.1.weight", [4, 2]),
        ("layers.1.bias", [2]),
    ]


def test_the_name_the_loss_and_its_expansion_are_echoed():
    report = strict_json(WRONG)
    assert report["name"] == "hw3-q2"
    assert report["loss"]["reported"] == 0.7
    assert report["loss"]["verdict"] == "incorrect"
    assert report["loss"]["graded_under"] == {
        "name": "cross_entropy",
        "factor": 1.0,
        "batch": "mean",
        "on": "logits",
    }
    assert "name" not in strict_json(small_document())


def test_a_correct_submission_has_no_diagnosis():
    assert strict_json(small_document())["diagnosis"] == []


def test_a_wrong_entry_is_described_in_full():
    (entry,) = strict_json(WRONG)["parameters"][0]["worst"]
    right = small_document()["gradients"]["layers.0.weight"][1][2]
    assert entry["index"] == [1, 2]
    assert entry["submitted"] == 0.5
    assert entry["expected"] == pytest.approx(right, rel=1e-12)
    assert entry["abs_error"] == pytest.approx(abs(0.5 - right), rel=1e-12)
    assert entry["rel_error"] == pytest.approx(abs(0.5 - right) / abs(right), rel=1e-12)
    assert 0 < entry["uncertainty"] < entry["tolerance"] < 1e-5
