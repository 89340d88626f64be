"""The commands and output in the README are correct."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference_impl import backpropagate, named
from verifier.documents.reading import read_question

README = (Path(__file__).parent.parent / "README.md").read_text()


def block(language: str, containing: str) -> str:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
    (block_text,) = [text for fence, text in blocks if fence == language and containing in text]
    return block_text


@pytest.mark.parametrize("slope", [1.0, 2.0], ids=["right", "wrong"])
def test_the_pytest_example_passes_for_a_right_backward_pass_alone(slope: float) -> None:
    def my_backward_pass(parameters: dict[str, Any], inputs: Any, targets: Any) -> dict[str, Any]:
        network = {"layers": [{"in": 3, "out": 4, "activation": "tanh"}, {"in": 4, "out": 2}]}
        question = {"network": network, "loss": "mse", "parameters": parameters}
        submission = read_question(question | {"inputs": inputs, "targets": targets})
        return {name: slope * array for name, array in named(backpropagate(submission.problem))}

    names: dict[str, Any] = {"my_backward_pass": my_backward_pass, "np": np}
    exec(block("python", "test_my_backward_pass"), names)
    if slope == 1.0:
        assert names["test_my_backward_pass"]() is None
    else:
        with pytest.raises(AssertionError, match="incorrect"):
            names["test_my_backward_pass"]()


def test_the_two_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    makefile = (Path(__file__).parent.parent / "Makefile").read_text()
    commands = re.findall(r"^\$ make (\w+)", block("console", "make run"), flags=re.MULTILINE)
    assert commands == ["run", "test"]
    targets = re.findall(r"^([\w -]+):", makefile, flags=re.MULTILINE)
    assert set(commands) <= {name for line in targets for name in line.split()}
