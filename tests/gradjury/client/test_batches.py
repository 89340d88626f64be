"""Batches of the client and the command: sent as files or arrays, followed, read and cancelled."""

import asyncio
import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx2
import numpy as np
import pytest
import scipy.io
from fastapi.testclient import TestClient

from api.storage.records import Role
from gradjury import AsyncClient, Client
from gradjury.client import transport
from gradjury.client.records import BatchStatus
from gradjury.client.uploads import batch_upload
from tests.api.clients import RIGHT, WRONG, problem_of
from tests.api.conftest import Serve
from tests.gradjury.client.conftest import ClientOf
from tests.gradjury.client.test_client import LossyTransport
from verifier.problem.errors import MalformedSubmission

ASSIGNMENT = {"title": "Homework 1", "problem": problem_of(WRONG)}
GRADIENTS = {name: np.array(value) for name, value in WRONG["gradients"].items()}


@pytest.fixture(scope="module")
def service(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation", answer_grid=0, worker=True)


@pytest.fixture(scope="module")
def grader(client_of: ClientOf) -> Client:
    return client_of(Role.GRADER, "prof")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Hand-ins: a folder for each student, with two files of one name, a .mat file and a broken one."""
    for name in ("ada", "bob", "eve", "joe"):
        (tmp_path / name).mkdir()
    np.savez(tmp_path / "ada" / "grads.npz", **GRADIENTS)
    (tmp_path / "bob" / "grads.json").write_text(json.dumps(WRONG["gradients"]))
    (tmp_path / "eve" / "grads.json").write_text("{")
    names = {
        "layers.0.weight": "dW1",
        "layers.0.bias": "db1",
        "layers.1.weight": "dW2",
        "layers.1.bias": "db2",
    }
    scipy.io.savemat(tmp_path / "joe" / "grads.mat", {names[name]: row for name, row in GRADIENTS.items()})
    return tmp_path


def test_a_folder_is_judged_as_the_hand_ins_of_its_students(grader: Client, folder: Path) -> None:
    homework = grader.create_assignment(ASSIGNMENT)
    seen: list[BatchStatus] = []
    sent = grader.create_batch(folder, assignment=homework)
    batch = grader.wait_for_batch(sent, progress=seen.append)
    assert (batch.state, batch.total, batch.done, batch.assignment) == ("finished", 4, 4, homework.id)
    assert (batch.states["judged"], batch.states["refused"], batch.verdicts["incorrect"]) == (3, 1, 3)
    assert seen[-1] == batch
    assert [state.done for state in seen] == sorted({state.done for state in seen})
    ada, bob, eve, joe = grader.outcomes(batch)
    assert (ada.source, bob.source, eve.source, joe.source) == ("ada", "bob", "eve", "joe")
    assert ada.report is not None
    assert ada.report.diagnosis[0].bug == "preactivation-as-input"
    assert grader.report(str(ada.report_id)).to_dict() == ada.report.to_dict()
    assert (eve.state, eve.verdict, eve.report, eve.report_id) == ("refused", None, None, None)
    assert "JSON" in str(eve.refusal)
    assert [row["student"] for row in grader.grades(homework).rows] == ["ada", "bob", "eve", "joe"]
    assert grader.batches()[0] == grader.cancel_batch(batch) == batch  # it is over


def test_arrays_documents_and_archives_are_sent_as_well(
    grader: Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homework = grader.create_assignment(ASSIGNMENT)
    monkeypatch.setattr(transport, "_FIRST_PAUSE", 0)
    lossy = Client("http://testserver", grader._token, transport=LossyTransport(grader._http._transport))
    before = len(grader.batches())
    sources = {"ada": GRADIENTS, "bob": folder / "bob" / "grads.json"}
    batch = grader.wait_for_batch(lossy.create_batch(sources, assignment=homework))
    assert len(grader.batches()) == before + 1  # sent twice, stored once
    assert batch.verdicts["incorrect"] == 2
    with ZipFile(folder / "all.zip", "w") as archive:
        archive.writestr("right.json", json.dumps(RIGHT))
    whole = grader.wait_for_batch(grader.create_batch(folder / "all.zip"))
    (outcome,) = grader.outcomes(whole)
    assert (outcome.source, outcome.verdict, whole.assignment) == ("right.json", "correct", None)
    assert grader.create_batch({"right": RIGHT, "wrong": WRONG}).total == 2


def test_the_async_client_follows_a_batch(grader: Client, service: TestClient) -> None:
    async def judge() -> Any:
        async with AsyncClient(
            "http://testserver", grader._token, transport=httpx2.ASGITransport(service.app)
        ) as client:
            batch = await client.wait_for_batch(await client.create_batch({"right": RIGHT}), progress=print)
            return await client.outcomes(batch)

    ((outcome,)) = asyncio.run(judge())
    assert (outcome.verdict, bool(outcome.report)) == ("correct", True)


def test_names_that_would_get_lost_are_refused_all_at_once(folder: Path) -> None:
    (folder / "ada" / "second.json").write_text("{}")
    with pytest.raises(MalformedSubmission) as caught:
        batch_upload([folder], of_students=True)
    assert [error.sentence for error in caught.value.errors] == [
        "ada: expected one file for each student, got 2 files; leave one, or give the files by name"
    ]
    with pytest.raises(MalformedSubmission) as caught:
        batch_upload({".ada": GRADIENTS, "": GRADIENTS}, of_students=True)
    assert len(caught.value.errors) == 2
    with pytest.raises(MalformedSubmission, match="absent"):
        batch_upload([folder / "absent.json", folder / "none"], of_students=True)
