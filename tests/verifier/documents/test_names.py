"""Names as people write them mean parameters where that is unambiguous, and by `names` otherwise."""

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from verifier.cli.main import main
from verifier.documents.assignment import generate_instance, read_assignment
from verifier.documents.files import write_document
from verifier.documents.gradients import parse_gradients, read_uploaded_gradients
from verifier.documents.reading import read_submission
from verifier.examples.named import load_example
from verifier.pipeline.layers import verify
from verifier.problem.errors import MalformedSubmission
from verifier.report.reading import read_report

QUICK = ("backpropagation", "finite_differences")
KNOWN = [f"layers.{index}.{kind}" for index in range(3) for kind in ("weight", "bias")]


def problem(sizes: tuple[int, ...] = (3, 4, 5, 2)) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    layers = [{"in": a, "out": b, "activation": "tanh"} for a, b in pairwise(sizes)]
    parameters = {}
    for index, layer in enumerate(layers):
        parameters[f"layers.{index}.weight"] = rng.normal(size=(layer["in"], layer["out"]))
        parameters[f"layers.{index}.bias"] = rng.normal(size=layer["out"])
    return {
        "network": {"layers": layers},
        "loss": "mse",
        "parameters": parameters,
        "inputs": rng.normal(size=(6, sizes[0])),
        "targets": rng.normal(size=(6, sizes[-1])),
    }


PROBLEM = problem()
GRADIENTS = {name: np.full(array.shape, 0.5) for name, array in PROBLEM["parameters"].items()}


def named(names: list[str], arrays: Mapping[str, Any] = GRADIENTS) -> dict[str, Any]:
    return dict(zip(names, arrays.values(), strict=True))


def each(form: str, start: int) -> list[str]:
    """Return a name for each parameter. form: of a weight's name, with # for the layer's number."""
    biases = {"W": "b", "w": "b", "weight": "bias", "kernel": "bias"}
    kind = next(kind for kind in ("weight", "kernel", "W", "w") if kind in form)
    return [
        name.replace("#", str(index))
        for index in range(start, start + 3)
        for name in (form, form.replace(kind, biases[kind]))
    ]


FORMS = [
    each("W#", 1), each("W#", 0), each("dW#", 1), each("w#", 1), each("w_#", 1), each("grad_W#", 1),
    each("dL_dW#", 1), each("W#_grad", 1), each("dLdW#", 1), each("gW#", 1), each("nabla_w#", 0),
    each("weight#", 1), each("d_weight_#", 0), each("fc#.weight", 1), each("fc#.weight.grad", 1),
    each("layer#/kernel", 1), each("layers.#.weight", 1), each("layers.#.W", 0), each("#.weight", 0),
    ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"],
    ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "out.weight", "out.bias"],
    ["W_hidden", "b_hidden", "W_middle", "b_middle", "W_out", "b_out"],
]  # fmt: skip


@pytest.mark.parametrize("names", FORMS, ids=lambda names: names[0])
@pytest.mark.parametrize("field", ["gradients", "parameters"])
def test_common_names_are_recognised(names: list[str], field: str) -> None:
    document = (
        PROBLEM
        | {"gradients": GRADIENTS}
        | {field: named(names, (PROBLEM | {"gradients": GRADIENTS})[field])}
    )
    submission = read_submission(document)
    for name, array in GRADIENTS.items():
        np.testing.assert_array_equal(submission.gradients[name], array)
    layers = submission.problem.parameters
    np.testing.assert_array_equal(layers[1].weight, PROBLEM["parameters"]["layers.1.weight"])


def test_a_gradient_that_is_missing_leaves_the_others_their_layer() -> None:
    w2 = {"dW2": GRADIENTS["layers.1.weight"]}
    assert list(read_submission(PROBLEM | {"gradients": w2}).gradients) == ["layers.1.weight"]
    square = problem((3, 3, 3, 3))
    square["parameters"] = named(each("W#", 0), square["parameters"])
    third = {"dW2": np.ones((3, 3))}
    assert list(read_submission(square | {"gradients": third}).gradients) == ["layers.2.weight"]


@pytest.mark.parametrize(
    ("names", "arrays"),
    [
        (["dW1", "dW2"], 2 * [np.ones((3, 3))]),
        (["W_a", "b_a", "W_b", "b_b", "W_c", "b_c"], 3 * [np.ones((3, 3)), np.ones(3)]),
        (["layers.1.weight", "layers.3.weight"], 2 * [np.ones((3, 3))]),
        (["W1", "b1", "W2", "b2", "W3", "c3"], 3 * [np.ones((3, 3)), np.ones(3)]),
        (["W1", "dW1"], 2 * [np.ones((3, 3))]),
    ],
    ids=["first or second", "words alone", "0 or 1", "an unknown kind", "twice"],
)
def test_what_could_mean_several_things_is_refused(names: list[str], arrays: list[Any]) -> None:
    document = problem((3, 3, 3, 3)) | {"gradients": dict(zip(names, arrays, strict=True))}
    with pytest.raises(MalformedSubmission, match="the name of a parameter of this network"):
        read_submission(document)


def test_names_say_what_each_name_means() -> None:
    square = problem((3, 3, 3, 3))
    gradients = {"first": np.ones((3, 3)), "last": np.zeros((3, 3))}
    names = {"first": "layers.0.weight", "last": "layers.2.weight", "unused": "layers.1.bias"}
    submission = read_submission(square | {"gradients": gradients, "names": names})
    assert list(submission.gradients) == ["layers.0.weight", "layers.2.weight"]
    report = verify(square | {"gradients": gradients, "names": names}, oracles=QUICK)
    assert report.parameters["layers.0.weight"].submitted_as == "first"
    assert report.parameters["layers.0.bias"].submitted_as is None
    assert "layers.0.weight (first)" in str(report)
    assert read_report(report.to_dict()).parameters["layers.0.weight"].submitted_as == "first"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (3, '/names: expected an object such as {"W1": "layers.0.weight"'),
        ({"W1": "layers.3.weight"}, "/names/W1: expected the name of a parameter of this network"),
        ({"W1": 3}, "/names/W1: expected the name of a parameter"),
        ({"W1": "layers.0.weight", "V1": "layers.0.weight"}, "one array for each parameter, got W1 and V1"),
    ],
)
def test_wrong_names_are_refused(names: Any, message: str) -> None:
    gradients = {"W1": np.ones((3, 4)), "V1": np.ones((3, 4))}
    with pytest.raises(MalformedSubmission) as error:
        read_submission(PROBLEM | {"gradients": gradients, "names": names})
    assert message in str(error.value)


def test_mistakes_are_told_by_the_names_of_the_document() -> None:
    wrong = named(each("dW#", 1)) | {"dW2": np.ones((5, 4)), "db3": np.ones(3)}
    with pytest.raises(MalformedSubmission) as error:
        read_submission(PROBLEM | {"gradients": wrong})
    assert [item.sentence for item in error.value.errors] == [
        "/gradients/dW2: expected shape (4, 5), got (5, 4); transpose the gradient; "
        "it has its parameter's shape",
        "/gradients/db3: expected shape (2,) or (1, 2) or (2, 1), got (3,)",
    ]


def pairs(arrays: list[Any]) -> list[Any]:
    return list(zip(arrays[::2], arrays[1::2], strict=True))


@pytest.mark.parametrize("arrange", [list, tuple, pairs], ids=["a list", "a tuple", "pairs"])
def test_lists_are_in_the_order_of_the_layers(arrange: Callable[[list[Any]], Any]) -> None:
    submission = read_submission(PROBLEM | {"gradients": arrange(list(GRADIENTS.values()))})
    assert list(submission.gradients) == KNOWN


@pytest.mark.parametrize("shape", [(4,), (1, 4), (4, 1)])
def test_gradients_of_biases_may_be_rows_and_columns(shape: tuple[int, ...]) -> None:
    bias = {"layers.0.bias": np.arange(4.0).reshape(shape)}
    submission = read_submission(PROBLEM | {"gradients": GRADIENTS | bias})
    np.testing.assert_array_equal(submission.gradients["layers.0.bias"], np.arange(4.0))


def test_exchanged_gradients_are_told_as_such() -> None:
    exchanged = GRADIENTS | {"layers.1.weight": GRADIENTS["layers.2.weight"]}
    with pytest.raises(MalformedSubmission, match=r"the shape of layers\.2\.weight: were two exchanged\?"):
        read_submission(PROBLEM | {"gradients": exchanged})


class Table:
    """A table with the part of pandas' interface that is used."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape = array.shape

    def to_numpy(self) -> Any:
        return self.array


def test_tables_and_integers_are_taken() -> None:
    tables = {name: Table(array) for name, array in GRADIENTS.items()}
    submission = read_submission(PROBLEM | {"gradients": tables, "inputs": Table(PROBLEM["inputs"])})
    np.testing.assert_array_equal(submission.gradients["layers.1.weight"], GRADIENTS["layers.1.weight"])
    integers = {name: np.ones(array.shape, dtype=int) for name, array in GRADIENTS.items()}
    assert read_submission(PROBLEM | {"gradients": integers}).gradients["layers.0.bias"].dtype == np.float64


def test_an_assignment_names_what_students_hand_in() -> None:
    square = problem((3, 3, 3, 3))
    names = {"first": "layers.0.weight"}
    assignment = read_assignment({"problem": square, "names": names, "points": {"layers.0.weight": 2}})
    uploaded = parse_gradients(json.dumps({"first": np.ones((3, 3)).tolist()}).encode())
    assert list(read_uploaded_gradients(assignment.problem, uploaded).gradients) == ["layers.0.weight"]
    assert generate_instance(assignment.problem, b"key")["names"] == names
    renamed = {"gradients": {"a": np.ones((3, 3))}, "names": {"a": "layers.1.weight"}}
    assert list(read_uploaded_gradients(assignment.problem, renamed).gradients) == ["layers.1.weight"]


def test_points_may_use_the_problems_names() -> None:
    parameters = named(each("W#", 1), PROBLEM["parameters"])
    assignment = read_assignment(
        {"problem": PROBLEM | {"parameters": parameters}, "points": {"W1": 2, "b3": 1}}
    )
    assert dict(assignment.points.by_name) == {"layers.0.weight": 2, "layers.2.bias": 1}


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, list[str]]:
    with pytest.raises(SystemExit) as ended:
        main(["check", *map(str, arguments), "--oracles", ",".join(QUICK), "--jobs", "1"])
    output = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, output.out, output.err.splitlines()


def test_a_class_with_names_of_its_own_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right = verify(PROBLEM | {"gradients": GRADIENTS}, oracles=QUICK, entries="all")
    arrays = [row.entries.expected for row in right.parameters.values() if row.entries is not None]
    (tmp_path / "assignment.json").write_bytes(write_document({"problem": PROBLEM}, "json"))
    (tmp_path / "hw").mkdir()
    for student in range(3):
        np.savez(tmp_path / "hw" / f"{student}.npz", **dict(zip(each("dW#", 1), arrays, strict=True)))
    code, out, errors = run(capsys, tmp_path / "hw", "--assignment", tmp_path / "assignment.json")
    assert (code, errors) == (0, [])
    assert out.endswith("3 submissions: 3 correct\n")
    for student in range(6):
        odd = dict(zip(["p", "q", "r", "s", "t", "u"], arrays, strict=True))
        np.savez(tmp_path / "hw" / f"{student}.npz", **odd)
    code, _, errors = run(capsys, tmp_path / "hw", "--assignment", tmp_path / "assignment.json")
    assert code == 2
    assert errors[0].startswith("6 files have the same mistakes: ")
    assert errors[0].endswith("4.npz and 1 more")
    assert [line.split(":")[0] for line in errors[1:]] == [f"  /gradients/{name}" for name in "pqrstu"]
    (tmp_path / "names.json").write_text(json.dumps(dict(zip("pqrstu", KNOWN, strict=True))))
    files = (
        tmp_path / "hw",
        "--assignment",
        tmp_path / "assignment.json",
        "--names",
        tmp_path / "names.json",
    )
    assert run(capsys, *files)[0] == 0
    (tmp_path / "names.json").write_text("[]")
    assert run(capsys, *files)[2][0].startswith(f"--names {tmp_path / 'names.json'}: expected names by names")


def test_names_work_in_graphs() -> None:
    document = load_example("olah")
    name = next(iter(document["gradients"]))
    renamed = {("mine" if known == name else known): value for known, value in document["gradients"].items()}
    report = verify(document | {"gradients": renamed, "names": {"mine": name}}, oracles=("backpropagation",))
    assert report.parameters[name].submitted_as == "mine"
    assert report.parameters[name].verdict == "correct"
    with pytest.raises(MalformedSubmission, match=r"/names/mine: expected the name of a parameter"):
        verify(document | {"gradients": renamed, "names": {"mine": "absent"}})
