"""The pytest plugin, run as a student's pytest would run it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gradjury.pytest_plugin.runs import run, run_cold

pytest_plugins = ["pytester"]

# a linear layer, R = 1/N Σ ½(y - f)², by hand
QUESTION = """
import numpy as np

NETWORK = [{"in": 2, "out": 2}]
PARAMETERS = {"layers.0.weight": [[1.0, 2.0], [3.0, 4.0]], "layers.0.bias": [0.5, 0.25]}
X, Y = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])


def gradients_by_hand(scale=1.0):
    delta = (X @ PARAMETERS["layers.0.weight"] + PARAMETERS["layers.0.bias"] - Y) / len(X)
    return {"layers.0.weight": scale * X.T @ delta, "layers.0.bias": scale * delta.sum(axis=0)}
"""
WITHOUT_TORCH = """
import pytest
pytestmark = pytest.mark.gradients(oracles=["backpropagation", "finite_differences"])
"""  # which a fresh process would import
RIGHT = f"""{QUESTION}

def test_right(gradients):
    report = gradients.check(NETWORK, "mse", X, Y, gradients_by_hand(), parameters=PARAMETERS)
    assert report.verdict == "correct"
"""
WRONG = f"""{QUESTION}

def test_wrong(gradients):
    gradients.check(NETWORK, "mse", X, Y, gradients_by_hand(2.0), parameters=PARAMETERS)
"""


# a module of PyTorch, its gradients left in .grad by PyTorch itself
MODULE = """
import pytest, torch
from torch import nn
from verifier import MalformedSubmission

torch.manual_seed(0)
MODEL = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
X, Y = torch.randn(5, 3), torch.tensor([0, 1, 1, 0, 1])


def backward(reduction="mean"):
    MODEL.zero_grad()
    nn.functional.cross_entropy(MODEL(X), Y, reduction=reduction).backward()
"""


def test_right_gradients_pass_and_the_summary_says_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(RIGHT)
    result = run(pytester)
    assert result.parseoutcomes()["passed"] == 1
    result.stdout.fnmatch_lines(["*= gradients =*", "correct*6 of 6 numbers correct*test_right"])


def test_wrong_gradients_fail_by_one_subtest_a_parameter(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(WRONG)
    result = run(pytester)
    assert result.ret == 1
    text = result.stdout.str()
    assert "layers.0.weight: 4 of 4 numbers are wrong" in text
    assert "layers.0.bias: 2 of 2 numbers are wrong" in text
    result.stdout.fnmatch_lines(["*bug: batch-sum-for-mean in the whole network (loss)"])


@pytest.mark.parametrize("loss", ['"torch.cross_entropy"', "nn.CrossEntropyLoss()"])
def test_a_live_module_stands_for_layers_parameters_and_gradients(
    pytester: pytest.Pytester, loss: str
) -> None:
    pytester.makepyfile(
        f"""{MODULE}

def test_right(gradients):
    backward()
    report = gradients.check(MODEL, {loss}, X, Y, name="hw1")
    assert (report.verdict, report.precision, report.name) == ("correct", "float32", "hw1")

def test_wrong(gradients):
    backward(reduction="sum")
    gradients.check(MODEL, {loss}, X, Y)

def test_gradients_by_the_modules_names(gradients):
    backward()
    found = {{name: own.grad for name, own in MODEL.named_parameters()}}
    MODEL.zero_grad()
    assert gradients.check(MODEL, {loss}, X, Y, found).verdict == "correct"
"""
    )
    result = run(pytester)
    outcomes = result.parseoutcomes()
    assert (outcomes["passed"], outcomes["failed"]) == (2, 5)  # the wrong test, and its four parameters
    result.stdout.fnmatch_lines(["*bug: batch-sum-for-mean in the whole network (loss)"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "gradients: expected gradients in the module's .grad, got none; call loss.backward() first"),
        ("{}, parameters={}", "parameters: expected none beside a module, which has its own, got some"),
    ],
)
def test_a_module_without_gradients_or_with_parameters_is_refused(
    pytester: pytest.Pytester, arguments: str, words: str
) -> None:
    pytester.makepyfile(
        f"""{MODULE}

def test_refused(gradients):
    with pytest.raises(MalformedSubmission) as refusal:
        gradients.check(MODEL, "torch.cross_entropy", X, Y, {arguments})
    assert str(refusal.value).startswith({words!r})
"""
    )
    assert run(pytester).parseoutcomes()["passed"] == 1


def test_arrays_may_be_tensors_that_require_gradients(pytester: pytest.Pytester) -> None:
    tensors = RIGHT.replace("X, Y, gradients_by_hand()", "*tensors(X, Y), made_tensors(gradients_by_hand())")
    pytester.makepyfile(
        tensors.replace("parameters=PARAMETERS", "parameters=made_tensors(PARAMETERS)")
        + """

def tensors(*arrays):
    import torch
    return [torch.tensor(one, dtype=torch.float64, requires_grad=True) for one in arrays]


def made_tensors(named):
    return dict(zip(named, tensors(*named.values())))
"""
    )
    result = run(pytester)
    assert result.parseoutcomes()["passed"] == 1
    result.stdout.fnmatch_lines(["correct*6 of 6 numbers correct*"])


def test_a_failure_is_told_in_at_most_a_dozen_lines(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(WRONG)
    sections = re.split(r"^_{3,}.*_{3,}$", run(pytester).stdout.str(), flags=re.MULTILINE)[1:]
    messages = [section.split("\n=", 1)[0].strip().splitlines() for section in sections]
    assert messages
    assert max(map(len, messages)) <= 12


def test_checks_of_all_workers_reach_the_summary_and_the_report(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_one=WITHOUT_TORCH + RIGHT, test_two=WITHOUT_TORCH + WRONG)
    result = run_cold(pytester, "-n", "2", "--gradients-report=found.json")
    assert result.ret == 1
    result.stdout.fnmatch_lines_random(["correct*test_one*", "incorrect*test_two*"])
    checks = json.loads((pytester.path / "found.json").read_text())["checks"]
    assert sorted(check["verdict"] for check in checks) == ["correct", "incorrect"]


def test_the_page_holds_every_report_and_escapes_what_tests_are_called(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        WRONG.replace(
            "def test_wrong(gradients)",
            "import pytest\n@pytest.mark.parametrize('x', ['<b>'])\ndef test_wrong(gradients, x)",
        )
    )
    run(pytester, "--gradients-report=found.html")
    page = (pytester.path / "found.html").read_text()
    assert "batch-sum-for-mean in the whole network (loss)</p>" in page
    assert "::test_wrong[&lt;b&gt;]" in page
    assert "<b>" not in page


def test_the_page_of_a_run_without_checks_says_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing():\n    pass\n")
    assert run(pytester, "--gradients-report=found.html").ret == pytest.ExitCode.OK
    assert "<p>0 submissions: none.</p>" in (pytester.path / "found.html").read_text()


def test_a_report_into_an_absent_folder_is_refused_before_any_test_runs(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(RIGHT)
    result = run(pytester, "--gradients-report=absent/found.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*expected a file in a folder that exists, got 'absent/found.json'; create*"]
    )


def test_a_report_that_cannot_be_written_is_told_after_the_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(RIGHT)
    (pytester.path / "found.json").mkdir()
    result = run(pytester, "--gradients-report=found.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    assert result.parseoutcomes()["passed"] == 1
    result.stdout.fnmatch_lines(
        ["*--gradients-report: expected a file that can be written, got 'found.json'*"]
    )


@pytest.mark.parametrize("name", ["found.txt", "found"])
def test_a_report_of_an_unknown_format_is_refused_at_once(pytester: pytest.Pytester, name: str) -> None:
    pytester.makepyfile(RIGHT)
    result = run(pytester, f"--gradients-report={name}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*expected a name in .json or .html, got '{name}'*"])


def test_the_marker_sets_the_tolerance(pytester: pytest.Pytester) -> None:
    off = RIGHT.replace("gradients_by_hand()", "gradients_by_hand(1 + 1e-7)")
    strict = off.replace(
        "def test_right", "import pytest\n@pytest.mark.gradients(preset='strict')\ndef test_right"
    )
    pytester.makepyfile(test_standard=off, test_strict=strict)
    result = run(pytester)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines_random(["correct*test_standard*", "incorrect*test_strict*"])


def test_a_marker_with_an_unknown_option_is_told_those_there_are(
    pytester: pytest.Pytester,
) -> None:
    marked = RIGHT.replace("def test_right", "import pytest\n@pytest.mark.gradients(tol=1)\ndef test_right")
    pytester.makepyfile(marked)
    result = run(pytester)
    assert result.ret != 0
    assert "with preset, rtol, atol or oracles as keywords, got tol" in result.stdout.str()


def test_runs_without_gradients_show_no_table(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing():\n    assert True\n")
    result = run(pytester)
    assert result.parseoutcomes()["passed"] == 1
    result.stdout.no_fnmatch_line("*= gradients =*")


def test_the_plugin_imports_nothing_that_pytest_has_not_loaded() -> None:
    code = """
import pytest, sys
before = set(sys.modules)
import gradjury.pytest_plugin
print(*sorted(set(sys.modules) - before))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["gradjury", "gradjury.packages", "gradjury.pytest_plugin"]


def test_the_students_example_fails_as_the_readme_shows(pytester: pytest.Pytester) -> None:
    for path in (Path(__file__).parents[3] / "examples" / "student").glob("*.py"):
        (pytester.path / path.name).write_bytes(path.read_bytes())
    result = run(pytester, "-q", "-p", "no:xdist", ".")
    assert result.ret == 1
    shown = (Path(__file__).parents[3] / "README.md").read_text()
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", shown, flags=re.DOTALL | re.MULTILINE)
    (block,) = [text for fence, text in blocks if fence == "" and "backward is wrong" in text]
    for line in block.splitlines():
        if line.strip() and line.strip() != "…":
            assert line in result.outlines, line


OPERATION = """
import numpy as np


class Multiply:
    def forward(self, a, b):
        self.a, self.b = a, b
        return a * b

    def backward(self, output_grad):
        return output_grad * self.b, output_grad * self.a


def test_wrong(gradients):
    gradients.check_operation(Multiply, like="multiply")


def test_right_on_one_shape(gradients):
    check = gradients.check_operation(Multiply, like="multiply", shapes=[((2, 3), (2, 3))])
    assert check.verdict == "correct"
"""


def test_a_wrong_operation_fails_with_the_rule_and_the_smallest_input(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(OPERATION)
    result = run(pytester, "--gradients-report=found.html")
    outcomes = result.parseoutcomes()
    assert (outcomes["passed"], outcomes["failed"]) == (1, 1)
    result.stdout.fnmatch_lines(
        [
            "Multiply is wrong, compared with multiply",
            "  bias-not-summed in backward, the gradient of b",
            "  the smallest input found that shows it:",
            "    a = np.array([[]1.0[]])",
            "    b = np.array(1.0)",
            "*= gradients =*",
            "incorrect*test_wrong*",
            "correct*test_right_on_one_shape*",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "bias-not-summed" in (pytester.path / "found.html").read_text()


def test_a_live_graph_is_checked_by_the_tensor_in_which_it_ends(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import numpy as np, pytest, torch
from edugrad import Tensor, ops
from verifier import MalformedSubmission


def backward(scale):
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    hidden = w.tanh()
    hidden.retain_grad()
    loss = (hidden * w).sum()
    loss.backward(retain_graph=True)
    hidden.grad *= scale
    return loss, {"w": w, "hidden": hidden}


def test_right(gradients):
    loss, names = backward(1.0)
    assert gradients.check(loss, names=names).verdict == "correct"
    with pytest.raises(MalformedSubmission, match="nothing beside a live tensor"):
        gradients.check(loss, "mse", names=names)


def test_wrong(gradients):
    loss, names = backward(3.0)
    gradients.check(loss, names=names, name="hw1")


def test_of_edugrad(gradients):
    loss = ops.reduce_sum(Tensor(np.array([1.0, 2.0]), name="w") ** 2)
    loss.backward()
    assert gradients.check(loss).verdict == "correct"
"""
    )
    result = run(pytester)
    outcomes = result.parseoutcomes()
    assert (outcomes["passed"], outcomes["failed"]) == (2, 2)  # the wrong test, and its one subtest
    assert "nodes.hidden: 2 of 2 numbers are wrong" in result.stdout.str()


# products of numbers: right gradients, and their opposites
GRAPH_BACKWARD = """
from verifier.examples.graphs import correct_gradients


def right(document):
    return correct_gradients(document)


def opposite(document):
    return {name: -own for name, own in correct_gradients(document).items()}


def test_right(gradients):
    gradients.check_graph_backprop(right, operations=["multiply"], most_nodes=4, graphs=10)


def test_opposite(gradients):
    gradients.check_graph_backprop(opposite, operations=["multiply"], most_nodes=4, graphs=10)
"""


def test_a_backward_function_over_graphs_fails_with_the_smallest_graph(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(GRAPH_BACKWARD)
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*opposite is wrong; the smallest graph that shows it: 1 node*"])
    result.stdout.fnmatch_lines(["*n1 = multiply(*"])
