"""Rounding to a format, against PyTorch's own conversions; and what format numbers tell."""

import numpy as np
import pytest
import torch

from tests.pairwise import each
from tests.verifier.builders import small_document, with_value
from verifier import verify
from verifier.documents.reading import read_submission
from verifier.documents.tolerance import narrowest_format
from verifier.problem.precision import PRECISIONS, round_to_precision


def numbers() -> np.ndarray:
    rng = np.random.default_rng(1)
    spread = rng.normal(size=20_000) * 2.0 ** rng.integers(-160, 135, size=20_000)
    usual = rng.normal(size=5_000)
    edges = []
    for row in PRECISIONS.values():
        if row.name == "float64":
            continue
        for at in (row.largest, row.smallest, row.smallest * 2.0 ** (row.significand_bits - 1), 1.0):
            half = at * row.unit_roundoff
            edges += [at, at - half, at + half, at + 2 * half, at / 2, at * 0.75, at * 1.5, at * 2.5]
            edges += [
                np.nextafter(at + half, np.inf),
                np.nextafter(at + half, 0.0),
                np.nextafter(at / 2, 1.0),
            ]
    ties = 1.0 + np.arange(64) * 2.0**-12
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e300, -1e300, 65504.0, 65519.9, 65520.0]
    positive = np.concatenate([spread, usual, edges, ties, special])
    return np.concatenate([positive, -positive])


def by_library(values: np.ndarray, name: str) -> np.ndarray:
    return torch.tensor(values).to(getattr(torch, name)).double().numpy()


@each(["float32", "float16", "bfloat16"])
def test_rounding_gives_the_numbers_of_pytorch(name):
    values = numbers()
    if name != "float32":  # PyTorch converts by way of it, so that values are what it holds: rounded once
        values = by_library(values, "float32")
    expected, actual = by_library(values, name), round_to_precision(values, PRECISIONS[name])
    np.testing.assert_array_equal(actual, expected)
    numeric = ~np.isnan(values)
    np.testing.assert_array_equal(np.signbit(actual[numeric]), np.signbit(expected[numeric]))


def test_float64_is_left_as_it_is():
    values = numbers()
    np.testing.assert_array_equal(round_to_precision(values, PRECISIONS["float64"]), values)


@each(["float32", "float16", "bfloat16"])
def test_the_largest_float64_becomes_infinite_without_a_warning(name):
    assert round_to_precision(np.array([1.7976931348623157e308]), PRECISIONS[name]).item() == np.inf


@each(PRECISIONS)
def test_the_table_has_the_formats_own_constants(name):
    info, row = torch.finfo(getattr(torch, name)), PRECISIONS[name]
    assert row.unit_roundoff == info.eps / 2
    assert row.largest == info.max
    assert row.smallest * 2.0 ** (row.significand_bits - 1) == info.tiny


def rounded_numbers(name: str, count: int, size: float = 1.0, seed: int = 3) -> list[float]:
    """Return numbers without a pattern, rounded to a format."""
    values = size * np.random.default_rng(seed).normal(size=count)
    return round_to_precision(values, PRECISIONS[name]).tolist()


EXACT = {
    "float64": 0.1,
    "float32": float(np.float32(0.1)),
}


@each(
    [
        ([EXACT["float64"]], "float64"),
        (rounded_numbers("float32", 3), "float32"),
        (rounded_numbers("float16", 26), "float16"),
        (rounded_numbers("bfloat16", 26), "bfloat16"),
        (
            [*rounded_numbers("bfloat16", 26), EXACT["float32"]],
            "float64",
        ),  # one generic number among short ones
        ([*rounded_numbers("bfloat16", 4), *rounded_numbers("float32", 4)], "float32"),
        ([*rounded_numbers("float16", 26), *rounded_numbers("bfloat16", 4)], "float16"),  # 8 bits fit into 11
        ([EXACT["float32"], EXACT["float64"]], "float64"),
        ([0.0, 1.0, *rounded_numbers("float32", 3)], "float32"),
        ([0.0, 1.0, -3.0, 1e6], "float64"),  # whole numbers say nothing
        ([0.0], "float64"),
        ([], "float64"),
        ([np.nan, np.inf], "float64"),
        ([np.nan, *rounded_numbers("float32", 3)], "float32"),
        (
            [*rounded_numbers("float32", 4), *rounded_numbers("float32", 2, 2.0**-130)],
            "float32",
        ),  # subnormals of float32
        ([2.0**-200], "float64"),  # below all of float32
    ]
)
def test_numbers_tell_the_narrowest_format_that_holds_them(values, expected):
    assert narrowest_format({"w": np.array(values, dtype=float)}).name == expected


SHORT = {
    "a gradient 5 % wrong in round numbers": [1.0, 0.5],
    "one number": [0.375],
    "many, halves and quarters": (np.arange(-40, 40) / 4).tolist(),
    "decimals that happen to be short": [0.25, 1.5, 0.125, 2.75, 0.0625, -0.875, 3.125, 0.75],
    "numbers of 8 bits on one grid, as exact sums are": (np.arange(1, 256) / 256).tolist(),
    "numbers of 11 bits on one grid": (np.random.default_rng(1).integers(1, 2048, size=200) / 2048).tolist(),
    "whole numbers of 24 bits": [16777215.0, 16777213.0, 12345677.0],
    "seven numbers of 8 bits in one binade": [0.5 + k / 256 for k in (1, 3, 7, 21, 33, 55, 77)],
    "one number of float32": [EXACT["float32"]],
    "few numbers rounded to bfloat16": rounded_numbers("bfloat16", 4),
}


@pytest.mark.parametrize("values", SHORT.values(), ids=SHORT)
def test_round_numbers_do_not_tell_a_narrow_format(values):
    assert narrowest_format({"w": np.array(values)}).name == "float64"


@each([("float32", 3), ("float16", 16), ("bfloat16", 26)])
def test_numbers_rounded_to_a_format_tell_it_however_they_are_spread(name, count):
    formats = [
        narrowest_format(
            {str(i): np.array([value]) for i, value in enumerate(rounded_numbers(name, count, seed=seed))}
        )
        for seed in range(100)
    ]
    assert sum(row.name == name for row in formats) >= 95


@each(["strict", "standard", "lenient"])
def test_a_gradient_5_percent_wrong_is_incorrect_also_in_round_numbers(preset):
    document = {
        "network": {"layers": [{"in": 2, "out": 1, "bias": False}]},
        "loss": "mse",
        "parameters": {"layers.0.weight": [[1.0], [0.5]]},
        "inputs": [[1.0, 0.5], [0.3, 0.1]],
        "targets": [[0.2], [0.35]],
        "gradients": {"layers.0.weight": [[0.5], [0.25]]},
        "tolerance": preset,
    }
    report = verify(document)
    assert report.parameters["layers.0.weight"].max_rel_error == pytest.approx(0.05 / 1.05)
    assert (report.verdict, report.precision) == ("incorrect", "float64")


def with_dtype(document, dtype):
    gradients = {}
    for name, gradient in document["gradients"].items():
        gradients[name] = torch.tensor(gradient).to(getattr(torch, dtype)).double().tolist()
    return document | {"gradients": gradients}


@each(["float32", "float16", "bfloat16"])
def test_narrow_numbers_are_taken_as_computed_so_and_a_warning_says_it(dtype):
    submission = read_submission(with_dtype(small_document(), dtype))
    assert submission.precision.name == dtype
    assert [warning.code for warning in submission.warnings] == ["precision-inferred"]
    assert dtype in submission.warnings[0].detail


def test_a_declared_precision_is_taken_without_a_warning():
    submission = read_submission(with_dtype(small_document(precision="float64"), "float32"))
    assert (submission.precision.name, submission.warnings) == ("float64", ())


@each([0.0, 1.0, -2.0, 4096.0])
def test_whole_numbers_and_zeros_stay_float64_without_a_warning(value):
    document = small_document()
    document["gradients"] = {k: np.full_like(v, value).tolist() for k, v in document["gradients"].items()}
    submission = read_submission(document)
    assert (submission.precision.name, submission.warnings) == ("float64", ())


def test_one_number_of_full_precision_keeps_all_float64():
    document = with_dtype(small_document(), "float32")
    document = with_value(document, ["gradients", "layers.1.bias", 0], 0.1)
    assert read_submission(document).precision.name == "float64"
