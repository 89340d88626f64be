"""Bad input: every mistake has its place, says what was expected, and what would mend it."""

import json
import math
from difflib import get_close_matches
from typing import Any

import numpy as np
import pytest
import torch

from tests.pairwise import each
from tests.verifier.builders import ABSENT, small_document, with_value
from verifier import MalformedSubmission, verify
from verifier.documents.files import parse_bytes
from verifier.documents.reading import read_submission
from verifier.problem.errors import MOST, UnreadableSubmission, json_pointer

BASE = small_document()
W0 = "layers.0.weight"
NAN = "NaN"


def nested_list(depth: int) -> list[Any]:
    value: list[Any] = [1.0]
    for _ in range(depth - 1):
        value = [value]
    return value


def path_of(pointer: str) -> list[str | int]:
    steps = pointer.split("/")[1:]
    return [int(step) if step.isdigit() else step for step in steps]


# (id, where, what is put there, pointer of the mistake, words of its detail)
ROWS: list[tuple[str, str, Any, str, list[str]]] = [
    # the whole
    ("a list", "", [], "", ["one JSON object", "an empty list"]),
    ("null", "", None, "", ["one JSON object", "null"]),
    ("a number", "", 3, "", ["one JSON object", "3"]),
    ("a string", "", "network", "", ["one JSON object", "the string"]),
    *[
        (f"no {field}", f"/{field}", ABSENT, f"/{field}", [f"the field '{field}'", "nothing"])
        for field in ("network", "loss", "parameters", "inputs", "targets", "gradients")
    ],
    # unknown names, and the likeliest meant
    ("field", "/mask", {}, "/mask", ["'mask'", "did you mean 'masks'?"]),
    ("field unlike any", "/xyzzy", 1, "/xyzzy", ["known are", "network"]),
    ("network field", "/network/weight", 1, "/network/weight", ["did you mean 'weights'?"]),
    ("layer field", "/network/layers/0/biass", True, "/network/layers/0/biass", ["did you mean 'bias'?"]),
    (
        "activation",
        "/network/layers/0/activation",
        "sigmoyd",
        "/network/layers/0/activation",
        ["one of identity, sigmoid", "did you mean 'sigmoid'?"],
    ),
    (
        "an activation's spelling",
        "/network/layers/0/activation",
        "rleu",
        "/network/layers/0/activation",
        ["did you mean 'relu'?"],
    ),
    (
        "activation's option",
        "/network/layers/0/activation",
        {"name": "leaky_relu", "slop": 0.1},
        "/network/layers/0/activation/slop",
        ["did you mean 'slope'?"],
    ),
    (
        "activation's name in an object",
        "/network/layers/0/activation",
        {"name": "tahn"},
        "/network/layers/0/activation/name",
        ["did you mean 'tanh'?"],
    ),
    ("weight layout", "/network/weights", "out_inn", "/network/weights", ["did you mean 'out_in'?"]),
    ("example axis", "/network/examples", "column", "/network/examples", ["did you mean 'columns'?"]),
    ("loss", "/loss", "cross_entropi", "/loss/name", ["did you mean 'cross_entropy'?"]),
    ("loss name", "/loss/name", "msee", "/loss/name", ["did you mean 'mse'?"]),
    ("loss field", "/loss/reduction", "mean", "/loss/reduction", ["a known field"]),
    ("preset", "/loss", {"preset": "torch.mze"}, "/loss/preset", ["did you mean 'torch.mse'?"]),
    ("batch reduction", "/loss/batch", "avg", "/loss/batch", ["one of mean, sum"]),
    ("what a loss is on", "/loss/on", "logit", "/loss/on", ["did you mean 'logits'?"]),
    ("penalty field", "/loss/l2", {"strength": 1, "bias": True}, "/loss/l2/bias", ["did you mean 'biases'?"]),
    ("penalty's batch", "/loss/l2", {"strength": 1, "batch": "sum"}, "/loss/l2/batch", ["one of none, mean"]),
    (
        "parameter",
        "/parameters",
        {"layers.0.weights": [1]},
        "/parameters/layers.0.weights",
        ["did you mean 'layers.0.weight'?"],
    ),
    (
        "gradient",
        "/gradients",
        {"layers.0.wieght": [1]},
        "/gradients/layers.0.wieght",
        ["did you mean 'layers.0.weight'?"],
    ),
    ("mask", "/masks", {"layer.0": [[1]]}, "/masks/layer.0", ["did you mean 'layers.0'?"]),
    ("precision", "/precision", "float31", "/precision", ["did you mean 'float32'?"]),
    ("tolerance", "/tolerance", "strickt", "/tolerance/preset", ["did you mean 'strict'?"]),
    ("tolerance field", "/tolerance", {"rtoll": 1}, "/tolerance/rtoll", ["did you mean 'rtol'?"]),
    # shapes
    (
        "a transposed weight",
        f"/parameters/{W0}",
        np.zeros((4, 3)).tolist(),
        f"/parameters/{W0}",
        ["expected shape (3, 4), got (4, 3)", "for PyTorch's layout set network.weights to out_in"],
    ),
    (
        "a transposed gradient",
        f"/gradients/{W0}",
        np.zeros((4, 3)).tolist(),
        f"/gradients/{W0}",
        ["expected shape (3, 4), got (4, 3)", "transpose the gradient"],
    ),
    ("a flat weight", f"/parameters/{W0}", [0.0] * 12, f"/parameters/{W0}", ["(3, 4)", "(12,)"]),
    (
        "a bias of another size",
        "/parameters/layers.0.bias",
        [0.0] * 3,
        "/parameters/layers.0.bias",
        ["(4,) or (1, 4) or (4, 1)", "(3,)"],
    ),
    (
        "a bias gradient of another size than its bias",
        "/gradients/layers.0.bias",
        [[0.0] * 3],
        "/gradients/layers.0.bias",
        ["shape (4,)", "(1, 3)"],
    ),
    (
        "a missing parameter",
        f"/parameters/{W0}",
        ABSENT,
        f"/parameters/{W0}",
        ["(3, 4)", "nothing", "add it"],
    ),
    ("a flat input", "/inputs", [1.0, 2.0, 3.0], "/inputs", ["(N, features)", "(3,)"]),
    ("too few features", "/inputs", [[1.0, 2.0]] * 5, "/inputs", ["3 features", "(5, 2)"]),
    (
        "examples as columns, unsaid",
        "/inputs",
        np.zeros((3, 5)).tolist(),
        "/inputs",
        ["3 features", "(3, 5)", "set network.examples to columns"],
    ),
    ("a mask of another shape", "/masks", {"layers.0": [[1.0] * 4]}, "/masks/layers.0", ["(5, 4)", "(1, 4)"]),
    ("target rows of another shape", "/targets", [[1.0] * 3] * 5, "/targets", ["(5, 2)", "(5, 3)"]),
    (
        "a bias where the layer has none",
        "/network/layers/0/bias",
        False,
        "/parameters/layers.0.bias",
        ["name"],
    ),
    # layers
    ("no layers", "/network/layers", [], "/network/layers", ["at least one layer", "an empty list"]),
    ("layers absent", "/network/layers", ABSENT, "/network/layers", ["at least one layer", "nothing"]),
    ("layers no list", "/network/layers", {}, "/network/layers", ["a list", "an empty object"]),
    ("network no object", "/network", "mlp", "/network", ["a network", "the string"]),
    ("a layer no object", "/network/layers/0", 3, "/network/layers/0", ["a layer", "3"]),
    (
        "a layer without in",
        "/network/layers/0/in",
        ABSENT,
        "/network/layers/0/in",
        ["whole number", "nothing"],
    ),
    ("in of 0", "/network/layers/0/in", 0, "/network/layers/0/in", ["whole number of at least 1", "0"]),
    ("in of 3.0", "/network/layers/0/in", 3.5, "/network/layers/0/in", ["whole number", "not whole"]),
    ("in of true", "/network/layers/0/in", True, "/network/layers/0/in", ["whole number", "true"]),
    ("in a string", "/network/layers/0/in", "3", "/network/layers/0/in", ["whole number", "the string"]),
    ("neighbours", "/network/layers/1/in", 5, "/network/layers/1/in", ["4, what layer 0 puts out", "5"]),
    ("a bias that is 1", "/network/layers/0/bias", 1, "/network/layers/0/bias", ["true or false", "1"]),
    (
        "an activation that is a number",
        "/network/layers/0/activation",
        7,
        "/network/layers/0/activation",
        ["one of identity"],
    ),
    (
        "a slope that is a string",
        "/network/layers/0/activation",
        {"name": "leaky_relu", "slope": "0.1"},
        "/network/layers/0/activation/slope",
        ["a finite number", "without quotes"],
    ),
    # numbers
    ("NaN in a parameter", f"/parameters/{W0}/1/2", NAN, f"/parameters/{W0}/1/2", ["a number", "NaN"]),
    ("Infinity in the inputs", "/inputs/0/0", "Infinity", "/inputs/0/0", ["a number", "Infinity"]),
    ("-Infinity in the targets", "/targets/0", "-Infinity", "/targets/0", ["a number", "-Infinity"]),
    ("a float nan among parameters", f"/parameters/{W0}/1/2", math.nan, f"/parameters/{W0}/1/2", ["finite"]),
    ("a float inf among inputs", "/inputs/2/1", math.inf, "/inputs/2/1", ["finite"]),
    ("a float nan among targets", "/targets/3", math.nan, "/targets/3", ["finite"]),
    (
        "a number as a string",
        "/inputs/1/1",
        "0.5",
        "/inputs/1/1",
        ["a number", "in quotes", "without quotes"],
    ),
    (
        "a gradient as a string",
        f"/gradients/{W0}/0/0",
        "0.5",
        f"/gradients/{W0}/0/0",
        ["a number", "without quotes"],
    ),
    ("nan in the wrong case", f"/gradients/{W0}/0/0", "nan", f"/gradients/{W0}/0/0", ["a number"]),
    ("true as a number", "/inputs/1/1", True, "/inputs/1/1", ["a number", "true"]),
    ("null as a number", f"/gradients/{W0}/0/0", None, f"/gradients/{W0}/0/0", ["a number", "null"]),
    ("an object as an array", "/inputs", {}, "/inputs", ["a list of numbers", "an empty object"]),
    ("null as an array", f"/gradients/{W0}", None, f"/gradients/{W0}", ["a list of numbers", "null"]),
    ("a number as an array", "/inputs", 5, "/inputs", ["a list of numbers", "5"]),
    ("a ragged row", "/inputs/2", [1.0], "/inputs/2", ["a list of 3", "a list of 1", "equally long"]),
    ("a row that is a number", "/inputs/2", 1.0, "/inputs/0", ["equally deep"]),
    ("rows of different depth", "/inputs/1/1", [1.0], "/inputs/1/1", ["equally deep"]),
    ("three dimensions", f"/parameters/{W0}", [[[1.0]]], f"/parameters/{W0}", ["nesting of depth 3"]),
    ("40 dimensions", "/inputs", nested_list(40), "/inputs", ["nesting of depth"]),
    ("100,000 dimensions", "/inputs", nested_list(100_000), "/inputs", ["nesting of depth"]),
    ("10**400", "/inputs/0/0", 10**400, "/inputs/0/0", ["fits a float64"]),
    ("-10**400", f"/gradients/{W0}/0/0", -(10**400), f"/gradients/{W0}/0/0", ["fits a float64"]),
    ("10**5000", f"/parameters/{W0}/0/0", 10**5000, f"/parameters/{W0}/0/0", ["fits a float64"]),
    ("the least integer beyond float64", "/inputs/0/0", 2**1024 - 2**969, "/inputs/0/0", ["fits a float64"]),
    ("2**1024 - 1", f"/gradients/{W0}/0/0", 2**1024 - 1, f"/gradients/{W0}/0/0", ["fits a float64"]),
    ("a huge factor", "/loss/factor", 10**400, "/loss/factor", ["a finite number"]),
    ("a huge layer", "/network/layers/0/in", 10**4000, "/network/layers/0/in", ["2**31", "very large"]),
    ("a layer beyond printing", "/network/layers/0/in", 10**5000, "/network/layers/0/in", ["2**31"]),
    ("a layer beyond memory", "/network/layers/1/out", 10**7, "/parameters/layers.1.weight", ["10000000"]),
    # batches and labels
    ("an empty batch", "/inputs", [], "/inputs", ["at least one example", "(0,)"]),
    ("examples without features", "/inputs", [[]], "/inputs", ["at least one example", "(1, 0)"]),
    ("one label too many", "/targets", [0, 1, 1, 0, 1, 1], "/targets", ["5 class indices", "6"]),
    ("one label too few", "/targets", [0, 1], "/targets", ["5 class indices", "2"]),
    ("a negative label", "/targets/2", -1, "/targets/2", ["from 0 to 1", "-1"]),
    ("a label of half a class", "/targets/2", 0.5, "/targets/2", ["from 0 to 1", "not whole"]),
    ("labels that count from 1", "/targets/1", 2, "/targets/1", ["from 0 to 1", "class indices start at 0"]),
    ("a label far off", "/targets/1", 17, "/targets/1", ["from 0 to 1", "17"]),
    ("labels for a regression", "/loss", "mse", "/targets", ["mse takes no class indices", "one list per"]),
    # the loss and the rest
    ("a loss that is a number", "/loss", 5, "/loss", ["a loss", "5"]),
    ("a loss without a name", "/loss", {"batch": "mean"}, "/loss/name", ["one of mse", "name the loss"]),
    ("a factor that is a string", "/loss/factor", "2", "/loss/factor", ["a finite number", "without quotes"]),
    ("a factor that is true", "/loss/factor", True, "/loss/factor", ["a finite number", "true"]),
    ("a mean over classes", "/loss/outputs", "mean", "/loss/outputs", ["cross_entropy is one sum"]),
    ("a penalty that is a number", "/loss/l2", 0.1, "/loss/l2", ["a penalty", 'write {"strength": …}']),
    ("a penalty without strength", "/loss/l1", {}, "/loss/l1/strength", ["how strong"]),
    ("a negative strength", "/loss/l2", {"strength": -1}, "/loss/l2/strength", ["at least 0", "-1"]),
    ("biases that are 1", "/loss/l2", {"strength": 1, "biases": 1}, "/loss/l2/biases", ["true or false"]),
    ("parameters no object", "/parameters", [], "/parameters", ["an object of arrays", "an empty list"]),
    ("gradients null", "/gradients", None, "/gradients", ["an object of arrays", "null"]),
    ("masks no object", "/masks", [1], "/masks", ["an object of arrays", "a list of 1"]),
    ("a name that is a number", "/name", 3, "/name", ["a string", "3"]),
    ("a loss reported as a list", "/reported_loss", [1], "/reported_loss", ["a finite number", "a list"]),
    ("a loss reported as true", "/reported_loss", True, "/reported_loss", ["a finite number", "true"]),
    ("a tolerance that is a number", "/tolerance", 1e-3, "/tolerance", ["a tolerance"]),
    ("a negative rtol", "/tolerance", {"rtol": -1e-3}, "/tolerance/rtol", ["at least 0"]),
    ("an infinite atol", "/tolerance", {"atol": math.inf}, "/tolerance/atol", ["finite"]),
    ("preset and rtol", "/tolerance", {"preset": "strict", "rtol": 0}, "/tolerance", ["both", "leave one"]),
    ("a precision that is a number", "/precision", 64, "/precision", ["one of float64", "64"]),
]


@each(ROWS)
def test_a_mistake_is_named_with_its_place_and_its_remedy(case, where, value, pointer, words):
    with pytest.raises(MalformedSubmission) as caught:
        read_submission(with_value(BASE, path_of(where), value))
    details = [mistake.detail for mistake in caught.value.errors if mistake.pointer == pointer]
    assert details, (case, [mistake.pointer for mistake in caught.value.errors])
    for word in words:
        assert word in " ".join(details), case
    assert max(map(len, details)) < 10_000  # nobody's megabytes are echoed


def test_the_document_that_the_table_changes_is_itself_without_mistakes():
    assert verify(BASE).verdict == "correct"


def test_all_mistakes_of_a_document_are_reported_at_once():
    document = BASE
    for where, value in {
        "/network/weights": "sideways",
        "/network/layers/1/activation": "sofmax",
        "/loss/batch": "max",
        "/inputs/0/0": "zero",
        "/gradients/layers.0.bias": [1, 2, "x"],
        "/precision": "double",
        "/tolerance": {"rtol": "small"},
        "/reported_loss": "low",
        "/surplus": 1,
    }.items():
        document = with_value(document, path_of(where), value)
    with pytest.raises(MalformedSubmission) as caught:
        read_submission(document)
    assert {mistake.pointer for mistake in caught.value.errors} == {
        "/network/weights",
        "/network/layers/1/activation",
        "/loss/batch",
        "/inputs/0/0",
        "/gradients/layers.0.bias/2",
        "/precision",
        "/tolerance/rtol",
        "/reported_loss",
        "/surplus",
    }
    assert str(caught.value).count("\n") == 8


def test_independent_mistakes_of_shape_are_reported_at_once():
    document = BASE
    for where, value in {
        "/parameters/layers.0.weight": [[1.0]],
        "/parameters/layers.1.bias": [1.0],
        "/gradients/layers.1.weight": [[1.0]],
        "/inputs": [[1.0]],
        "/gradients/layers.7.weight": [[1.0]],
    }.items():
        document = with_value(document, path_of(where), value)
    with pytest.raises(MalformedSubmission) as caught:
        read_submission(document)
    assert {mistake.pointer for mistake in caught.value.errors} >= {
        "/parameters/layers.0.weight",
        "/parameters/layers.1.bias",
        "/gradients/layers.1.weight",
        "/inputs",
        "/gradients/layers.7.weight",
    }


def test_of_many_like_mistakes_some_are_shown_and_the_rest_counted():
    with pytest.raises(MalformedSubmission) as caught:
        read_submission(with_value(BASE, ["inputs"], [["x"] * 3] * 5))
    places = [mistake for mistake in caught.value.errors if mistake.pointer.startswith("/inputs")]
    assert [mistake.pointer for mistake in places[:5]] == [
        "/inputs/0/0",
        "/inputs/0/1",
        "/inputs/0/2",
        "/inputs/1/0",
        "/inputs/1/1",
    ]
    assert places[5].pointer == "/inputs"
    assert "10 more" in places[5].detail


def test_pointers_escape_as_rfc_6901_says():
    assert json_pointer(("a/b", "c~d", 3)) == "/a~1b/c~0d/3"
    with pytest.raises(MalformedSubmission) as caught:
        read_submission(BASE | {"a/b~c": 1})
    assert caught.value.errors[0].pointer == "/a~1b~0c"


@each(["in_out", "out_in"])
def test_a_transposed_weight_is_told_the_layout_that_would_fit(orientation):
    other = {"in_out": "out_in", "out_in": "in_out"}[orientation]
    document = with_value(BASE, ["network", "weights"], orientation)
    shape = (4, 3) if orientation == "in_out" else (3, 4)
    document["parameters"][W0] = np.zeros(shape).tolist()
    with pytest.raises(MalformedSubmission, match=f"set network.weights to {other}"):
        read_submission(document)


@each(["in_out", "out_in"])
def test_a_gradient_transposed_by_itself_is_told_to_turn_it(orientation):
    document = with_value(BASE, ["network", "weights"], orientation)
    for group in ("parameters", "gradients"):
        for name, array in document[group].items():
            if name.endswith(".weight") and orientation == "out_in":
                document[group][name] = np.array(array).T.tolist()
    document["gradients"][W0] = np.array(document["gradients"][W0]).T.tolist()
    with pytest.raises(MalformedSubmission) as caught:
        read_submission(document)
    (mistake,) = caught.value.errors
    assert mistake.pointer == f"/gradients/{W0}"
    assert mistake.remedy.startswith("transpose the gradient")
    assert "network.weights" not in mistake.detail


@each(
    [
        (["gradients", "layers.0.weights"], "/gradients/layers.0.weights", "known are"),
        (["loss", "bach"], "/loss/bach", "known are"),
        (["gradient"], "/gradient", "known are"),
        (["tolerence"], "/tolerence", "did you mean 'tolerance'?"),
        (["network", "layers", 0, "bais"], "/network/layers/0/bais", "did you mean 'bias'?"),
    ]
)
def test_a_name_that_is_there_already_is_not_what_was_meant(where, pointer, remedy):
    base = with_value(BASE, ["loss"], {"name": "cross_entropy", "batch": "mean"})
    with pytest.raises(MalformedSubmission) as caught:
        read_submission(with_value(base, where, 1))
    assert any(m.remedy.startswith(remedy) for m in caught.value.errors if m.pointer == pointer)
    for mistake in caught.value.errors:
        for taken in ("layers.0.weight'", "'batch'", "'gradients'"):
            assert f"did you mean {taken}" not in mistake.remedy


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "JSON text"),
        ('{"a": 1,}', "line 1"),
        ('{"a": 1, "a": 2}', "the key 'a' more than once"),
        ('{"network": {"layers": [], "layers": []}}', "the key 'layers' more than once"),
        ("[" * 100_000, "nested at most 64 deep"),
        ('{"a":' * 100_000, "nested at most 64 deep"),
        ('{"inputs": ' + "[" * 100_000 + "1" + "]" * 100_000 + "}", "nested at most 64 deep"),
        ('{"inputs": ' + "1" * 5000 + "}", "JSON text"),
        ("{'a': 1}", "JSON text"),
        ('{"a": 1} {"b": 2}', "Extra data"),
        ('{"a": 01}', "JSON text"),
    ],
    ids=lambda value: value[:24],
)
def test_broken_text_says_what_is_wrong(text, words):
    with pytest.raises(MalformedSubmission, match=words):
        read_submission(parse_bytes(text.encode()))


def test_several_duplicate_keys_are_all_reported():
    with pytest.raises(MalformedSubmission) as caught:
        parse_bytes(b'{"a": 1, "a": 2, "b": {"c": 1, "c": 2}}')
    assert len(caught.value.errors) == 2


def test_the_text_of_an_error_needs_no_python_to_understand():
    with pytest.raises(UnreadableSubmission) as caught:
        parse_bytes(b'{"inputs": ' + b"1" * 5000 + b"}")
    assert "sys." not in str(caught.value)


@each(["", "network", "loss", "parameters", "gradients", "masks"])
def test_keys_that_are_no_strings_are_mistakes(group):
    document = with_value(BASE, ["masks"], {})
    place = document[group] if group else document
    place[5] = [[1.0]]
    with pytest.raises(MalformedSubmission):
        read_submission(document)


@pytest.mark.parametrize(
    "value",
    [
        np.ones((5, 3), dtype=bool),
        np.ones((5, 3), dtype=complex),
        np.array([["1"] * 3] * 5),
        np.full((5, 3), None),
        torch.ones(5, 3, dtype=torch.bool),
        torch.ones(5, 3, dtype=torch.complex64),
    ],
    ids=["bool", "complex", "strings", "objects", "bool tensor", "complex tensor"],
)
def test_arrays_and_tensors_of_other_things_than_real_numbers_are_mistakes(value):
    with pytest.raises(MalformedSubmission, match="/inputs: expected an array of real numbers"):
        read_submission(BASE | {"inputs": value})


@pytest.mark.parametrize(
    "value",
    [np.float64(0.5), np.float32(0.5), np.int64(1), torch.tensor(0.5)],
    ids=lambda v: type(v).__name__,
)
def test_a_loss_may_be_reported_as_the_scalar_that_a_library_gives(value):
    assert read_submission(BASE | {"reported_loss": value}).reported_loss == float(value)


@pytest.mark.parametrize(
    "make", [np.array, lambda row: torch.tensor(row, dtype=torch.float64)], ids=["numpy", "torch"]
)
def test_a_list_of_rows_that_are_arrays_is_a_matrix(make):
    rows = [make(row) for row in BASE["inputs"]]
    read = read_submission(BASE | {"inputs": rows})
    np.testing.assert_array_equal(read.problem.batch.inputs, np.array(BASE["inputs"]))


def test_a_name_that_no_encoding_can_write_is_a_mistake_or_can_be_written():
    document = json.loads(json.dumps(BASE).replace('{"network"', '{"name": "\\ud800", "network"', 1))
    try:
        report = verify(document)
    except MalformedSubmission as error:
        text = str(error)
    else:
        text = json.dumps(report.to_dict(), ensure_ascii=False) + str(report)
    assert text.encode()


def test_a_field_that_no_encoding_can_write_is_named_in_words_that_can():
    with pytest.raises(MalformedSubmission) as caught:
        read_submission(BASE | {"\ud800": 1})
    assert str(caught.value).encode()


def test_of_many_wrong_names_few_are_compared_and_with_few_each(monkeypatch):
    compared = []

    def counted_matches(word, possibilities, **how):
        compared.append((len(word), len(possibilities)))
        return get_close_matches(word, possibilities, **how)

    monkeypatch.setattr("verifier.problem.errors.get_close_matches", counted_matches)
    document = small_document()
    document["network"] = {"layers": [{"in": 1, "out": 1}] * 150}
    document["gradients"] = {f"layer.{i}.weigh" + "t" * 100: [] for i in range(400)}
    with pytest.raises(MalformedSubmission):
        read_submission(document)
    assert 0 < len(compared) <= MOST
    assert all(characters <= 60 and names <= 60 for characters, names in compared)
