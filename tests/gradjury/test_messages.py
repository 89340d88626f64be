"""Mistakes are answered as docs/messages.md says: with place, actual and expected value, and a remedy."""

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.gradjury.mistakes import CALLS, COMMANDS, DOCUMENTS, QUICK, submission
from verifier.cli.main import main
from verifier.documents.files import write_document
from verifier.pipeline.layers import verify

PAGE = (Path(__file__).parents[2] / "docs" / "messages.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
NOW = {mistake.strip("`"): now for mistake, _, now in ROWS}
TAKEN = "taken"


def matches(now: str, message: str) -> bool:
    """True if a message is the one in a cell of the page, where `…` stands for any text."""
    parts = [re.escape(part) for part in now.strip("`").replace("\\|", "|").split(" … ")]
    return re.fullmatch(".*".join(parts), message) is not None


def first_line(call: Callable[[], Any]) -> str:
    """Return the first line of a call's exception, or the first warning of its report."""
    try:
        report = call()
    except (ValueError, TypeError, OSError) as error:
        return str(error).splitlines()[0]
    return next((f"{warning.code}: {warning.detail}" for warning in report.warnings), TAKEN)


def message_of_change(mistake: str) -> str:
    document = submission()
    DOCUMENTS[mistake](document)
    return first_line(lambda: verify(document, oracles=QUICK, diagnosis=False))


def message_of_command(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(command.split())
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()[0]


def make_files(folder: Path) -> None:
    document = submission()
    gradients = document.pop("gradients")
    (folder / "wrong.json").write_bytes(write_document(document | {"gradients": gradients}, "json"))
    (folder / "hw.json").write_bytes(write_document({"problem": document}, "json"))
    np.savez(folder / "gradients.npz", **gradients)
    (folder / "a.pkl").write_bytes(pickle.dumps([1, 2, 3]))
    (folder / "none").mkdir()


@pytest.mark.parametrize("mistake", DOCUMENTS)
def test_a_mistake_in_a_document_is_answered_as_the_page_says(mistake: str) -> None:
    assert matches(NOW[mistake], message_of_change(mistake))


@pytest.mark.parametrize("mistake", CALLS)
def test_a_mistake_in_a_call_is_answered_as_the_page_says(mistake: str) -> None:
    assert matches(NOW[mistake], first_line(CALLS[mistake]))


def test_mistakes_in_commands_are_answered_as_the_page_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    answers = {command: message_of_command(command, capsys) for command in COMMANDS}
    assert [command for command in COMMANDS if not matches(NOW[command], answers[command])] == []


def test_the_page_has_no_other_rows() -> None:
    assert set(NOW) - {"mistake", "---"} == {*DOCUMENTS, *CALLS, *COMMANDS}
