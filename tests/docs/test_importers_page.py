"""The code and output on the page about importers are correct."""

import re
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from verifier import MalformedSubmission
from verifier.documents.importers import IMPORTERS, from_torch

PAGE = (Path(__file__).parents[2] / "docs" / "importers.md").read_text()


def blocks(language: str) -> list[str]:
    matches = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    return [text for fence, text in matches if fence == language]


@pytest.mark.parametrize(("place", "verdict"), [(0, "correct"), (1, "incorrect")])
def test_the_examples_judge_pytorchs_gradients_and_changed_ones_right(place: int, verdict: str) -> None:
    examples = blocks("python")
    assert len(examples) == 2
    names: dict[str, Any] = {}
    exec(examples[place], names)
    assert names["report"].verdict == verdict
    assert names["report"].precision == "float32"


def test_the_refusal_shown_is_the_refusal_of_a_convolution() -> None:
    (shown,) = blocks("")
    module = nn.Sequential()
    module.add_module("features", nn.Sequential(nn.Conv2d(1, 1, 3)))
    with pytest.raises(MalformedSubmission) as refusal:
        from_torch(module, "mse", [[1.0]], [[1.0]])
    assert str(refusal.value) == shown.strip()


def test_every_importer_has_its_row_and_its_extra() -> None:
    for row in IMPORTERS.values():
        assert f"`{row.function}(" in PAGE
        assert row.extra is None or f"gradjury[{row.extra}]" in PAGE


def test_commands_shown_are_those_of_sources_of_files() -> None:
    commands = {
        name for text in blocks("console") for name in re.findall(r"^\$ gradjury import (\w+)", text, re.M)
    }
    assert commands == {name for name, row in IMPORTERS.items() if row.from_files}
